"""What an operation knows of the request beside its members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from device_manager.facades.acting import Actor
from device_manager.security.foreign_credentials import ForeignCaller

Kind = Literal["asset", "asset-model", "portal", "project", "time-series"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, after its signature was found to be right.

    Attributes:
        actor: calls actions as the holder of the access key.
        base_url: address of the interface as the client knows it.
        answer_headers: what an operation adds to its answer; names in lower case.
    """

    actor: Actor
    base_url: str
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> ForeignCaller:
        """Whose access key it is."""
        return self.actor.caller

    @property
    def engine(self) -> str:
        """The engine of the access key."""
        return self.actor.engine

    def arn(self, kind: Kind, id: str) -> str:
        """The name of a resource in all of AWS (facades 2.12)."""
        return f"arn:aws:iotsitewise:{self.caller.region}:{self.caller.account}:{kind}/{id}"
