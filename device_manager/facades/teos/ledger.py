"""The ledger of an engine: blocks that are only ever added, each bound to the one before by its hash (facades 3.11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson

from device_manager.facades.teos.errors import TeosError
from device_manager.facades.teos.ethereum import (
    ACTIVATE,
    AMEND,
    LINK,
    UNLINK,
    document_call,
    keccak,
    links_call,
    read_transaction,
)
from device_manager.facades.teos.identity import number_of
from device_manager.facades.teos.kinds import ACTIVATION, AMENDMENT, LINKING, UNLINKING
from device_manager.facades.teos.records import HEAD, LEDGER, Source, block_key, is_made, record_key
from device_manager.query.search import Sort
from device_manager.query.tree import Bool, Query, Range, Term
from device_manager.storage.contract import Key, Store, Transaction

NO_PARENT = "0x" + "00" * 32
PAGE = 500


class Verdict(NamedTuple):
    """What a look at a ledger found.

    Attributes:
        height: number of the last block that was looked at; 0 without any.
        head: its hash.
        bad: number of the first block that is wrong, None when all are right.
        reason: what is wrong with it.
    """

    height: int
    head: str
    bad: int | None = None
    reason: str = ""


def canonical(content: Any) -> bytes:
    """JSON with sorted keys and without blanks, in UTF-8: what hashes are made of."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def hash_of(content: Any) -> str:
    """The hash of some JSON, as text."""
    return "0x" + keccak(canonical(content)).hex()


def head_key(engine: str) -> Key:
    """Where it is written down which block is the newest."""
    return record_key(engine, HEAD, "")


def append(tx: Transaction, engine: str, content: Source, effects: Source) -> Source:
    """Add a block in a transaction that changes what the block is about; two cannot get the same number.

    Args:
        tx: the transaction.
        engine: whose ledger.
        content: `{timestamp, txHash, txId, from, nonce, rawTx, action}`.
        effects: what is changed.
    """
    key = head_key(engine)
    head = tx.read((key,)).get(key)
    number, parent = (head.source["number"] + 1, head.source["hash"]) if head else (1, NO_PARENT)
    block = {
        **content,
        "engine": engine,
        "number": number,
        "parentHash": parent,
        "effects": effects,
        "effectsHash": hash_of(effects),
    }
    block["hash"] = hash_of(block)
    place = block_key(engine, number)
    tx.create(place.index, place.collection, block, place.id)
    newest = {"engine": engine, "kind": HEAD, "number": number, "hash": block["hash"]}
    if head is None:
        tx.create(key.index, key.collection, newest, key.id)
    else:
        tx.replace(key, newest)
    return block


def block_fault(block: Source, number: int, parent: str | None) -> str:
    """What is wrong with a block; empty when nothing is.

    Args:
        block: as it is stored.
        number: that it has to have.
        parent: hash of the block before; None when that is not known.
    """
    try:
        content = {name: value for name, value in block.items() if name != "hash"}
        if block["number"] != number:
            return f"it has the number {block['number']}"
        if hash_of(content) != block["hash"]:
            return "its hash is not that of its content"
        if parent is not None and block["parentHash"] != parent:
            return "it does not follow the block before it"
        if hash_of(block["effects"]) != block["effectsHash"]:
            return "its effects are not those that it was made with"
        signed = read_transaction(bytes.fromhex(block["rawTx"].removeprefix("0x")))
        call = _call_of(block)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return f"it cannot be read: {error!r}"
    except TeosError as error:
        if error.status >= 500:
            raise
        return error.message
    if signed.hash != block["txHash"]:
        return "its raw transaction has another hash"
    if signed.sender != block["from"]:
        return "its raw transaction was signed by somebody else"
    return "" if call in (None, signed.data) else "its effects are not what was signed"


def _call_of(block: Source) -> bytes | None:
    """The call that had to be signed for the effects of a block; None where it does not follow from them."""
    kind, effects = block["action"], block["effects"]
    if kind in (ACTIVATION, AMENDMENT):
        selector, digest = (ACTIVATE, effects["created"]) if kind == ACTIVATION else (AMEND, effects["amended"])
        return document_call(selector, _number(effects["source"]), bytes.fromhex(digest))
    if kind in (LINKING, UNLINKING):
        selector, targets = (LINK, effects["added"]) if kind == LINKING else (UNLINK, effects["removed"])
        return links_call(selector, _number(effects["source"]), [_number(target) for target in targets])
    return None


def _number(id: str) -> int:
    number = number_of(id)
    if number is None:
        raise ValueError(f"{id} is no id of an asset")
    return number


class Ledgers:
    """Reads ledgers.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def block(self, engine: str, number: int) -> Source | None:
        """A block, None when there is none of that number."""
        key = block_key(engine, number)
        if not await is_made(self._store, LEDGER):
            return None
        document = (await self._store.read((key,))).get(key)
        return None if document is None else document.source

    async def blocks(self, engine: str, first: int = 1, last: int | None = None) -> AsyncIterator[Source]:
        """The blocks from one number to another, in order."""
        if not await is_made(self._store, LEDGER):
            return
        await self._store.refresh(*LEDGER[:2])
        query: Query = Bool(filter=(Term("engine", engine), Range("number", gte=first, lte=last)))
        async for page in self._store.scan(*LEDGER[:2], query, page=PAGE, sort=(Sort("number"),)):
            for document in page:
                yield document.source

    async def verify(self, engine: str, first: int = 1, last: int | None = None) -> Verdict:
        """Look at the blocks from one number to another, each by itself and as the follower of the one before.

        Raises:
            TeosError: the extra `teos` is missing.
            ApiError: the store does not answer.
        """
        parent: str | None = NO_PARENT
        if first > 1:
            before = await self.block(engine, first - 1)
            parent = None if before is None else before.get("hash")
        number, head = first - 1, parent
        async for block in self.blocks(engine, first, last):
            number += 1
            fault = block_fault(block, number, head)
            if fault:
                return Verdict(number, head or "", number, fault)
            head = block["hash"]
        newest = await self.head(engine) if last is None else None
        if newest is not None and (newest["number"], newest["hash"]) != (number, head):
            return Verdict(number, head or "", number + 1, f"the ledger should end with block {newest['number']}")
        if newest is None and last is None and number:
            return Verdict(number, head or "", number, "it is the last one, and nothing says that it should be")
        return Verdict(number, "" if number == 0 else head or "")

    async def head(self, engine: str) -> Source | None:
        """Number and hash of the newest block, None while there is none."""
        key = head_key(engine)
        if not await is_made(self._store, LEDGER):
            return None
        document = (await self._store.read((key,))).get(key)
        return None if document is None else document.source
