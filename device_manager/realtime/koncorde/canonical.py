"""Conjunctions and disjunctions of canonical trees, canonical again (router-protocol 7.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from device_manager.realtime.koncorde.conditions import Exists, OneOf, Range
from device_manager.realtime.koncorde.scalars import scalar_of
from device_manager.realtime.koncorde.tree import EVERYTHING, NOTHING, AllOf, AnyOf, Leaf, Node, compound, leaf, negated


def any_of(nodes: Iterable[Node]) -> Node:
    """The documents of at least one of the nodes."""
    return negated(all_of(map(negated, nodes)))


def all_of(nodes: Iterable[Node]) -> Node:
    """The documents of all of the nodes."""
    leaves: dict[str, Leaf] = {}
    choices: dict[str, AnyOf] = {}
    for node in _operands(nodes):
        if isinstance(node, Leaf):
            leaves[node.key] = node
        elif isinstance(node, AnyOf):
            choices[node.key] = node
        elif node is NOTHING:
            return NOTHING
    merged = _merged(leaves.values())
    if merged is None:
        return NOTHING
    keys = leaves.keys() | {found.key for found in merged}
    # A choice of which one alternative has to hold anyway says nothing more.
    rest = [choice for choice in choices.values() if keys.isdisjoint(node.key for node in choice.nodes)]
    found: list[Node] = [*merged, *rest]
    if not found:
        return EVERYTHING
    return found[0] if len(found) == 1 else compound(AllOf, found)


def _operands(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, AllOf):
            yield from node.nodes
        elif node is not EVERYTHING:
            yield node


def _merged(leaves: Iterable[Leaf]) -> list[Leaf] | None:
    """The conditions, those on one field brought together; None when they contradict each other."""
    by_field: defaultdict[str, list[Leaf]] = defaultdict(list)
    for found in leaves:
        by_field[found.condition.field].append(found)
    merged: list[Leaf] = []
    for field, on_field in by_field.items():
        together = _on_field(field, on_field) if len(on_field) > 1 else on_field
        if together is None:
            return None
        merged += together
    return merged


def _on_field(field: str, leaves: list[Leaf]) -> list[Leaf] | None:
    wanted = [found for found in leaves if not found.negated]
    unwanted = [found for found in leaves if found.negated]
    if any(isinstance(found.condition, Exists) for found in unwanted):
        return None if wanted else [leaf(Exists(field), negated=True)]
    joined = _joined_ranges(field, wanted)
    if joined is None:
        return None
    wanted = joined
    if any(isinstance(found.condition, OneOf) for found in wanted):
        return _values(field, wanted, unwanted)
    if any(not isinstance(found.condition, Exists) for found in wanted):
        wanted = [found for found in wanted if not isinstance(found.condition, Exists)]
    keys = {found.key for found in wanted}
    if any(leaf(found.condition).key in keys for found in unwanted):
        return None
    return wanted + _joined_exclusions(field, wanted, unwanted)


def _values(field: str, wanted: list[Leaf], unwanted: list[Leaf]) -> list[Leaf] | None:
    """The scalars that pass every condition on the field: they alone say it all."""
    sets = [found.condition.keys for found in wanted if isinstance(found.condition, OneOf)]
    keys = frozenset(
        key
        for key in frozenset.intersection(*sets)
        if all(found.condition.test(scalar_of(key)) for found in wanted)
        and not any(found.condition.test(scalar_of(key)) for found in unwanted)
    )
    return [leaf(OneOf(field, keys))] if keys else None


def _joined_exclusions(field: str, wanted: list[Leaf], unwanted: list[Leaf]) -> list[Leaf]:
    """The excluded conditions, with one set of the excluded scalars that could be there at all."""
    sets = [found.condition.keys for found in unwanted if isinstance(found.condition, OneOf)]
    rest = [found for found in unwanted if not isinstance(found.condition, OneOf)]
    keys = frozenset(
        key for key in frozenset().union(*sets) if all(found.condition.test(scalar_of(key)) for found in wanted)
    )
    return [*rest, leaf(OneOf(field, keys), negated=True)] if keys else rest


def _joined_ranges(field: str, wanted: list[Leaf]) -> list[Leaf] | None:
    """The conditions with one range instead of several; None when no number is in all of them."""
    ranges = [found.condition for found in wanted if isinstance(found.condition, Range)]
    if len(ranges) < 2:
        return wanted
    rest = [found for found in wanted if not isinstance(found.condition, Range)]
    lows = [(one.low, not one.includes_low) for one in ranges if one.low is not None]
    highs = [(one.high, one.includes_high) for one in ranges if one.high is not None]
    low, excludes_low = max(lows) if lows else (None, False)
    high, includes_high = min(highs) if highs else (None, True)
    if low is not None and high is not None:
        if low > high or (low == high and (excludes_low or not includes_high)):
            return None
        if low == high:
            return [*rest, leaf(OneOf(field, frozenset({low})))]
    return [*rest, leaf(Range(field, low, high, not excludes_low, includes_high))]
