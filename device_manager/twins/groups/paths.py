"""Paths of groups: the ids from the root to the group, joined by dots (device-manager 1.7, 2.4). Pure.

A path is compared by its segments: `a.bc` is not inside of `a.b`.
"""

from __future__ import annotations

from collections.abc import Iterable

from device_manager.query.tree import Bool, Prefix, Query, Term
from device_manager.twins.documents import Source


def last_segment(path: str) -> str:
    """The id of the group that a path leads to."""
    return path.rpartition(".")[2]


def parent_path(path: str) -> str:
    """The path of the group above; empty for a root."""
    return path.rpartition(".")[0]


def is_below(path: str, ancestor: str) -> bool:
    """Whether `path` leads to something underneath the group at `ancestor`."""
    return path.startswith(f"{ancestor}.")


def is_within(path: str, ancestor: str) -> bool:
    """Whether `path` leads to the group at `ancestor` or underneath it."""
    return path == ancestor or is_below(path, ancestor)


def moved(path: str, old: str, new: str) -> str:
    """`path` after the group at `old` went to `new`; without a `new` place what was below it becomes a root."""
    if not is_within(path, old):
        return path
    rest = path[len(old) + 1 :]
    return ".".join(part for part in (new, rest) if part)


def completed(path: str, id: str) -> str:
    """`path` with the group's own id at its end, unless it names that id already: the path of its parent will do."""
    return path if id in path.split(".") else f"{path}.{id}"


def stored_path(id: str, group: Source) -> str:
    """Where a stored group is; one without a path, which only foreign data has, is a root."""
    path = group.get("path")
    return path if isinstance(path, str) and path else id


def moved_memberships(memberships: Iterable[Source], old: str, new: str, now: int) -> list[Source]:
    """The `groups` of a twin after the group at `old` went to `new`; see `moved`.

    Entries of a group that went for good vanish, those that moved get the date `now`, and no path occurs twice.
    """
    result: dict[str, Source] = {}
    for membership in memberships:
        before = membership.get("path") or ""
        after = moved(before, old, new)
        if after:
            result.setdefault(after, membership if after == before else {"path": after, "date": now})
    return list(result.values())


def within(field: str, paths: Iterable[str]) -> Query:
    """A query for documents in which a value of `field` is within one of the `paths`."""
    clauses: list[Query] = []
    for path in paths:
        clauses += [Term(field, path), Prefix(field, f"{path}.")]
    return Bool(should=tuple(clauses))
