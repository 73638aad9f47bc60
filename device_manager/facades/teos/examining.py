"""What is wrong with a ledger, and with the records that its blocks add up to (facades 3.11)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from device_manager.facades.teos.documents import document_hash
from device_manager.facades.teos.errors import TeosError
from device_manager.facades.teos.kinds import DOCUMENTING
from device_manager.facades.teos.ledger import Ledgers, hash_of
from device_manager.facades.teos.records import (
    ASSET,
    BALANCE,
    LEDGER,
    RECORDS,
    VERSION,
    Source,
    balance_key,
    is_made,
    record_key,
    records_of,
    version_key,
)
from device_manager.facades.teos.versions import version_of
from device_manager.storage.contract import Document, Store

ATTEMPTS = 5
"""Looks at a ledger that grows meanwhile."""
OF_RECORDS = frozenset({"engine", "kind", "placedAt"})
"""Members of the records of versions that do not come from blocks."""


@dataclass(slots=True)
class Sum:
    """What blocks add up to.

    Attributes:
        assets: `{documentHash, version, amendedAt, links, sparks}` by id.
        balances: sparks by the id of the balance's record.
        versions: hashes of what their blocks say of the versions of assets, by the ids of their records.
    """

    engine: str
    assets: dict[str, Source] = field(default_factory=dict)
    balances: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, block: Source) -> None:
        """Take in the next block."""
        effects = block["effects"]
        asset = self.assets.setdefault(effects["source"], {"documentHash": "", "links": [], "sparks": "0"})
        asset |= {name: effects[name] for name in ("links", "sparks") if name in effects}
        if block["action"] in DOCUMENTING:
            version = version_of(block)
            number, amended = version["version"], block["timestamp"] if "amended" in effects else None
            asset |= {"documentHash": version["documentHash"], "version": number, "amendedAt": amended}
            self.versions[version_key(self.engine, version["asset"], number).id] = hash_of(version)
        for address, amount in effects.get("balances", {}).items():
            id = balance_key(self.engine, effects["source"], address).id
            if amount == "0":
                self.balances.pop(id, None)
            else:
                self.balances[id] = amount


def _asset_fault(wanted: Source | None, record: Source) -> str:
    if wanted is None:
        return "the ledger knows nothing of this asset"
    if record["links"] != wanted["links"]:
        return f"its links are {record['links']} instead of {wanted['links']}"
    if record.get("sparks", "0") != wanted["sparks"]:
        return f"it has {record.get('sparks', '0')} sparks instead of {wanted['sparks']}"
    if not record["documentHash"] == wanted["documentHash"] == document_hash(record["document"]):
        return "its document is not the one that was signed"
    if record.get("version") != wanted["version"]:
        return f"its version is {record.get('version')} instead of {wanted['version']}"
    if record.get("amendedAt") != wanted["amendedAt"]:
        return f"it was amended at {record.get('amendedAt')} instead of {wanted['amendedAt']}"
    if record["author"] != record["document"]["Author"]:
        return "its author is not the one of its document"
    return ""


def _version_fault(wanted: str | None, record: Source) -> str:
    if wanted is None:
        return "the ledger knows nothing of this version of an asset"
    content = {name: value for name, value in record.items() if name not in OF_RECORDS}
    return "" if hash_of(content) == wanted else "its block says something else of this version of an asset"


async def _faults(store: Store, ledgers: Ledgers, engine: str) -> list[tuple[str, str]]:
    """The ids of the records that are not what the blocks say, and what is wrong with each."""
    total = Sum(engine)
    async for block in ledgers.blocks(engine):
        total.add(block)
    found: list[tuple[str, str]] = []
    async for document in _records(store, engine, ASSET):
        if fault := _asset_fault(total.assets.pop(document.source["id"], None), document.source):
            found.append((document.id, fault))
    found += [(record_key(engine, ASSET, id).id, "it is gone") for id in total.assets]
    async for document in _records(store, engine, BALANCE):
        amount, stored = total.balances.pop(document.id, "0"), document.source["amount"]
        if amount != stored:
            found.append((document.id, f"it is a balance of {stored} sparks instead of {amount}"))
    found += [(id, f"it is gone, with its {amount} sparks") for id, amount in total.balances.items()]
    async for document in _records(store, engine, VERSION):
        if fault := _version_fault(total.versions.pop(document.id, None), document.source):
            found.append((document.id, fault))
    return found + [(id, "it is gone, what a version of an asset changed") for id in total.versions]


async def _records(store: Store, engine: str, kind: str) -> AsyncGenerator[Document, None]:
    await store.refresh(*RECORDS[:2])
    async for page in store.scan(*RECORDS[:2], records_of(engine, kind)):
        for document in page:
            yield document


async def ledger_findings(store: Store, engine: str) -> list[dict[str, Any]]:
    """What is wrong with the ledger of an engine: `{engine, kind, document, text}` each.

    That is the first block that is not as it was written or, where all blocks are, each record of an asset or a balance
    that is not what they add up to. What is committed between two reads makes it look again.
    """
    ledgers = Ledgers(store)
    try:
        verdict = await ledgers.verify(engine)
    except TeosError as error:
        return [_finding(engine, "unverified_ledger", LEDGER.collection, error.message)]
    if verdict.bad is not None:
        text = f"Block {verdict.bad} of the ledger is not as it was written: {verdict.reason}."
        return [_finding(engine, "broken_ledger", f"{LEDGER.collection}/{verdict.bad}", text)]
    if not await is_made(store, RECORDS):
        return []
    found: list[tuple[str, str]] = []
    for _ in range(ATTEMPTS):
        head = await ledgers.head(engine)
        found = await _faults(store, ledgers, engine)
        if not found or await ledgers.head(engine) == head:
            break
    return [
        _finding(engine, "ledger_mismatch", f"{RECORDS.collection}/{id}", f"{id} is not what the ledger says: {fault}.")
        for id, fault in found
    ]


def _finding(engine: str, kind: str, document: str, text: str) -> dict[str, Any]:
    return {"engine": engine, "kind": kind, "document": document, "text": text}
