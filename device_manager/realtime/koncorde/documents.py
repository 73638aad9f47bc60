"""Documents as filters see them: values by dotted path, arrays as a whole (router-protocol 7.1)."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any, Final

Fields = dict[str, Any]
"""What stands at each path that a filter asks about."""

ID: Final = "_id"
"""The path at which a document's id stands."""


class Absent:
    """What stands at a path that a document does not have."""


ABSENT: Final = Absent()


def fields_of(id: str | None, source: dict[str, Any], wanted: Container[str]) -> Fields:
    """The values of a document at the paths in `wanted`, which also holds the paths above each path.

    Nothing else of the document is looked at, however large it is. A name with dots is the path that it spells.
    """
    fields: Fields = {}
    waiting = [("", source)]
    while waiting:
        above, inner = waiting.pop()
        for name, value in inner.items():
            path = f"{above}{name}"
            if path in wanted:
                fields[path] = value
                if value.__class__ is dict:
                    waiting.append((f"{path}.", value))
    if id is not None and ID in wanted:
        fields[ID] = id
    return fields


def paths_above(path: str) -> Iterator[str]:
    """`path` itself and the paths of the objects that it leads through."""
    yield path
    while "." in path:
        path = path.rpartition(".")[0]
        yield path
