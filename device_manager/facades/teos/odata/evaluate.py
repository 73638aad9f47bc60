"""Whether an entity matches a filter; both sides of a comparison are brought into the form of the property's type."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from device_manager.facades.teos.errors import unusable
from device_manager.facades.teos.identity import number_of
from device_manager.facades.teos.odata.schema import (
    ADDRESS,
    ASSET_ID,
    DATE,
    GUID,
    STATE,
    STATES,
    TYPE,
    TYPES,
    EntityType,
)
from device_manager.facades.teos.odata.tree import (
    Call,
    Compare,
    In,
    Literal,
    Logic,
    Member,
    Node,
    Not,
    Quantified,
)

Entity = Mapping[str, Any]
Variables = Mapping[str, Any]
Test = Callable[[Entity], bool]

ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class Filter:
    """A filter on the entities of one type.

    Args:
        node: what it says.
        kind: the type.

    Raises:
        TeosError: 12001 that names a property which is unknown, or which filters may not use.
    """

    def __init__(self, node: Node, kind: EntityType) -> None:
        self._node = node
        self._kind = kind
        _check(node, kind, {})

    def matches(self, entity: Entity) -> bool:
        """Whether `entity` does."""
        return self._value(self._node, entity, {}) is True

    def _value(self, node: Node, entity: Entity, variables: Variables) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Member):
            return _read(node.path, entity, variables)
        if isinstance(node, Logic):
            wanted = node.op == "or"
            found = any((self._value(operand, entity, variables) is True) is wanted for operand in node.operands)
            return found is wanted
        if isinstance(node, Not):
            return self._value(node.operand, entity, variables) is not True
        if isinstance(node, Compare | In):
            return self._compare(node, entity, variables)
        if isinstance(node, Call):
            return _call(node.name, [self._value(argument, entity, variables) for argument in node.arguments])
        return self._quantified(node, entity, variables)

    def _compare(self, node: Compare | In, entity: Entity, variables: Variables) -> bool:
        others = node.values if isinstance(node, In) else (node.right,)
        kind = next((found for side in (node.left, *others) if (found := self._type(side, variables))), None)
        left = canonical(kind, self._value(node.left, entity, variables))
        rights = [canonical(kind, self._value(other, entity, variables)) for other in others]
        if isinstance(node, In) or node.op == "eq":
            return any(left == right for right in rights)
        if node.op == "ne":
            return bool(left != rights[0])
        try:
            return ORDERED[node.op](left, rights[0])
        except TypeError:
            return False

    def _type(self, node: Node, variables: Variables) -> str | None:
        if not isinstance(node, Member):
            return None
        if node.path[0] in variables:
            return str(variables[f"{node.path[0]}:type"]) if len(node.path) == 1 else None
        return self._kind.find(node.path)

    def _quantified(self, node: Quantified, entity: Entity, variables: Variables) -> bool:
        values = _read(node.path.path, entity, variables) or []
        if node.condition is None:
            return bool(values)
        kind = (self._type(node.path, variables) or "").strip("[]")
        condition = node.condition
        results = (
            self._value(condition, entity, {**variables, node.variable: value, f"{node.variable}:type": kind}) is True
            for value in values
        )
        return any(results) if node.op == "any" else all(results)


def canonical(kind: str | None, value: Any) -> Any:
    """A value in the one form in which values of its type are compared; what cannot have that form stays as it is."""
    if kind == STATE:
        return _state_number(value)
    if kind == TYPE and isinstance(value, str):
        return TYPES.get(value, _number(value))
    if not isinstance(value, str):
        return value
    if kind in (GUID, ADDRESS):
        return value.lower()
    if kind == ASSET_ID:
        number = number_of(value)
        return value if number is None else number
    return _instant(value) if kind == DATE else value


def _state_number(value: Any) -> Any:
    """Null stands for the state in which a transaction waits for its signature."""
    if value is None:
        return 1
    if isinstance(value, str):
        if value in STATES:
            return STATES.index(value) + 1
        return _number(value)
    return value


def _number(text: str) -> int | str:
    """A number in quotes; any other text stays as it is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _instant(text: str) -> Any:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return text
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _read(path: tuple[str, ...], entity: Entity, variables: Variables) -> Any:
    value: Any = variables[path[0]] if path[0] in variables else entity.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _call(name: str, arguments: list[Any]) -> Any:
    if any(not isinstance(argument, str) for argument in arguments):
        return None
    first = arguments[0]
    if name == "tolower":
        return first.lower()
    if name == "toupper":
        return first.upper()
    if name == "length":
        return len(first)
    second = arguments[1]
    if name == "indexof":
        return first.find(second)
    if name == "startswith":
        return first.startswith(second)
    return first.endswith(second) if name == "endswith" else second in first


def _check(node: Node, kind: EntityType, variables: Mapping[str, str]) -> None:
    """Refuse properties that are unknown or out of bounds."""
    if isinstance(node, Member):
        _check_member(node, kind, variables)
    elif isinstance(node, Quantified):
        _check(node.path, kind, variables)
        if node.condition is not None:
            _check(node.condition, kind, {**variables, node.variable: ""})
    else:
        for part in _parts(node):
            _check(part, kind, variables)


def _check_member(node: Member, kind: EntityType, variables: Mapping[str, str]) -> None:
    if node.path[0] in variables:
        return
    name = "/".join(node.path)
    if kind.find(node.path) is None:
        raise unusable(f"Could not find a property named '{name}' on type '{kind.name}'.", name)
    if node.path[0] in kind.unfilterable:
        raise unusable(f"The property '{name}' cannot be used in $filter.", name)


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Compare):
        return (node.left, node.right)
    if isinstance(node, In):
        return (node.left, *node.values)
    if isinstance(node, Logic):
        return node.operands
    if isinstance(node, Not):
        return (node.operand,)
    return node.arguments if isinstance(node, Call) else ()
