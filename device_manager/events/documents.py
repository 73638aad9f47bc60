"""The generic events around reading and writing documents (router-protocol 3.4), by whatever door a request came."""

from __future__ import annotations

from typing import Any, Literal

from device_manager.errors import unexpected
from device_manager.events.bus import Check, EventBus

Kind = Literal["Get", "Search", "Write", "Update", "Delete"]
KINDS: tuple[Kind, ...] = ("Get", "Search", "Write", "Update", "Delete")

BEFORE: dict[Kind, str] = {kind: f"generic:document:before{kind}" for kind in KINDS}
AFTER: dict[Kind, str] = {kind: f"generic:document:after{kind}" for kind in KINDS}
WRITING = frozenset(KINDS) - {"Get", "Search"}
INJECT_METADATA = "generic:document:injectMetadata"


class DocumentEvents:
    """Runs the pipes of `generic:document:before<Kind>` and `after<Kind>`.

    Args:
        bus: the listeners.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def listens_before(self, kind: Kind) -> bool:
        """Whether anything listens before."""
        return self._bus.listens(BEFORE[kind])

    def listens_after(self, kind: Kind) -> bool:
        """Whether anything listens after."""
        return self._bus.listens(AFTER[kind])

    async def before(self, kind: Kind, payload: Any, request: Any, *, check: Check | None = None) -> Any:
        """Run the pipes before something happens to documents, on a copy of `payload`; what they made of it.

        Args:
            kind: what is about to happen.
            payload: `[{_id, _source}]`, `[{_id}]` or, before a search, its body.
            request: what listeners get beside the payload.
            check: looks at what each pipe left.

        Raises:
            ApiError: what a pipe or the check raised.
        """
        name = BEFORE[kind]
        return await self._bus.pipe(name, fresh(payload), request, check=check) if self._bus.listens(name) else payload

    async def after(self, kind: Kind, payload: Any, request: Any) -> Any:
        """Run the pipes behind it, on a copy of `payload`; what they made of it.

        Raises:
            ApiError: what a pipe raised, with `committed: true` when documents were written.
        """
        name = AFTER[kind]
        return await self.tell(name, payload, request, committed=kind in WRITING)

    async def tell(self, event: str, payload: Any, request: Any, *, committed: bool) -> Any:
        """Run the pipes of any event behind an action, on a copy of `payload`. Raises what `after` raises."""
        if not self._bus.listens(event):
            return payload
        try:
            return await self._bus.pipe(event, fresh(payload), request)
        except Exception as error:
            refusal = unexpected(error)
            if committed:
                refusal.extra = refusal.extra | {"committed": True}
            raise refusal from error

    @property
    def injects(self) -> bool:
        """Whether anything listens to `generic:document:injectMetadata`."""
        return self._bus.listens(INJECT_METADATA)

    async def inject(self, metadata: dict[str, Any], defaults: dict[str, Any] | None, request: Any) -> dict[str, Any]:
        """Let the pipes of `generic:document:injectMetadata` change the `_kuzzle_info` of a write.

        Args:
            metadata: what is going to be stored.
            defaults: of an upsert, what is stored when it creates the document.
            request: the request.

        Returns:
            `{metadata, defaultMetadata?}` as the pipes left it.

        Raises:
            ApiError: what a pipe raised.
        """
        payload = {"metadata": metadata} | ({} if defaults is None else {"defaultMetadata": defaults})
        left: dict[str, Any] = await self._bus.pipe(INJECT_METADATA, fresh(payload) | {"request": request})
        return left


def fresh(value: Any) -> Any:
    """A deep copy of a JSON value, for pipes to write into."""
    if isinstance(value, dict):
        return {key: fresh(member) for key, member in value.items()}
    if isinstance(value, list):
        return [fresh(member) for member in value]
    return value
