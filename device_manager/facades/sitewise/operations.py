"""What an operation is, and which one a request asks for (facades 2.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from device_manager.facades.sitewise.errors import unknown_operation
from device_manager.facades.sitewise.shapes import Input
from device_manager.facades.sitewise.visit import Visit

Content = dict[str, Any]
Handler = Callable[[Visit, Any], Awaitable[Content | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of the table.

    Attributes:
        name: as in the service's model.
        verb: of HTTP.
        uri: the path, with `{member}` for the parts that are members of the request.
        input: the members and their constraints.
        handler: gets the visit and an `input`, and gives the body of the answer; None for an empty one.
        status: of its answers.
        first: is asked before a kept answer is given again, and refuses what no retry may get either.
        like: controller and action that the caller has to have a right to, where the operation calls none itself.
        query: members that stand in the query although the request has a body.
        headers: members that stand in headers, by the names of these in lower case.
        is_data: writes or reads values, so that its clients know an error for a store that is away.
    """

    name: str
    verb: str
    uri: str
    input: type[Input]
    handler: Handler
    status: int = 200
    first: Handler | None = None
    like: tuple[str, str] | None = None
    query: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    is_data: bool = False


class Asked(NamedTuple):
    """The operation that a request asks for, and the members that its path holds."""

    operation: Operation
    members: dict[str, str]


class Routes:
    """Finds operations.

    Args:
        operations: all of them; a trailing slash is a part of the path.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str, ...], Operation]]] = {}
        for operation in operations:
            segments = tuple(operation.uri.split("/"))
            self._by_shape.setdefault((operation.verb, len(segments)), []).append((segments, operation))
        for known in self._by_shape.values():
            known.sort(key=_labels)

    def find(self, verb: str, path: bytes) -> Asked:
        """The operation at a raw path, mount left out.

        Raises:
            SiteWiseError: `UnknownOperationException`.
        """
        text = path.decode("latin-1")
        segments = text.split("/")
        for pattern, operation in self._by_shape.get((verb, len(segments)), ()):
            members = _matched(pattern, segments)
            if members is not None:
                return Asked(operation, members)
        raise unknown_operation(verb, text)


def said(name: str, value: Any) -> Content:
    """A member of an answer; nothing for None."""
    return {} if value is None else {name: value}


def _labels(known: tuple[tuple[str, ...], Operation]) -> int:
    return sum(segment.startswith("{") for segment in known[0])


def _matched(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    """The members in a path, None when it is not of this pattern."""
    members: dict[str, str] = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{") and segment:
            members[expected[1:-1]] = unquote(segment)
        elif expected != segment:
            return None
    return members
