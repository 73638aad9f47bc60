"""Pages of several collections make one page in the order of the sort keys (router-protocol 5.6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device_manager.query.search import Hit, Sort
from device_manager.storage.merging import LocatedHit, Target, merged

NAMES = st.one_of(st.none(), st.sampled_from("abc"))
HEIGHTS = st.integers(0, 2)


@given(pages=st.lists(st.lists(st.tuples(NAMES, HEIGHTS), max_size=6), max_size=4), most=st.integers(0, 12))
def test_the_first_hits_of_all_pages_come_in_order_and_equal_ones_as_the_pages_do(
    pages: list[list[tuple[str | None, int]]], most: int
) -> None:
    def order(hit: LocatedHit) -> tuple[bool, str, int]:
        name, height = hit.hit.sort
        return name is None, str(name or ""), -int(height or 0)

    located = [
        sorted((_hit(page, place, *keys) for place, keys in enumerate(content)), key=order)
        for page, content in enumerate(pages)
    ]
    expected = sorted((hit for page in located for hit in page), key=order)[:most]
    assert merged(located, (Sort("name"), Sort("height", "desc")), most) == expected


def _hit(page: int, place: int, name: str | None, height: int) -> LocatedHit:
    hit = Hit(id=f"{page}-{place}", source={}, score=None, sort=(name, height))
    return LocatedHit(hit, Target("weather", f"stations-{page}"))


def test_hits_without_sort_keys_come_by_falling_score() -> None:
    pages = [
        [LocatedHit(Hit(id=f"{page}-{score}", source={}, score=score), Target("weather", page)) for score in scores]
        for page, scores in (("a", (3.0, 1.0)), ("b", (2.0, 1.0)))
    ]
    assert [hit.id for hit, _ in merged(pages, (), 3)] == ["a-3.0", "b-2.0", "a-1.0"]
