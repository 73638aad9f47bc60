"""Filters as trees of conditions, in a form that stays as small as the filter (router-protocol 7.2).

Negations stand at conditions only. `all_of`, `any_of` and `negated` keep trees canonical: nothing of a kind directly
inside its kind, operands in one order and once, conditions on one field merged, what contradicts or repeats itself
gone. No disjunctive form is ever made, so that nothing grows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from device_manager.realtime.koncorde.conditions import Condition
from device_manager.realtime.koncorde.documents import ABSENT, Fields


@dataclass(frozen=True, slots=True)
class Always:
    """Every document, or none."""

    truth: bool
    key: str

    def holds(self, fields: Fields) -> bool:
        """Whatever the document is."""
        return self.truth


EVERYTHING: Final = Always(True, '["everything"]')
NOTHING: Final = Always(False, '["nothing"]')


@dataclass(frozen=True, slots=True)
class Leaf:
    """Documents that fulfil one condition; when `negated`, those that do not, absent fields included."""

    condition: Condition
    negated: bool
    key: str

    def holds(self, fields: Fields) -> bool:
        """Whether a document, by its fields, is one of these."""
        value = fields.get(self.condition.field, ABSENT)
        return (value is not ABSENT and self.condition.test(value)) is not self.negated


@dataclass(frozen=True, slots=True)
class AllOf:
    """Documents of all of the nodes; there are at least two."""

    nodes: tuple[Node, ...]
    key: str

    def holds(self, fields: Fields) -> bool:
        """Whether a document, by its fields, is one of these."""
        return all(node.holds(fields) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Documents of at least one of the nodes; there are at least two."""

    nodes: tuple[Node, ...]
    key: str

    def holds(self, fields: Fields) -> bool:
        """Whether a document, by its fields, is one of these."""
        return any(node.holds(fields) for node in self.nodes)


Node = Always | Leaf | AllOf | AnyOf


def leaf(condition: Condition, *, negated: bool = False) -> Leaf:
    """The node of one condition."""
    form = condition.form()
    return Leaf(condition, negated, json.dumps(["not", form] if negated else form, separators=(",", ":")))


def compound(kind: type[AllOf] | type[AnyOf], nodes: Iterable[Node]) -> AllOf | AnyOf:
    """The node of several operands, which are put into order; they are canonical together already."""
    ordered = tuple(sorted(nodes, key=lambda node: node.key))
    name = "and" if kind is AllOf else "or"
    return kind(ordered, f'["{name}",{",".join(node.key for node in ordered)}]')


def negated(node: Node) -> Node:
    """The documents that `node` leaves out."""
    match node:
        case Always():
            return NOTHING if node.truth else EVERYTHING
        case Leaf():
            return leaf(node.condition, negated=not node.negated)
        case AllOf():
            return compound(AnyOf, map(negated, node.nodes))
        case AnyOf():
            return compound(AllOf, map(negated, node.nodes))
