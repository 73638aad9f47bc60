"""From Submitted to Confirmed: a task whose steps can be repeated, so that it survives its process (facades 3.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import structlog

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.teos.asset_twins import SEEN, create_twin, seen_of, show
from device_manager.facades.teos.chain.contract import Chain, Receipt
from device_manager.facades.teos.effects import commit
from device_manager.facades.teos.kinds import ACTIVATION, asset_of
from device_manager.facades.teos.ledger import Ledgers, block_fault
from device_manager.facades.teos.records import ASSET, Source, now, record_key
from device_manager.facades.teos.telling import Telling
from device_manager.facades.teos.transactions import (
    BY_CHAIN,
    BY_SERVER,
    COMMITTED,
    COMMITTING,
    CONFIRMED,
    SUBMITTED,
    moved,
    own_id,
    transaction_key,
)
from device_manager.router.request import Connection
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCaller
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.tasks import Progress, TaskKind

KEPT = 3600.0
"""Seconds for which the task can be read after its end; the transaction tells the rest."""
WAITING = "wait"
"""Where a task stands that has to try again: its chain has not taken the transaction up yet, or others were faster."""
CONTENDED = frozenset({"services.storage.too_many_changes", "device_manager.models.changed"})
PAUSE = 0.2
"""Seconds before another attempt."""
SHOWING, CONFIRMING, TELLING = "show", "confirm", "tell"
"""What a task does next: show what was committed to others, confirm it, tell how it ended."""

log = structlog.get_logger("teos")


class Committing:
    """Commits and confirms what was submitted.

    Args:
        router: runs the actions.
        store: where transactions and ledgers are.
        chain: what transactions are written to.
        telling: tells what became of it.
        platform: the platform index.
    """

    def __init__(self, router: Router, store: Store, chain: Chain, telling: Telling, platform: str) -> None:
        self._router = router
        self._store = store
        self._chain = chain
        self._telling = telling
        self._platform = platform
        self._ledgers = Ledgers(store)
        self.kind = TaskKind(COMMITTING, self._step, kept=KEPT)

    async def _step(self, arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        """See `TaskKind`: first the commit, then what others see of it, then the confirmation.

        Steps may run twice, so that everybody is told at least once.
        """
        key = transaction_key(arguments["engine"], arguments["transaction"])
        document = (await self._store.read((key,))).get(key)
        if document is None:
            return None
        source = document.source
        if cursor in (None, WAITING):
            return await self._commit(key, source)
        if cursor == CONFIRMING:
            return await self._confirm(key, source)
        await self._telling.state(own_id(key.id), source)
        if cursor == TELLING:
            return None
        await self._telling.asset(own_id(key.id), source)
        await self._show(source)
        return CONFIRMING

    async def _commit(self, key: Key, source: Source) -> str:
        if source["state"] != SUBMITTED:
            return SHOWING if source["state"] == COMMITTED else TELLING
        receipt = await self._chain.receipt(source["hash"], bytes.fromhex(source["call"][2:]))
        if receipt is None:
            return WAITING
        if not receipt.accepted:
            return await self._revoke(key, BY_CHAIN, "the chain refused it")
        if source["type"] == ACTIVATION:
            try:
                await create_twin(self._actor(source), own_id(key.id), source)
            except ApiError as error:
                return await self._refused(key, error)
        moment = now()
        state = await self._store.transact(lambda tx: commit(tx, key, receipt, moment))
        return SHOWING if state == COMMITTED else TELLING

    async def _refused(self, key: Key, error: ApiError) -> str:
        """What is next when the twin of a new asset cannot be made: another attempt, or the end."""
        if error.is_unavailable:
            raise error
        if error.id in CONTENDED:
            await asyncio.sleep(PAUSE)
            return WAITING
        return await self._revoke(key, BY_SERVER, error.message)

    async def _show(self, source: Source) -> None:
        """Let clients of other interfaces see what changed, until it is what the record says."""
        if source["type"] not in SEEN:
            return
        engine, id = source["engine"], asset_of(source["type"], orjson.loads(source["data"]))
        key = record_key(engine, ASSET, id)
        shown: Source | None = None
        while (record := (await self._store.read((key,))).get(key)) is not None:
            seen = seen_of(source["type"], record.source)
            if seen == shown:
                return
            shown = seen
            try:
                await show(self._actor(source), id, seen)
            except ApiError as error:
                if error.is_unavailable:
                    raise
                log.warning("a change is not shown to other clients", engine=engine, asset=id, reason=error.message)

    async def _confirm(self, key: Key, source: Source) -> str:
        receipt = Receipt(True, int(source["gasUsed"]), source.get("minedIn", 0))
        if not await self._chain.is_final(receipt):
            return CONFIRMING
        fault = await self._fault(source)
        if fault:
            log.error("a block of the ledger is not as it was written", transaction=key.id, reason=fault)
            return await self._revoke(key, BY_CHAIN, fault)
        moment = now()
        await self._store.transact(lambda tx: _move(tx, key, (COMMITTED,), CONFIRMED, moment))
        return TELLING

    async def _fault(self, source: Source) -> str:
        """What is wrong with the block of a transaction; empty when nothing is."""
        engine, number = source["engine"], source["block"]
        if not await self._chain.check(source["hash"]):
            return "the chain does not have the transaction any more"
        block = await self._ledgers.block(engine, number)
        before = await self._ledgers.block(engine, number - 1) if number > 1 else None
        if block is None:
            return "it is gone"
        if (block.get("txHash"), block.get("from")) != (source["hash"], source["signedBy"]):
            return "it is about another transaction"
        return block_fault(block, number, block["parentHash"] if before is None else before.get("hash"))

    async def _revoke(self, key: Key, state: str, reason: str) -> str:
        """Give a transaction up; what is next."""
        log.warning("a transaction is revoked", transaction=key.id, state=state, reason=reason)
        moment = now()
        await self._store.transact(lambda tx: _move(tx, key, (SUBMITTED, COMMITTED), state, moment))
        return TELLING

    def _actor(self, source: Source) -> Actor:
        caller = ForeignCaller(source["credential"], source["engine"], source["kuid"])
        return Actor(self._router, caller, self._platform, Connection(COMMITTING, "internal"))


def _move(tx: Transaction, key: Key, expected: tuple[str, ...], state: str, moment: int) -> None:
    """Move a transaction from one of some states to another; nothing happens when it is in none of them."""
    document = tx.read((key,)).get(key)
    if document is not None and document.source["state"] in expected:
        tx.replace(key, moved(document.source, state, moment))
