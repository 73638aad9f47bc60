"""The checker of the invariants: links, slots, history, attachments (design 12). It reads, it changes nothing.

Pages are read one after another, so on a server at work two sides of a link can be seen at different moments. What
looks wrong is therefore read again, both sides together, before it becomes a finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from device_manager.query.search import Search, Sort
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store
from device_manager.twins.catalogue import read_engine
from device_manager.twins.documents import Source
from device_manager.twins.drift import find_drift
from device_manager.twins.links import SlotPair, asset_links, device_links, slot_types
from device_manager.twins.measures.checking import MeasureDoctor
from device_manager.twins.places import ASSETS, CONFIG, DEVICES, HISTORY, MEASURES, Places, asset_key, device_key

SECOND_LOOKS = 3
"""How often a suspicion is looked at again before it is reported."""

LACKS_LAST_MEASURES = "missing_last_measures"
WRONG_LAST_MEASURE = "last_measure_differs"
"""Kinds of findings about measures."""


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        engine: where; empty for what belongs to no engine.
        kind: what sort of thing, such as `one_sided_link`.
        document: the address of the document, `<collection>/<id>`; the collection, or the transaction's name.
        text: what is wrong, for people.
    """

    engine: str
    kind: str
    document: str
    text: str


async def examine(store: Store, engines: Sequence[str] = (), platform: str = "device-manager") -> list[dict[str, Any]]:
    """All findings in `engines`, or in every engine when there are none, as `{engine, kind, document, text}`.

    Args:
        store: an open store.
        engines: which engines to look at.
        platform: name of the platform index.

    Raises:
        ApiError: the store does not answer, or an engine's collections are missing.
    """
    doctor = Doctor(store, platform)
    chosen = engines or await doctor.engines()
    undecided = [finding._asdict() async for finding in doctor.check_transactions()]
    return undecided + [finding._asdict() for engine in chosen async for finding in doctor.check(engine)]


class Doctor:
    """Checks engines, in memory that grows by some bytes for each asset."""

    def __init__(self, store: Store, platform: str) -> None:
        self._store = store
        self._places = Places(platform)
        self._measures = MeasureDoctor(store, platform)

    async def engines(self) -> list[str]:
        """All engines, by index."""
        if self._places.platform not in await self._store.indices():
            return []
        await self._store.refresh(self._places.platform, CONFIG)
        pages = self._store.scan(self._places.platform, CONFIG, Term("type", "engine-device-manager"))
        found = [read_engine(document) async for page in pages for document in page]
        return sorted(engine.index for engine in found if engine)

    async def check_transactions(self) -> AsyncIterator[Finding]:
        """Transactions of servers that are gone, which nobody has rolled back yet."""
        for name in await self._store.undecided():
            text = "No server decides this transaction; what it wrote has to be taken back."
            yield Finding("", "undecided_transaction", name, text)

    async def check(self, engine: str) -> AsyncIterator[Finding]:
        """The findings of one engine, as they come up.

        Raises:
            ApiError: the store does not answer; there is neither engine nor index of this name.
        """
        is_complete = True
        async for drift in find_drift(self._store, self._places, engine):
            is_complete &= not drift.is_missing
            yield Finding(engine, drift.kind, drift.collection, drift.text)
        if is_complete:
            async for finding in self._check_documents(engine):
                yield finding
            async for finding in self._check_measures(engine):
                yield finding

    async def _check_measures(self, engine: str) -> AsyncIterator[Finding]:
        if await self._measures.lacks_records(engine):
            text = "The engine has no records of last measures: something else than this product made it."
            yield Finding(engine, LACKS_LAST_MEASURES, MEASURES, text)
            return
        for slot, text in await self._measures.wrong_slots(engine):
            yield Finding(engine, WRONG_LAST_MEASURE, f"{MEASURES}/{slot.id}/{slot.name}", text)

    async def _check_documents(self, engine: str) -> AsyncIterator[Finding]:
        for collection in (DEVICES, ASSETS, HISTORY):
            await self._store.refresh(engine, collection)
        async for page in self._store.scan(engine, DEVICES):
            async for finding in self._check_devices(engine, page):
                yield finding
        newest = await self._newest_entries(engine)
        async for page in self._store.scan(engine, ASSETS):
            async for finding in self._check_assets(engine, page, newest):
                yield finding
        async for finding in self._check_provisioning(engine):
            yield finding

    async def _check_devices(self, engine: str, page: list[Document]) -> AsyncIterator[Finding]:
        for device_id in [device.id async for device in self._suspects(engine, DEVICES, page)]:
            for finding in await self._look_again(engine, DEVICES, device_id):
                yield finding

    async def _check_assets(
        self, engine: str, page: list[Document], newest: dict[str, tuple[int, bytes]]
    ) -> AsyncIterator[Finding]:
        for asset_id in [asset.id async for asset in self._suspects(engine, ASSETS, page)]:
            for finding in await self._look_again(engine, ASSETS, asset_id):
                yield finding
        for asset in page:
            _, digest = newest.get(asset.id, (0, b""))
            if digest != _digest(asset.source) and (found := await self._history_finding(engine, asset.id)):
                yield found

    async def _suspects(self, engine: str, collection: str, page: list[Document]) -> AsyncIterator[Document]:
        """The twins of a page that look wrong at first sight; two reads for the whole page."""
        others = await self._store.read(
            dict.fromkeys(key for twin in page for key in self._others(engine, collection, twin))
        )
        for twin in page:
            if any(True for _ in _twin_findings(engine, collection, twin, others, self._places)):
                yield twin

    def _others(self, engine: str, collection: str, twin: Document) -> Iterator[Key]:
        """What has to be read to judge a twin."""
        if collection == DEVICES:
            yield self._places.provisioning(twin.id)
            for asset_id in device_links(twin.source):
                yield asset_key(engine, asset_id)
        else:
            for device_id in asset_links(twin.source):
                yield device_key(engine, device_id)

    async def _look_again(self, engine: str, collection: str, id: str) -> list[Finding]:
        """The findings about one twin that stay when it and its partners are read together."""
        findings: list[Finding] = []
        key = Key(engine, collection, id)
        for _ in range(SECOND_LOOKS):
            twin = (await self._store.read((key,))).get(key)
            if twin is None:
                return []
            documents = await self._store.read((key, *self._others(engine, collection, twin)))
            if key not in documents:
                return []
            findings = list(_twin_findings(engine, collection, documents[key], documents, self._places))
            if not findings:
                return []
        return findings

    async def _newest_entries(self, engine: str) -> dict[str, tuple[int, bytes]]:
        """Asset id -> time of its newest history entry and what that entry says about the asset."""
        newest: dict[str, tuple[int, bytes]] = {}
        async for page in self._store.scan(engine, HISTORY):
            for entry in page:
                asset_id, timestamp = entry.source["id"], entry.source["timestamp"]
                if timestamp >= newest.get(asset_id, (-1, b""))[0]:
                    newest[asset_id] = (timestamp, _digest(entry.source["asset"]))
        return newest

    async def newest_entry(self, engine: str, asset_id: str) -> Source | None:
        """The newest history entry of an asset."""
        await self._store.refresh(engine, HISTORY)
        search = Search(Term("id", asset_id), sort=(Sort("timestamp", "desc"),), size=1)
        hits = (await self._store.search(engine, HISTORY, search)).hits
        return hits[0].source if hits else None

    async def _history_finding(self, engine: str, asset_id: str) -> Finding | None:
        place = f"{ASSETS}/{asset_id}"
        text = ""
        for _ in range(SECOND_LOOKS):
            key = asset_key(engine, asset_id)
            asset = (await self._store.read((key,))).get(key)
            if asset is None:
                return None
            entry = await self.newest_entry(engine, asset_id)
            if entry is None:
                text = "The asset has no history entry."
            elif same_state(entry["asset"], asset.source):
                return None
            else:
                text = f"The newest history entry, of {entry['timestamp']}, shows other links or metadata than it has."
        return Finding(engine, "history_differs", place, text)

    async def _check_provisioning(self, engine: str) -> AsyncIterator[Finding]:
        """Devices that the platform says are attached here, but that are not here."""
        platform = self._places.platform
        await self._store.refresh(platform, DEVICES)
        async for page in self._store.scan(platform, DEVICES, Term("engineId", engine)):
            keys = [device_key(engine, document.id) for document in page]
            found = await self._store.read(keys)
            for document in page:
                if device_key(engine, document.id) not in found and await self._is_astray(engine, document.id):
                    text = f'The platform says that the device is attached to "{engine}", where it does not exist.'
                    yield Finding(engine, "dangling_attachment", f"{platform}:{DEVICES}/{document.id}", text)

    async def _is_astray(self, engine: str, device_id: str) -> bool:
        here, there = device_key(engine, device_id), self._places.provisioning(device_id)
        found = await self._store.read((here, there))
        return there in found and found[there].source.get("engineId") == engine and here not in found


def same_state(asset: Source, other: Source) -> bool:
    """Whether two states of an asset agree in what history has to tell: links and metadata."""
    return _digest(asset) == _digest(other)


def _digest(asset: Source) -> bytes:
    """What history and asset have to agree on: links and metadata."""
    links = {device_id: sorted(map(list, pairs)) for device_id, pairs in asset_links(asset).items()}
    content = orjson.dumps([links, asset.get("metadata") or {}], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content, digest_size=16).digest()


def _twin_findings(
    engine: str, collection: str, twin: Document, others: dict[Key, Document], places: Places
) -> Iterator[Finding]:
    """What is wrong with a twin, given the documents that it refers to."""
    is_device = collection == DEVICES
    place = f"{collection}/{twin.id}"
    links = device_links(twin.source) if is_device else asset_links(twin.source)
    for partner_id, pairs in links.items():
        key = asset_key(engine, partner_id) if is_device else device_key(engine, partner_id)
        partner = others.get(key)
        if partner is None:
            kind = "asset" if is_device else "device"
            yield Finding(
                engine, "dangling_link", place, f'It is linked to the {kind} "{partner_id}", which is not there.'
            )
            continue
        back = asset_links(partner.source) if is_device else device_links(partner.source)
        if set(back.get(twin.id, ())) != set(pairs):
            text = f'Its link with "{partner_id}" is not the same on both sides.'
            yield Finding(engine, "one_sided_link", place, text)
    yield from (
        Finding(engine, kind, place, text) for kind, text in _slot_faults(twin.source, links.values(), is_device)
    )
    if is_device:
        if twin.source.get("engineId") != engine:
            yield Finding(engine, "wrong_engine", place, f'It names the engine "{twin.source.get("engineId")}".')
        provisioning = others.get(places.provisioning(twin.id))
        if provisioning is None or provisioning.source.get("engineId") != engine:
            text = "The platform does not know that the device is attached here."
            yield Finding(engine, "unknown_attachment", place, text)


def _slot_faults(twin: Source, links: Iterable[tuple[SlotPair, ...]], is_device: bool) -> Iterator[tuple[str, str]]:
    """Slots of the twin that take part in several pairs, or that its model does not have."""
    used = [pair.device if is_device else pair.asset for pairs in links for pair in pairs]
    known = slot_types(twin)
    for slot in sorted(set(used)):
        if used.count(slot) > 1:
            yield "doubled_slot", f'Its slot "{slot}" takes part in {used.count(slot)} slot pairs.'
        if slot not in known:
            yield "unknown_slot", f'It is linked by the slot "{slot}", which it does not have.'
