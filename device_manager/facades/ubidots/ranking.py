"""A page of a list that the store does not sort or filter, out of all there is, in bounded memory (facades 4.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from device_manager.facades.ubidots.filters import Selection
from device_manager.facades.ubidots.pages import Page
from device_manager.storage.stamps import Source

T = TypeVar("T")
Rows = Iterable[tuple[T, Source]]
"""What a list is about, each with how clients see it."""


class _Entry(NamedTuple):
    """Something on the list.

    Attributes:
        place: what it is sorted by.
        number: how many came before it; equal ones stay in their order.
        item: what it is about.
    """

    place: tuple[bool, Any]
    number: int
    item: Any


async def ranked(
    read: Callable[[], AsyncIterator[Rows[T]]], selection: Selection, page: Page, most: int
) -> tuple[list[T], int]:
    """What is on a page, and how much there is on all.

    Everything is read once for each `most` entries that the page is deep.

    Args:
        read: reads everything, some at a time, in the order of creation.
        selection: what is wanted of it, and how it is sorted.
        page: the part that is wanted.
        most: entries that are kept in memory, at least those of a page.

    Raises:
        ApiError: what `read` raises.
    """
    skipped, last, most = 0, None, max(most, page.size)
    while True:
        wanted = page.offset + page.size - skipped
        kept, count = await _first(read(), selection, min(wanted, most), last)
        if wanted <= most or len(kept) < most:
            return [entry.item for entry in kept[page.offset - skipped : wanted]], count
        passed = min(most, page.offset - skipped)
        skipped, last = skipped + passed, kept[passed - 1]


async def _first(
    slices: AsyncIterator[Rows[T]], selection: Selection, most: int, after: _Entry | None
) -> tuple[list[_Entry], int]:
    """The first entries after one, and how many there are before and after."""
    kept: list[_Entry] = []
    count = number = 0
    async for rows in slices:
        for item, row in rows:
            number += 1
            if selection.wants(row):
                count += 1
                entry = _Entry(selection.place(row), number, item)
                if after is None or _follows(entry, after, descending=selection.descending):
                    kept.append(entry)
        kept.sort(key=lambda entry: entry.place, reverse=selection.descending)
        del kept[most:]
    return kept, count


def _follows(entry: _Entry, other: _Entry, *, descending: bool) -> bool:
    if entry.place == other.place:
        return entry.number > other.number
    return (entry.place > other.place) != descending
