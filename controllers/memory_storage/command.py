"""One command of Redis as an action: what it takes, the words that are sent, and an example that a test runs.

A command's `syntax` is close to the one of the Redis manual. Words in capitals are sent as they are, all others are
arguments: `name` stands for its value, `*name` for all values of a list, `#name` for their number. What stands in
brackets is left out when its argument is absent; `[NX]` is a flag `nx`, and `[GET +get]` comes once for each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from device_manager.redis_connection import Word

Value = str | int | float
MOST = 10_000
"""Most members that are asked for at once."""
Count = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]


class Entry(msgspec.Struct):
    """A key and its value."""

    key: Value
    value: Value


class Field(msgspec.Struct):
    """A field of a hash."""

    field: Value
    value: Value


class Scored(msgspec.Struct):
    """A member of a sorted set."""

    score: Value
    member: Value


class Point(msgspec.Struct):
    """A place on the map, in degrees."""

    lon: float
    lat: float
    name: Value


TYPES: Mapping[str, Any] = {
    "_id": str,
    "aggregate": str,
    "bit": int,
    "by": str,
    "count": Count,
    "direction": str,
    "distance": float,
    "elements": list[Value],
    "end": int,
    "ex": int,
    "fields": list[Value],
    "get": list[str],
    "idx": int,
    "index": int,
    "keys": list[Value],
    "lat": float,
    "limit": list[int],
    "lon": float,
    "match": str,
    "members": list[Value],
    "milliseconds": int,
    "offset": int,
    "operation": str,
    "options": list[Value],
    "pattern": str,
    "position": str,
    "px": int,
    "seconds": int,
    "sources": list[Value],
    "start": int,
    "stop": int,
    "subcommand": str,
    "timestamp": int,
    "unit": str,
    "values": list[Value],
    "weights": list[float],
}
"""Types of arguments by name; those of other names are `Value`."""


class _Part(NamedTuple):
    mark: str
    name: str
    literal: str | None
    optional: bool


_GROUP = re.compile(r"\[([^\]]+)\]|(\S+)")


@dataclass(frozen=True)
class Command:
    """An action of `ms`.

    Attributes:
        name: of the action.
        syntax: see this module.
        answers: type of the reply.
        text: what it does, in sentences.
        example: arguments of a call.
        reply: what it answers after the commands of `given`.
        given: commands that come before the example.
        verb: of its route. `GET` takes the arguments from the query string, others but `_id` from the body.
        path: of its route; None for `/ms/_<name>`, with the key behind it if there is one.
        types: of arguments, where they differ from `TYPES`.
        varies: whether the reply is another one each time.
        shape: what is made of the raw reply.
        description: what else is to say.
    """

    name: str
    syntax: str
    answers: Any
    text: str
    example: Mapping[str, Any]
    reply: Any
    given: tuple[str, ...] = ()
    verb: str = "GET"
    path: str | None = None
    types: Mapping[str, Any] = field(default_factory=dict)
    varies: bool = False
    shape: Callable[[Any], Any] | None = None
    description: str = ""

    @property
    def route(self) -> str:
        """Verb and path."""
        path = self.path or f"/ms/_{self.name}" + ("/:_id" if "_id" in self.arguments else "")
        return f"{self.verb} {path}"

    @property
    def arguments(self) -> dict[str, tuple[Any, bool]]:
        """Type of each argument, and whether it is required, in the order of the syntax."""
        found: dict[str, tuple[Any, bool]] = {}
        for part in self._parts():
            if part.name not in found:
                is_flag = part.mark == "?"
                type_ = bool if is_flag else self.types.get(part.name, TYPES.get(part.name, Value))
                found[part.name] = (type_, not part.optional)
        return found

    def words(self, values: Mapping[str, Any]) -> list[Word]:
        """What is sent for the values of the arguments."""
        words: list[Word] = [self.syntax.split()[0]]
        for part in self._parts():
            value = values.get(part.name)
            if part.optional and (value is None or value is False):
                continue
            words += _words(part, value)
        return words

    def _parts(self) -> Iterator[_Part]:
        for group, alone in _GROUP.findall(self.syntax.partition(" ")[2]):
            if alone:
                yield _part(alone, None, optional=False)
                continue
            literal, _, name = group.rpartition(" ")
            if group.isupper():
                yield _Part("?", group.lower(), group, True)
            else:
                yield _part(name, literal or None, optional=True)


def _part(text: str, literal: str | None, *, optional: bool) -> _Part:
    mark = text[0] if text[0] in "*#+" else ""
    return _Part(mark, text[len(mark) :], literal, optional)


def _words(part: _Part, value: Any) -> Iterator[Word]:
    if part.mark == "#":
        yield len(value)
        return
    if part.mark == "+":
        for item in value:
            yield from (part.literal or "", _word(item))
        return
    if part.literal is not None:
        yield part.literal
    if part.mark == "*":
        for item in value:
            yield from map(_word, msgspec.structs.astuple(item)) if isinstance(item, msgspec.Struct) else [_word(item)]
    elif part.mark != "?":
        yield _word(value)


def _word(value: Any) -> Word:
    """A value as JavaScript writes it: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    word: Word = value
    return word


def pairs(reply: list[Any]) -> dict[Any, Any]:
    """A list of names and values as an object."""
    return dict(zip(reply[::2], reply[1::2], strict=True))
