"""Export tickets: what was prepared, for the one download that uses it up (device-manager 2.8, design 6)."""

from __future__ import annotations

import asyncio
import contextvars
import time
import uuid
from typing import Any, NamedTuple

import orjson
import structlog

from device_manager.errors import ApiError, api_error
from device_manager.query.tree import Query, Range, Term
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store, Transaction
from device_manager.storage.removal import remove_matching
from device_manager.twins.documents import Source

EXPORTS = "exports"
MAPPING: Source = {"dynamic": "false", "properties": {"engine": {"type": "keyword"}, "expiresAt": {"type": "long"}}}

log = structlog.get_logger("exports")


class Subject(NamedTuple):
    """What an export is about, which the path of its link says too.

    Attributes:
        engine: the engine.
        collection: `assets` or `devices`.
        twin: the twin whose measures are exported; None exports the twins themselves.
    """

    engine: str
    collection: str
    twin: str | None = None


class Tickets:
    """Issues tickets and takes them back.

    Args:
        store: where they are, for all servers.
        lifetime: seconds for which a ticket is good.
    """

    def __init__(self, store: Store, lifetime: float) -> None:
        self._store = store
        self._lifetime = lifetime
        self._latest = 0
        self._clearing: asyncio.Task[None] | None = None

    async def issue(self, subject: Subject, wanted: dict[str, Any]) -> str:
        """The id of a new ticket.

        Args:
            subject: what it is about.
            wanted: what the export needs to know of the request; any JSON.

        Raises:
            ApiError: the store does not answer.
        """
        id = str(uuid.uuid4())
        expires_at = _now() + int(self._lifetime * 1000)
        # As text: members of somebody's query may have names that no document can have.
        source = subject._asdict() | {"expiresAt": expires_at, "wanted": orjson.dumps(wanted).decode()}
        try:
            await self._create(id, source)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            await self._store.create_collection(INTERNAL_INDEX, EXPORTS, MAPPING)
            await self._create(id, source)
        self._latest = max(self._latest, expires_at)
        if self._clearing is None:
            self._clearing = asyncio.get_running_loop().create_task(self._clear(), context=contextvars.Context())
        return id

    async def _create(self, id: str, source: Source) -> None:
        await self._store.transact(lambda tx: tx.create(INTERNAL_INDEX, EXPORTS, source, id))

    async def redeem(self, id: str, subject: Subject) -> dict[str, Any]:
        """What a ticket was issued with; it is used up by this, also when two ask for it at once.

        Raises:
            ApiError: `device_manager.exports.not_found` for one that is unknown, used up, expired or about something
                else.
        """
        key = Key(INTERNAL_INDEX, EXPORTS, id)

        def decide(tx: Transaction) -> str | None:
            ticket = tx.read((key,)).get(key)
            if ticket is None or ticket.source["expiresAt"] <= _now() or subject != _subject(ticket.source):
                return None
            tx.delete(key)
            return str(ticket.source["wanted"])

        try:
            text = await self._store.transact(decide)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            text = None
        if text is None:
            raise api_error("device_manager.exports.not_found", id)
        wanted: dict[str, Any] = orjson.loads(text)
        return wanted

    async def close(self) -> None:
        """Stop clearing; what is left is cleared by whoever issues tickets next."""
        if self._clearing is not None:
            self._clearing.cancel()
            await asyncio.gather(self._clearing, return_exceptions=True)

    async def _clear(self) -> None:
        """Remove expired tickets, those of other servers too, until the last one issued here has expired."""
        try:
            while (left := self._latest - _now()) >= 0:
                await asyncio.sleep(left / 1000 + 1)
                await _remove(self._store, Range("expiresAt", lte=_now()))
        except ApiError as error:
            log.warning("cannot remove expired export tickets now", reason=error.message)
        finally:
            self._clearing = None


async def remove_tickets(store: Store, engine: str) -> None:
    """Remove the tickets of an engine that is gone. Raises ApiError when the store does not answer."""
    await _remove(store, Term("engine", engine))


async def _remove(store: Store, query: Query) -> None:
    try:
        await remove_matching(store, INTERNAL_INDEX, EXPORTS, query)
    except ApiError as error:
        if not error.is_unknown_place:
            raise


def _subject(source: Source) -> Subject:
    return Subject(source["engine"], source["collection"], source.get("twin"))


def _now() -> int:
    return time.time_ns() // 1_000_000
