"""The filters of all rooms of one collection, found by document (router-protocol 7).

Every filter is listed under conditions of which a document that it matches fulfils at least one: of a conjunction the
conditions of the most selective operand, of a disjunction those of all operands. A document then meets the conditions
that it fulfils, and only the filters listed there are tried.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from device_manager.realtime.koncorde.conditions import (
    Contains,
    Exists,
    Kind,
    OneOf,
    Range,
)
from device_manager.realtime.koncorde.documents import fields_of
from device_manager.realtime.koncorde.filters import Filter
from device_manager.realtime.koncorde.postings import FieldPostings, Posting
from device_manager.realtime.koncorde.tree import AllOf, Always, AnyOf, Leaf, Node, leaf

_SELECTIVE, _NARROW, _HALF, _WIDE, _NEARLY_ALL = 0, 1, 4, 8, 1_000_000
"""How many documents fulfil a condition, before it is known how many rooms share it; only the order matters."""


class FilterIndex:
    """The filters of the rooms of one collection."""

    def __init__(self) -> None:
        self._filters: dict[str, Filter] = {}
        self._listed: dict[str, tuple[Leaf, ...] | None] = {}
        self._always: set[str] = set()
        self._fields: dict[str, FieldPostings] = {}
        self._postings: dict[str, Posting] = {}
        self._with_others: set[Posting] = set()
        self._wanted: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._filters)

    def add(self, room: str, filter: Filter) -> None:
        """Add a room; a room that is there already keeps its filter."""
        if room in self._filters:
            return
        _, leaves = self._necessary(filter.node)
        self._filters[room] = filter
        self._listed[room] = leaves
        self._wanted.update(filter.wanted)
        if leaves is None:
            self._always.add(room)
            return
        for listed in leaves:
            posting = self._posting(listed)
            (posting.others if listed.negated else posting.rooms).add(room)
            if listed.negated:
                self._with_others.add(posting)

    def remove(self, room: str) -> None:
        """Remove a room, if it is there."""
        filter = self._filters.pop(room, None)
        if filter is None:
            return
        self._always.discard(room)
        for path in filter.wanted:
            self._wanted[path] -= 1
            if not self._wanted[path]:
                del self._wanted[path]
        for listed in self._listed.pop(room) or ():
            posting = self._postings[_key(listed)]
            (posting.others if listed.negated else posting.rooms).discard(room)
            if not posting.others:
                self._with_others.discard(posting)
            if not posting.others and not posting.rooms:
                self._forget(posting)

    def matching(self, id: str | None, source: dict[str, Any]) -> set[str]:
        """The rooms whose filters a document matches; None is the id of a message that has none."""
        fields = fields_of(id, source, self._wanted)
        met = {
            posting
            for field, value in fields.items()
            if (postings := self._fields.get(field)) is not None
            for posting in postings.met_by(value)
        }
        rooms = self._always.union(
            *(posting.rooms for posting in met), *(posting.others for posting in self._with_others - met)
        )
        return {room for room in rooms if self._filters[room].node.holds(fields)}

    def _posting(self, listed: Leaf) -> Posting:
        key = _key(listed)
        posting = self._postings.get(key)
        if posting is None:
            posting = self._postings[key] = Posting(listed.condition, key)
            field = listed.condition.field
            if field not in self._fields:
                self._fields[field] = FieldPostings(FilterIndex)
            self._fields[field].add(posting)
        return posting

    def _forget(self, posting: Posting) -> None:
        del self._postings[posting.key]
        field = posting.condition.field
        self._fields[field].remove(posting)
        if not self._fields[field]:
            del self._fields[field]

    def _necessary(self, node: Node) -> tuple[int, tuple[Leaf, ...] | None]:
        """Conditions of which each document that matches fulfils one, and their cost; None when there are none such."""
        match node:
            case Always():
                return (_NEARLY_ALL * 2, None) if node.truth else (0, ())
            case Leaf():
                leaves = _positive(node)
                return sum(map(self._cost, leaves)), leaves
            case AllOf():
                return min(map(self._necessary, node.nodes), key=lambda found: found[0])
            case AnyOf():
                costs, found = zip(*map(self._necessary, node.nodes), strict=True)
                return sum(costs), tuple({listed.key: listed for leaves in found for listed in leaves or ()}.values())

    def _cost(self, listed: Leaf) -> int:
        """About how often a document meets the condition for nothing."""
        posting = self._postings.get(_key(listed))
        if listed.negated:
            return _NEARLY_ALL + (len(posting.others) if posting else 0)
        cost = _weight(listed) + (len(posting.rooms) if posting else 0)
        postings = self._fields.get(listed.condition.field)
        return cost if postings is None else cost + postings.load(listed.condition)


def _positive(node: Leaf) -> tuple[Leaf, ...]:
    """The alternatives to a condition that are found by looking them up: outside of a range is beyond one end of it."""
    condition = node.condition
    if not node.negated or not isinstance(condition, Range):
        return (node,)
    field = condition.field
    beyond = [leaf(Kind(field, "number"), negated=True)]
    if condition.low is not None:
        beyond.append(leaf(Range(field, None, condition.low, True, not condition.includes_low)))
    if condition.high is not None:
        beyond.append(leaf(Range(field, condition.high, None, not condition.includes_high, True)))
    return tuple(beyond)


def _key(listed: Leaf) -> str:
    return leaf(listed.condition).key if listed.negated else listed.key


def _weight(listed: Leaf) -> int:
    match listed.condition:
        case OneOf() | Contains():
            return _SELECTIVE
        case Range(low=None) | Range(high=None):
            return _HALF
        case Exists() | Kind():
            return _WIDE
    return _NARROW
