"""Assets of TEOS: twins of this server, and for those that were made by a signed transaction a record (facades 3.6)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

from device_manager.facades.acting import Actor
from device_manager.facades.identities import Identities
from device_manager.facades.teos.asset_set import BATCH, AssetSet, Found
from device_manager.facades.teos.asset_twins import CONTROLLER, MODEL, read_twin, twin_of
from device_manager.facades.teos.identity import derived_number, number_of, text_of
from device_manager.facades.teos.odata.translation import literals_of
from device_manager.facades.teos.odata.tree import Node
from device_manager.facades.teos.records import ASSET, RECORDS, Source, instant, record_key, records_of
from device_manager.query.search import Sort
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store
from device_manager.twins.places import ASSETS, asset_key


class Asset(NamedTuple):
    """An asset.

    Attributes:
        number: its id as a number.
        twin: id of the twin.
        source: the twin.
        record: what a signed transaction made of it; None for assets that other clients made.
    """

    number: int
    twin: str
    source: Source
    record: Source | None

    @property
    def id(self) -> str:
        """As it is shown."""
        return text_of(self.number)

    @property
    def author(self) -> str | None:
        """Address of who may change it."""
        return None if self.record is None else str(self.record["author"])

    @property
    def links(self) -> dict[str, str]:
        """The twins of the assets that it is linked to, by their ids."""
        return {} if self.record is None else dict(zip(self.record["links"], self.record["twins"], strict=True))


class Assets:
    """Finds assets and shows them.

    Args:
        store: where records are.
        ledger: number of the ledger that is part of each id.
        window: how far into its result a search reaches.
    """

    def __init__(self, store: Store, ledger: int, window: int) -> None:
        self._store = store
        self._window = window
        self._ledger = ledger
        self._identities = Identities(store, "teos", ASSETS, self._names)

    def _names(self, engine: str, twin: Document) -> Iterable[str]:
        yield text_of(self._number(engine, twin.id, twin.source))

    def _number(self, engine: str, twin: str, source: Source) -> int:
        own = number_of(source["reference"]) if source.get("model") == MODEL else None
        return own or derived_number(engine, twin, self._ledger)

    async def find(self, actor: Actor, text: str) -> Asset | None:
        """The asset with an id, None for an unknown one. Raises what the caller's rights refuse."""
        return (await self.find_many(actor, (text,))).get(text)

    async def find_many(self, actor: Actor, texts: Iterable[str]) -> dict[str, Asset]:
        """The assets that exist among some ids, by the ids as they were given."""
        numbers = {text: number for text in texts if (number := number_of(text)) is not None}
        if not numbers:
            return {}
        ids = {number: text_of(number) for number in numbers.values()}
        records = await self._records(actor.engine, ids.values())
        twins = {id: twin_of(id) for id in records}
        unknown = [id for id in ids.values() if id not in records]
        if unknown:
            twins |= await self._identities.find_many(actor.engine, unknown)
        found: dict[int, Asset] = {}
        for number, id in ids.items():
            source = await read_twin(actor, twins[id]) if id in twins else None
            record = records.get(id)
            if source is not None and (record is not None or source["model"] != MODEL):
                found[number] = Asset(number, twins[id], source, record)
        return {text: found[number] for text, number in numbers.items() if number in found}

    async def _records(self, engine: str, ids: Iterable[str]) -> dict[str, Source]:
        keys = {record_key(engine, ASSET, id): id for id in ids}
        return {keys[key]: document.source for key, document in (await self._store.read(keys)).items()}

    async def listed(self, actor: Actor, node: Node | None) -> AssetSet:
        """The assets of an engine, for a filter that is known: the store finds by ids of its own."""
        numbers = {
            name: {number for text in literals_of(node, name) if (number := number_of(text)) is not None}
            for name in ("Id", "AssetLinkIds")
        }
        texts = [text_of(number) for number in numbers["Id"] | numbers["AssetLinkIds"]]
        twins = await self._identities.find_many(actor.engine, texts) if texts else {}
        keys = {asset_key(actor.engine, twins[id]) for id in map(text_of, numbers["AssetLinkIds"]) if id in twins}
        present = await self._store.read(keys) if keys else {}
        linked = {id for id, twin in twins.items() if asset_key(actor.engine, twin) in present}
        return AssetSet(functools.partial(self._search, actor), twins, linked, min(BATCH, self._window))

    async def _search(self, actor: Actor, body: Source, **arguments: Any) -> Found:
        """The twins that a search finds, as clients see them."""
        engine = actor.engine
        await self._store.refresh(engine, ASSETS)
        answer = await actor.call(CONTROLLER, "search", body=body, **arguments)
        twins = [(hit["_id"], hit["_source"]) for hit in answer["hits"]]
        numbers = [self._number(engine, id, source) for id, source in twins]
        records = await self._records(engine, map(text_of, numbers)) if numbers else {}
        assets = [
            Asset(number, id, source, records.get(text_of(number)))
            for number, (id, source) in zip(numbers, twins, strict=True)
            if source["model"] != MODEL or text_of(number) in records
        ]
        last = [twins[-1][1].get("_kuzzle_info", {}).get("createdAt"), twins[-1][0]] if twins else []
        return Found(await self.shown(engine, assets), answer["total"], len(twins), last)

    async def shown(self, engine: str, assets: list[Asset]) -> list[dict[str, Any]]:
        """Assets as clients see them: links to assets that are gone are left out."""
        keys = {asset_key(engine, twin) for asset in assets for twin in asset.links.values()}
        present = await self._store.read(keys) if keys else {}
        return [_shown(asset, engine, present.keys()) for asset in assets]

    async def linked_from(self, engine: str, asset: Asset) -> list[str]:
        """The ids of the assets that are linked to one."""
        await self._store.refresh(*RECORDS[:2])
        query = records_of(engine, ASSET, Term("links", asset.id))
        pages = self._store.scan(*RECORDS[:2], query, sort=(Sort("createdAt"),))
        ids = [document.source["id"] async for page in pages for document in page]
        keys = {asset_key(engine, twin_of(id)): id for id in ids}
        present = await self._store.read(keys) if keys else {}
        return [id for key, id in keys.items() if key in present]


def _shown(asset: Asset, engine: str, present: Iterable[Key]) -> dict[str, Any]:
    record, info = asset.record, asset.source.get("_kuzzle_info") or {}
    document: Source = {} if record is None else record["document"]
    links = [id for id, twin in asset.links.items() if asset_key(engine, twin) in present]
    in_teos = info.get("createdAt") if record is None else record["placedAt"]
    return {
        "Id": asset.id,
        "Author": asset.author,
        "Name": document.get("Name", asset.twin),
        "Description": document.get("Description", ""),
        "LanguageCode": document.get("LanguageCode"),
        "JurisdictionCode": document.get("JurisdictionCode"),
        "UnitOfMeasureCode": document.get("UnitOfMeasureCode"),
        "CurrencyCode": document.get("CurrencyCode"),
        "SparkFactor": document.get("SparkFactor"),
        "SparkFactorModifier": document.get("SparkFactorModifier"),
        "AssetClassCode": document.get("AssetClassCode"),
        "CustomDefinitionItems": document.get("CustomDefinitionItems", []),
        "AssetLinkIds": links,
        "CreatedInTeosOn": instant(in_teos),
        "CreatedInBlockchainOn": None if record is None else instant(record["createdAt"]),
        "AmendedInBlockchainOn": None if record is None else instant(record.get("amendedAt")),
        "BlockchainHash": None if record is None else "0x" + record["documentHash"],
        "DocumentDbHash": None if record is None else record["documentHash"],
        "TransactionId": None if record is None else record["transaction"],
        "ControllerAddress": None,
        "Translations": [],
        "State": "CreatedInTeos" if record is None else "CreatedInBlockchain",
    }
