"""From Submitted to Confirmed: a task whose steps can be repeated, so that it survives its process (facades 3.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import structlog

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.teos.assets import create_twin, show_links, twin_of
from device_manager.facades.teos.chain.contract import Chain, Receipt
from device_manager.facades.teos.errors import Detail
from device_manager.facades.teos.ledger import Ledgers, append, block_fault, head_key
from device_manager.facades.teos.placing import link_reasons
from device_manager.facades.teos.records import ASSET, Source, now, record_key
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
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.tasks import Progress, TaskKind
from device_manager.twins.places import asset_key

KEPT = 3600.0
"""Seconds for which the task can be read after its end; the transaction tells the rest."""
WAITING = "wait"
"""Where a task stands that has to try again: its chain has not taken the transaction up yet, or others were faster."""
CONTENDED = frozenset({"services.storage.too_many_changes", "device_manager.models.changed"})
PAUSE = 0.2
"""Seconds before another attempt."""
CREATION = "ActivateAsset"

log = structlog.get_logger("teos")


class Committing:
    """Commits and confirms what was submitted.

    Args:
        router: runs the actions.
        store: where transactions and ledgers are.
        chain: what transactions are written to.
        platform: the platform index.
    """

    def __init__(self, router: Router, store: Store, chain: Chain, platform: str) -> None:
        self._router = router
        self._store = store
        self._chain = chain
        self._platform = platform
        self._ledgers = Ledgers(store)
        self.kind = TaskKind(COMMITTING, self._step, kept=KEPT)

    async def _step(self, arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        """See `TaskKind`: first the commit, then what others see of it, then the confirmation."""
        key = transaction_key(arguments["engine"], arguments["transaction"])
        document = (await self._store.read((key,))).get(key)
        if document is None:
            return None
        source = document.source
        if cursor in (None, WAITING):
            return await self._commit(key, source)
        if cursor == "show":
            await self._show(source)
            return "confirm"
        return await self._confirm(key, source)

    async def _commit(self, key: Key, source: Source) -> str | None:
        if source["state"] != SUBMITTED:
            return "show" if source["state"] == COMMITTED else None
        receipt = await self._chain.receipt(source["hash"], bytes.fromhex(source["call"][2:]))
        if receipt is None:
            return WAITING
        if not receipt.accepted:
            await self._revoke(key, BY_CHAIN, "the chain refused it")
            return None
        data = orjson.loads(source["data"])
        if source["type"] == CREATION:
            try:
                await create_twin(self._actor(source), data["Asset"], source["internal"]["documentHash"])
            except ApiError as error:
                return await self._refused(key, error)
        moment = now()
        state = await self._store.transact(lambda tx: _commit(tx, key, data, receipt, moment))
        return "show" if state == COMMITTED else None

    async def _refused(self, key: Key, error: ApiError) -> str | None:
        """What is next when the twin of a new asset cannot be made: another attempt, or the end."""
        if error.is_unavailable:
            raise error
        if error.id in CONTENDED:
            await asyncio.sleep(PAUSE)
            return WAITING
        await self._revoke(key, BY_SERVER, error.message)
        return None

    async def _show(self, source: Source) -> None:
        """Let clients of other interfaces see the links, until they are those of the record."""
        if source["type"] == CREATION:
            return
        engine, id = source["engine"], orjson.loads(source["data"])["SourceAssetId"]
        key, seen = record_key(engine, ASSET, id), None
        while (record := (await self._store.read((key,))).get(key)) and record.source["links"] != seen:
            seen = record.source["links"]
            try:
                await show_links(self._actor(source), id, seen)
            except ApiError as error:
                if error.is_unavailable:
                    raise
                log.warning("links are not shown to other clients", engine=engine, asset=id, reason=error.message)

    async def _confirm(self, key: Key, source: Source) -> str | None:
        receipt = Receipt(True, int(source["gasUsed"]), source.get("minedIn", 0))
        if not await self._chain.is_final(receipt):
            return "confirm"
        fault = await self._fault(source)
        if fault:
            log.error("a block of the ledger is not as it was written", transaction=key.id, reason=fault)
            await self._revoke(key, BY_CHAIN, fault)
        else:
            moment = now()
            await self._store.transact(lambda tx: _move(tx, key, (COMMITTED,), CONFIRMED, moment))
        return None

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

    async def _revoke(self, key: Key, state: str, reason: str) -> None:
        log.warning("a transaction is revoked", transaction=key.id, state=state, reason=reason)
        moment = now()
        await self._store.transact(lambda tx: _move(tx, key, (SUBMITTED, COMMITTED), state, moment))

    def _actor(self, source: Source) -> Actor:
        caller = ForeignCaller(source["credential"], source["engine"], source["kuid"])
        return Actor(self._router, caller, self._platform, Connection(COMMITTING, "internal"))


def _move(tx: Transaction, key: Key, expected: tuple[str, ...], state: str, moment: int) -> None:
    """Move a transaction from one of some states to another; nothing happens when it is in none of them."""
    document = tx.read((key,)).get(key)
    if document is not None and document.source["state"] in expected:
        tx.replace(key, moved(document.source, state, moment))


def _commit(tx: Transaction, key: Key, data: Source, receipt: Receipt, moment: int) -> str:
    """The block, its effect and the new state, all or nothing; the state that the transaction has then."""
    document = tx.read((key,)).get(key)
    if document is None or document.source["state"] != SUBMITTED:
        return "" if document is None else str(document.source["state"])
    source = document.source
    engine = source["engine"]
    id = data["Asset"]["UniqueAssetId"] if source["type"] == CREATION else data["SourceAssetId"]
    place = record_key(engine, ASSET, id)
    twins = [twin_of(id), *source["internal"].get("twins", ())]
    twin_keys = [asset_key(engine, twin) for twin in twins]
    found = tx.read([place, head_key(engine), *twin_keys])
    present = [twin_key in found for twin_key in twin_keys]
    if source["type"] == CREATION:
        effects = _created(tx, document, data["Asset"], place, moment)
        reasons: list[Detail] = []
    else:
        reasons, effects = _linked(tx, source, data, found.get(place), place, present)
    if reasons:
        log.warning("a transaction is revoked", transaction=key.id, state=BY_SERVER, reason=reasons[0].message)
        tx.replace(key, moved(source, BY_SERVER, moment))
        return BY_SERVER
    content = {
        "timestamp": moment,
        "txHash": source["hash"],
        "txId": own_id(key.id),
        "from": source["signedBy"],
        "nonce": source["nonce"],
        "rawTx": source["raw"],
        "action": source["type"],
    }
    block = append(tx, engine, content, effects)
    done = {"gasUsed": str(receipt.gas_used), "block": block["number"], "minedIn": receipt.block}
    tx.replace(key, moved({**source, **done}, COMMITTED, moment))
    return COMMITTED


def _created(tx: Transaction, transaction: Document, document: Source, place: Key, moment: int) -> Source:
    """Write down a new asset; what that changes."""
    source = transaction.source
    id, digest = document["UniqueAssetId"], source["internal"]["documentHash"]
    record = {
        "engine": source["engine"],
        "kind": ASSET,
        "id": id,
        "author": document["Author"],
        "document": document,
        "documentHash": digest,
        "transaction": own_id(transaction.id),
        "placedAt": source["onCreated"],
        "createdAt": moment,
        "links": [],
        "twins": [],
    }
    tx.create(place.index, place.collection, record, place.id)
    return {"source": id, "created": digest, "links": []}


def _linked(
    tx: Transaction, source: Source, data: Source, record: Document | None, place: Key, present: list[bool]
) -> tuple[list[Detail], Source]:
    """Change the links of an asset; why that cannot be, and what it changes."""
    id, targets = data["SourceAssetId"], data["TargetAssetIds"]
    is_link = source["type"] == "AddAssetLinks"
    if record is None or not all(present):
        return [Detail("1001", "An asset of the transaction is gone.")], {}
    reasons = link_reasons(id, record.source["links"], targets, is_link=is_link)
    if reasons:
        return reasons, {}
    links = dict(zip(record.source["links"], record.source["twins"], strict=True))
    if is_link:
        links |= dict(zip(targets, source["internal"]["twins"], strict=True))
    else:
        links = {target: twin for target, twin in links.items() if target not in targets}
    tx.replace(place, {**record.source, "links": list(links), "twins": list(links.values())})
    change = "added" if is_link else "removed"
    return [], {"source": id, change: targets, "links": list(links)}
