"""What a filter says, as a tree."""

from __future__ import annotations

from dataclasses import dataclass

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that the filter spells out."""

    value: Value


@dataclass(frozen=True, slots=True)
class Member:
    """A property, by its path."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, `op` being one of eq ne gt ge lt le."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In:
    """`left in (a, b)`."""

    left: Node
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or` of several."""

    op: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function, its name in lower case."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quantified:
    """`path/any(x: condition)` or `all`; without a condition, whether there is anything."""

    op: str
    path: Member
    variable: str
    condition: Node | None


Node = Literal | Member | Compare | In | Logic | Not | Call | Quantified
