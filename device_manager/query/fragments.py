"""Pieces of SQL with their parameters, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device_manager.query.conversions import IndexValue

INT64 = range(-(2**63), 2**63)

RUNNER = "embedded store"
"""How errors name who cannot run a clause."""

SqlValue = str | int | float | None

Parameter = SqlValue | Callable[..., bool | int | str]
"""What is bound: a value, or a function that SQL hands to `has_value`, `has_source`, `rounded` or `values_of`."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL and the values of its `?` in order."""

    sql: str
    parameters: tuple[Parameter, ...] = ()


TRUE = Fragment("1")
FALSE = Fragment("0")


def conjunction(parts: Sequence[Fragment]) -> Fragment:
    """All of `parts`; true without any."""
    return joined("AND", [part for part in parts if part is not TRUE]) if parts else TRUE


def joined(operator: str, parts: Sequence[Fragment]) -> Fragment:
    """`parts` with `operator` between them, as a balanced tree: SQLite refuses expressions deeper than 1,000."""
    if not parts:
        return TRUE if operator == "AND" else FALSE
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = joined(operator, parts[:half]), joined(operator, parts[half:])
    return Fragment(f"({left.sql} {operator} {right.sql})", left.parameters + right.parameters)


def storable(value: IndexValue | None) -> SqlValue:
    """`value` as a parameter: integers beyond 64 bits become floats, which compare the same way."""
    return float(value) if isinstance(value, int) and value not in INT64 else value
