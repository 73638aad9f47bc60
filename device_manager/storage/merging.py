"""Pages of several collections as if they were one (router-protocol 5.6, `targets`): the order of their hits. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from functools import cmp_to_key
from itertools import islice
from typing import NamedTuple

from device_manager.query.search import Hit, Sort
from device_manager.query.tree import Scalar


class Target(NamedTuple):
    """One collection that a search looks into."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    collection: str


class LocatedHit(NamedTuple):
    """A hit, and where it is."""

    hit: Hit
    target: Target


def merged(pages: Iterable[Sequence[LocatedHit]], sort: Sequence[Sort], most: int) -> list[LocatedHit]:
    """The first hits of several pages, as if they were one.

    Args:
        pages: each in order; of hits that are equal, those of an earlier page come first.
        sort: what orders them; without any it is the falling score.
        most: hits to return.
    """

    def compare(one: LocatedHit, other: LocatedHit) -> int:
        return _compare(sort, one.hit, other.hit)

    return list(islice(heapq.merge(*pages, key=cmp_to_key(compare)), most))


def _compare(sort: Sequence[Sort], one: Hit, other: Hit) -> int:
    if not sort:
        return _signum(other.score or 0, one.score or 0)
    for key, mine, theirs in zip(sort, one.sort, other.sort, strict=False):
        if mine == theirs:
            continue
        if _is_missing(mine) or _is_missing(theirs):
            last = _is_missing(mine) == (key.missing == "_last")
            return 1 if last else -1
        order = _signum(mine, theirs)
        return order if key.order == "asc" else -order
    return 0


def _is_missing(value: Scalar) -> bool:
    """Whether a sort value says that there is none; for floating numbers it is a text, beyond all numbers."""
    return value is None or value in ("Infinity", "-Infinity")


def _signum(one: Scalar, other: Scalar) -> int:
    if isinstance(one, str) or isinstance(other, str):
        one, other = str(one), str(other)
    return (one > other) - (one < other)  # type: ignore[operator]  # numbers, or both texts
