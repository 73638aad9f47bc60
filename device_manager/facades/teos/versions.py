"""The versions of assets: the first one, and one more for each amendment (facades 3.3)."""

from __future__ import annotations

from typing import Any

from device_manager.facades.teos.assets import Asset
from device_manager.facades.teos.documents import DESCRIPTIVE
from device_manager.facades.teos.odata.columns import Choice, Constant, Keyword, Moment
from device_manager.facades.teos.odata.schema import ADDRESS, ASSET_ID, GUID, TYPE
from device_manager.facades.teos.odata.schema import VERSION as KIND
from device_manager.facades.teos.odata.translation import Columns
from device_manager.facades.teos.record_sets import RecordSet
from device_manager.facades.teos.records import VERSION, Source, instant, records_of, version_key
from device_manager.query.search import Sort
from device_manager.query.tree import Term
from device_manager.storage.contract import Store, Transaction

COLUMNS: Columns = {
    "Type": Choice("type", TYPE),
    "TransactionId": Keyword("transaction", GUID),
    "BlockchainTransactionId": Keyword("hash", ADDRESS),
    "SignedBy": Keyword("signedBy", ADDRESS),
    "CreatedInTeosOn": Moment("placedAt"),
    "CreatedInBlockchainOn": Moment("createdAt"),
    "DocumentDbHash": Keyword("documentHash"),
}
ORDER = (Sort("version"),)


def version_of(block: Source) -> Source:
    """What a block that gives an asset its document says of the version which that makes."""
    effects = block["effects"]
    return {
        "asset": effects["source"],
        "version": effects.get("version", 1),
        "type": block["action"],
        "transaction": block["txId"],
        "hash": block["txHash"],
        "signedBy": block["from"],
        "documentHash": effects["amended"] if "amended" in effects else effects["created"],
        "changes": effects.get("changes", []),
        "createdAt": block["timestamp"],
    }


def new_version(tx: Transaction, block: Source, placed: int) -> None:
    """Write down the version that a new block makes.

    Args:
        tx: the transaction that appends the block.
        block: gives an asset its document.
        placed: when its transaction was placed, in milliseconds since 1970.
    """
    version = version_of(block)
    key = version_key(block["engine"], version["asset"], version["version"])
    record = {"engine": block["engine"], "kind": VERSION, "placedAt": placed, **version}
    tx.create(key.index, key.collection, record, key.id)


def change_log(store: Store, engine: str, asset: Asset) -> RecordSet:
    """The versions of an asset, the oldest one first; none for assets that no signed transaction made."""
    columns = {**COLUMNS, "UniqueAssetId": Constant(ASSET_ID, asset.id)}
    base = records_of(engine, VERSION, Term("asset", asset.id))
    return RecordSet(store, base, KIND, columns, lambda _, source: shown(source), ORDER)


def shown(source: Source) -> dict[str, Any]:
    """A version as clients see it."""
    return {
        "UniqueAssetId": source["asset"],
        "Version": source["version"],
        "Type": source["type"],
        "TransactionId": source["transaction"],
        "BlockchainTransactionId": source["hash"],
        "SignedBy": source["signedBy"],
        "CreatedInTeosOn": instant(source["placedAt"]),
        "CreatedInBlockchainOn": instant(source["createdAt"]),
        "BlockchainHash": "0x" + source["documentHash"],
        "DocumentDbHash": source["documentHash"],
        "Changes": source["changes"],
    }


def described(record: Source) -> dict[str, Any]:
    """What describes an asset now, and which version that is.

    Args:
        record: of the asset.
    """
    return {
        "UniqueAssetId": record["id"],
        "Version": record["version"],
        **{name: record["document"].get(name) for name in DESCRIPTIVE},
        "AmendedInBlockchainOn": instant(record.get("amendedAt")),
        "BlockchainHash": "0x" + record["documentHash"],
        "DocumentDbHash": record["documentHash"],
    }
