"""One request of a client of TEOS, as the parts of the interface see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from device_manager.facades.acting import Actor
from device_manager.facades.teos.errors import unauthorised, unusable
from device_manager.facades.teos.identity import guid_of
from device_manager.facades.teos.routes import Route
from device_manager.router.foreign import ForeignAnswer, ForeignRequest

JSON = "application/json; odata.metadata={metadata}; odata.streaming=true; charset=utf-8"
VERSION = {"odata-version": "4.0"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody known.

    Attributes:
        verb: upper case.
        route: what it is about.
        actor: calls actions in the sender's name.
        is_user: whether a user's token was shown, not an API key.
        base: URL of the service, as the client called it.
        query: raw.
        body: raw.
        headers: names in lower case; of repeated ones the last counts.
    """

    verb: str
    route: Route
    actor: Actor
    is_user: bool
    base: str
    query: bytes
    body: bytes
    headers: Mapping[str, str]

    @property
    def engine(self) -> str:
        """The sender's engine."""
        return self.actor.engine

    @property
    def kuid(self) -> str:
        """The sender."""
        return self.actor.caller.kuid

    @property
    def correlation(self) -> str | None:
        """The GUID by which the sender wants to find its request again."""
        return guid_of(self.headers.get("x-correlation-id", ""))

    def alias(self, name: str) -> str:
        """The value of a parameter alias such as `@p`, a text without its quotes. Raises 12001 for an unknown one."""
        for given, value in parse_qsl(self.query.decode("latin-1")):
            if given == name:
                return value.strip().strip("'")
        raise unusable(f"The parameter alias '{name}' has no value.", name)

    def need_user(self) -> None:
        """Raises 11001 for an API key, where only a user is somebody's own."""
        if not self.is_user:
            raise unauthorised("This needs the token of a user, not an API key.")

    def answer(self, content: dict[str, Any], context: str, status: int = 200) -> ForeignAnswer:
        """An answer in JSON with its context in front; empty for one without."""
        metadata = "none" if "metadata=none" in self.headers.get("accept", "").lower() else "minimal"
        if context and metadata == "minimal":
            content = {"@odata.context": f"{self.base}/$metadata#{context}", **content}
        return json_answer(content, status, metadata)


def json_answer(
    content: Any, status: int = 200, metadata: str = "minimal", headers: Mapping[str, str] | None = None
) -> ForeignAnswer:
    """An answer in JSON."""
    kind = {"content-type": JSON.format(metadata=metadata)}
    return ForeignAnswer(status, orjson.dumps(content), {**VERSION, **kind, **(headers or {})})


def no_content() -> ForeignAnswer:
    """What was asked for is done."""
    return ForeignAnswer(204, b"", VERSION)


def base_url(request: ForeignRequest, headers: Mapping[str, str]) -> str:
    """URL of the service, as the client called it."""
    scheme = "https" if headers.get("x-forwarded-proto", "").strip().lower() == "https" else "http"
    return f"{scheme}://{headers.get('host', 'localhost')}{request.mount.decode()}"
