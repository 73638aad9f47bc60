"""Reading the members of clauses, with errors that name their place (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

from device_manager.query.refusals import malformed

HARMLESS = frozenset({"boost", "_name"})
"""Members of clauses that change neither which documents match nor their order by fields."""


def members(content: Any, where: str) -> dict[str, Any]:
    """`content`, which has to be an object."""
    if not isinstance(content, dict):
        raise malformed(where, "expected an object")
    return content


def scalar(value: Any, where: str) -> str | int | float | bool:
    """`value`, which has to be a text, number or boolean."""
    if not isinstance(value, str | int | float | bool):
        raise malformed(where, f"expected a text, number or boolean, got {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return {dict: "an object", list: "an array", type(None): "null"}.get(type(value), type(value).__name__)


def flag(name: str, value: Any, where: str) -> bool:
    """The truth of the member `name`, also written as a text."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise malformed(where, f"{name} takes true or false")


def number(name: str, value: Any, where: str) -> float:
    """The number of the member `name`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(where, f"{name} has to be a number")
    return value


def choice(name: str, value: Any, accepted: tuple[str, ...], where: str) -> str:
    """The member `name`, one of the `accepted` words in any case."""
    found = value.lower() if isinstance(value, str) else value
    if found not in accepted:
        raise malformed(where, f"{name} has to be one of {', '.join(accepted)}")
    return str(found)


def field_path(content: dict[str, Any], where: str) -> str:
    """The path of the one field that the member `field` names."""
    field = content.get("field")
    if not isinstance(field, str) or not field:
        raise malformed(where, "expected the name of a field in `field`")
    return field


def one_field(content: Any, where: str, known: frozenset[str] = HARMLESS) -> tuple[str, Any]:
    """The one field of a clause and what is said about it; `known` are the clause's own members."""
    found = [(name, value) for name, value in members(content, where).items() if name not in known]
    if len(found) != 1:
        raise malformed(where, "expected an object with exactly one field")
    return found[0]


def check_members(content: dict[str, Any], known: set[str], where: str) -> None:
    """Refuse members that a clause does not have."""
    for name in content:
        if name not in known and name not in HARMLESS:
            raise malformed(where, f'unknown member "{name}", expected {", ".join(sorted(known))}')
