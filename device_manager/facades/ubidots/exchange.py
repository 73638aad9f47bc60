"""One request of a Ubidots client, as the parts of the interface see it (facades 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.errors import UbidotsError, invalid, not_json, wrong_type
from device_manager.router.foreign import ForeignAnswer, ForeignRequest
from device_manager.storage.stamps import Source

V2, V1 = "/api/v2.0", "/api/v1.6"
FALSE = frozenset({"", "0", "false"})
"""Header values that do not switch anything on."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came in, decoded, before anybody knows who sent it.

    Attributes:
        verb: upper case.
        path: segments, decoded, without the empty one that a slash at the end leaves.
        query: names and values in order.
        headers: names in lower case; of repeated ones the last counts.
        body: raw.
        base: scheme and host, as the client called them.
    """

    verb: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    base: str

    def argument(self, name: str) -> str | None:
        """The last value of a query parameter, None without one."""
        return dict(self.query).get(name)

    def is_on(self, header: str) -> bool:
        """Whether a header says yes."""
        return self.headers.get(header, "").strip().lower() not in FALSE

    def json(self) -> Any:
        """The body.

        Raises:
            UbidotsError: 415001 when it says that it is something else, 400001 when it is no JSON.
        """
        declared = self.headers.get("content-type", "")
        kind = declared.partition(";")[0].strip().lower()
        if declared and not (kind == "application/json" or kind.endswith("+json")):
            raise wrong_type(kind)
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise not_json(str(error)) from error

    def json_object(self) -> Source:
        """The body, which has to be an object. Raises what `json` raises."""
        content = self.json()
        if not isinstance(content, dict):
            raise invalid({"non_field_errors": ["Invalid data. Expected a dictionary."]})
        return content

    def bulk_array(self, most: int) -> list[Any]:
        """The body of a bulk operation: a list with something in it, but not too much.

        Raises:
            UbidotsError: what `json` raises; 400001.
        """
        content = self.json()
        if not isinstance(content, list):
            raise invalid({"non_field_errors": ["Expected an array."]})
        if not content:
            raise invalid({"non_field_errors": ["This array may not be empty."]})
        if len(content) > most:
            raise invalid({"non_field_errors": [f"Ensure this array has no more than {most} elements."]})
        return content


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of somebody known.

    Attributes:
        incoming: what came in.
        actor: calls actions in the sender's name.
        engine: the sender's engine.
    """

    incoming: Incoming
    actor: Actor
    engine: str

    def url(self, path: str) -> str:
        """An absolute URL of this server, as the client calls it."""
        return self.incoming.base + path


def read(request: ForeignRequest, path: tuple[str, ...]) -> Incoming:
    """A message in the form that the interface works with.

    Args:
        request: the message.
        path: its decoded segments.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.message.headers}
    scheme = "https" if headers.get("x-forwarded-proto", "").strip().lower() == "https" else "http"
    query = tuple(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
    base = f"{scheme}://{headers.get('host', 'localhost')}"
    return Incoming(request.message.verb, path, query, headers, request.message.body, base)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> ForeignAnswer:
    """An answer in JSON."""
    return ForeignAnswer(status, orjson.dumps(content), dict(headers or {}))


def no_content() -> ForeignAnswer:
    """What was asked for is done, and there is nothing to say."""
    return ForeignAnswer(204)


def refusal(error: UbidotsError) -> ForeignAnswer:
    """A refusal as an answer."""
    return ForeignAnswer(error.status, orjson.dumps(dict(error.body)), error.headers, error.name)
