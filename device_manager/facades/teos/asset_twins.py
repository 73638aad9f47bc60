"""The twins of assets that signed transactions make: their model, and what others see of them (facades 3.6)."""

from __future__ import annotations

from typing import Any

import orjson

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.teos.kinds import AMENDMENT, LINKING, UNLINKING
from device_manager.facades.teos.records import Source

CONTROLLER, MODELS = "device-manager/assets", "device-manager/models"
MODEL = "TeosAsset"
MEMBER = "teos"
"""Member of the metadata that holds what clients of TEOS say; nested, so that it is in nobody's way."""
KEYWORDS = {
    "Name": "name",
    "Author": "author",
    "LanguageCode": "languageCode",
    "JurisdictionCode": "jurisdictionCode",
    "UnitOfMeasureCode": "unitOfMeasureCode",
    "CurrencyCode": "currencyCode",
    "SparkFactor": "sparkFactor",
    "AssetClassCode": "assetClassCode",
}
"""Members of an asset's document, and where they are in the metadata of its twin: filters find assets by them."""
SEEN = frozenset({AMENDMENT, LINKING, UNLINKING})
"""Types of transactions that change what is in the metadata of a twin that exists."""
METADATA: Source = {
    MEMBER: {
        "properties": {
            **{name: {"type": "keyword"} for name in KEYWORDS.values()},
            **{name: {"type": "keyword"} for name in ("documentHash", "transaction", "assetLinkIds")},
            "description": {"type": "text"},
            "placedAt": {"type": "long"},
        }
    }
}


def twin_of(id: str) -> str:
    """The twin of an asset that a signed transaction made."""
    return f"{MODEL}-{id}"


async def read_twin(actor: Actor, twin: str) -> Source | None:
    """A twin, None when there is none. Raises what the caller's rights refuse."""
    try:
        found = await actor.call(CONTROLLER, "get", _id=twin)
    except ApiError as error:
        if error.id != "services.storage.not_found":
            raise
        return None
    return dict(found["_source"])


async def create_twin(actor: Actor, transaction: str, source: Source) -> None:
    """Make the twin of a new asset, and its model when there is none; nothing happens when it is there already.

    Args:
        actor: in whose name.
        transaction: id of the one that creates the asset.
        source: its record.

    Raises:
        ApiError: what an action, a pipe or the rights refuse.
    """
    await _write_model(actor)
    document = orjson.loads(source["data"])["Asset"]
    content = {
        **_described(document, source["internal"]["documentHash"]),
        "transaction": transaction,
        "placedAt": source["onCreated"],
        "assetLinkIds": [],
    }
    body = {"model": MODEL, "reference": document["UniqueAssetId"], "metadata": {MEMBER: content}}
    try:
        await actor.call(CONTROLLER, "create", body=body)
    except ApiError as error:
        if error.id != "services.storage.document_already_exists":
            raise


async def _write_model(actor: Actor) -> None:
    """Have the model, as this version of the server needs it."""
    try:
        found = await actor.call(MODELS, "getAsset", model=MODEL, engineGroup="commons")
    except ApiError as error:
        if error.id != "device_manager.models.unknown_asset":
            raise
    else:
        mapped = found["_source"]["asset"].get("metadataMappings", {}).get(MEMBER, {}).get("properties", {})
        if METADATA[MEMBER]["properties"].keys() <= mapped.keys():
            return
    model: dict[str, Any] = {"model": MODEL, "engineGroup": "commons", "metadataMappings": METADATA, "measures": []}
    await actor.call(MODELS, "writeAsset", body=model)


def seen_of(kind: str, record: Source) -> Source:
    """What clients of other interfaces see of what transactions of a type change.

    Args:
        kind: one of `SEEN`.
        record: of the asset.
    """
    if kind == AMENDMENT:
        return _described(record["document"], record["documentHash"])
    return {"assetLinkIds": record["links"]}


async def show(actor: Actor, id: str, seen: Source) -> None:
    """Write something of an asset where clients of other interfaces see it. Raises what `create_twin` raises."""
    await actor.call(CONTROLLER, "update", _id=twin_of(id), body={"metadata": {MEMBER: seen}})


def _described(document: Source, digest: str) -> Source:
    own = {own: document[name] for name, own in KEYWORDS.items()}
    return own | {"description": document["Description"], "documentHash": digest}
