"""Repairs of what the doctor finds: first a plan, then each repair as one transaction (design 9)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.twins.doctor import LACKS_LAST_MEASURES, WRONG_LAST_MEASURE, Doctor, Finding
from device_manager.twins.documents import (
    Source,
    Stamp,
    changed,
    history_entry,
    leaf_paths,
    link_event,
    metadata_event,
    stamp_now,
)
from device_manager.twins.drift import Drift, find_drift
from device_manager.twins.links import asset_links
from device_manager.twins.measures.checking import MeasureDoctor
from device_manager.twins.mending import mend_asset, mend_attachment, mend_device
from device_manager.twins.patches import difference
from device_manager.twins.places import ASSETS, DEVICES, Places, asset_key, device_key
from device_manager.twins.workspace import Workspace

ATTACHMENTS = ("unknown_attachment", "dangling_attachment", "wrong_engine")
LINKS = ("dangling_link", "one_sided_link", "doubled_slot", "unknown_slot")
"""In the order in which they are repaired: what is left of links to nothing would be in the way of others."""
BATCH = 500
"""Repairs that are planned on top of each other."""

Treat = Callable[[Workspace, Stamp], list[str]]


class Repair(NamedTuple):
    """One repair, planned or done.

    Attributes:
        engine: where; empty for what belongs to no engine.
        document: what it is for, as in the finding.
        text: what it does, for people.
        error: why it could not be done.
    """

    engine: str
    document: str
    text: str
    error: str | None = None


class Treatment(NamedTuple):
    """What repairs one document, in one transaction."""

    document: str
    treat: Treat


class Repairing:
    """Repairs engines.

    Args:
        store: an open store.
        platform: name of the platform index.
        user_id: stored as the author of the changes.
    """

    def __init__(self, store: Store, platform: str, user_id: str | None = None) -> None:
        self._store = store
        self._places = Places(platform)
        self._doctor = Doctor(store, platform)
        self._measures = MeasureDoctor(store, platform)
        self._user_id = user_id

    async def engines(self) -> list[str]:
        """All engines, by index."""
        return await self._doctor.engines()

    async def settle_transactions(self, *, dry_run: bool) -> list[Repair]:
        """Have transactions of servers that are gone taken back.

        Raises:
            ApiError: the store does not answer.
        """
        repairs = []
        async for finding in self._doctor.check_transactions():
            if not dry_run:
                await self._store.settle(finding.document)
            repairs.append(Repair("", finding.document, "Take back what the transaction wrote."))
        return repairs

    async def repair(self, engine: str, *, dry_run: bool) -> list[Repair]:
        """Repair an engine; a dry run tells what would be done. Repairing again finds nothing to do.

        Raises:
            ApiError: the store does not answer; there is neither engine nor index of this name.
        """
        drifts = [drift async for drift in find_drift(self._store, self._places, engine) if drift.wanted]
        repairs = [await self._map(engine, drift, dry_run=dry_run) for drift in drifts]
        if any(drift.is_missing for drift in drifts) and dry_run:
            return repairs  # the documents cannot be checked before
        findings = [finding async for finding in self._doctor.check(engine)]
        treatments = [*_link_treatments(engine, findings), *await self._history_treatments(engine, findings)]
        if dry_run:
            for start in range(0, len(treatments), BATCH):
                repairs += await self._plan(engine, treatments[start : start + BATCH])
        else:
            for treatment in treatments:
                repairs += await self._apply(engine, treatment)
        return repairs + await self._rebuild_measures(engine, findings, dry_run=dry_run)

    async def _rebuild_measures(self, engine: str, findings: Sequence[Finding], *, dry_run: bool) -> list[Repair]:
        """Make last measures agree with history. They belong to no transaction, and may be rebuilt at any time."""
        wrong = [finding for finding in findings if finding.kind in (LACKS_LAST_MEASURES, WRONG_LAST_MEASURE)]
        if not wrong:
            return []
        if not dry_run:
            lacking = await self._measures.lacks_records(engine)
            slots = [] if lacking else [slot for slot, _ in await self._measures.wrong_slots(engine)]
            await self._measures.rebuild(engine, slots)
        return [Repair(engine, finding.document, "Rebuild the last measures from history.") for finding in wrong]

    async def _map(self, engine: str, drift: Drift, *, dry_run: bool) -> Repair:
        text = "Create the collection." if drift.is_missing else "Add to the mapping what the models need."
        try:
            if not dry_run:
                await self._store.create_collection(engine, drift.collection, drift.wanted)
        except ApiError as error:
            return Repair(engine, drift.collection, text, error.message)
        return Repair(engine, drift.collection, text)

    async def _plan(self, engine: str, treatments: Sequence[Treatment]) -> list[Repair]:
        """What the treatments would do, one on top of the other."""
        known = await self._known(engine, treatments)

        def decide(tx: Transaction) -> list[Repair]:
            work = Workspace(tx, self._places)
            work.load(known)
            stamp = stamp_now(self._user_id)
            return [repair for treatment in treatments for repair in _treated(engine, work, treatment, stamp)]

        return await self._store.transact(decide, known=known, dry_run=True, large=True)

    async def _known(self, engine: str, treatments: Sequence[Treatment]) -> dict[Key, Document]:
        """The documents to treat and their partners, in two reads, so that deciding needs none."""
        first = [
            key
            for treatment in treatments
            for key in _subject(engine, treatment.document.rpartition("/")[2], self._places)
        ]
        known = await self._store.read(dict.fromkeys(first))
        partners: dict[Key, None] = {}
        for document in known.values():
            for entry in document.source.get("linkedMeasures") or ():
                for member, key in (("assetId", asset_key), ("deviceId", device_key)):
                    if member in entry:
                        partners[key(engine, entry[member])] = None
        return known | await self._store.read(key for key in partners if key not in known)

    async def _apply(self, engine: str, treatment: Treatment) -> list[Repair]:
        def decide(tx: Transaction) -> list[Repair]:
            work = Workspace(tx, self._places)
            return list(_treated(engine, work, treatment, stamp_now(self._user_id)))

        try:
            return await self._store.transact(decide)
        except ApiError as error:
            return [Repair(engine, treatment.document, "Repair it.", error.message)]

    async def _history_treatments(self, engine: str, findings: Sequence[Finding]) -> list[Treatment]:
        treatments = []
        for document in dict.fromkeys(finding.document for finding in findings if finding.kind == "history_differs"):
            asset_id = document.partition("/")[2]
            key = asset_key(engine, asset_id)
            asset = (await self._store.read((key,))).get(key)
            entry = await self._doctor.newest_entry(engine, asset_id)
            if asset is not None:
                treat = functools.partial(_add_entry, engine=engine, seen=asset, newest=entry)
                treatments.append(Treatment(document, treat))
        return treatments


def _subject(engine: str, id: str, places: Places) -> tuple[Key, ...]:
    return device_key(engine, id), asset_key(engine, id), places.provisioning(id)


def _treated(engine: str, work: Workspace, treatment: Treatment, stamp: Stamp) -> Iterator[Repair]:
    for text in treatment.treat(work, stamp):
        yield Repair(engine, treatment.document, text)


def _link_treatments(engine: str, findings: Sequence[Finding]) -> Iterator[Treatment]:
    """One for each device whose attachment is wrong, then one for each twin with broken links."""
    attached = [finding.document for finding in findings if finding.kind in ATTACHMENTS]
    for document in dict.fromkeys(attached):
        id = document.rpartition("/")[2]
        yield Treatment(document, functools.partial(_attachment, engine=engine, device_id=id))
    broken = sorted((finding for finding in findings if finding.kind in LINKS), key=lambda one: LINKS.index(one.kind))
    for document in dict.fromkeys(finding.document for finding in broken):
        collection, _, id = document.partition("/")
        yield Treatment(document, functools.partial(_links, engine=engine, collection=collection, id=id))


def _attachment(work: Workspace, stamp: Stamp, *, engine: str, device_id: str) -> list[str]:
    return mend_attachment(work, engine, device_id, stamp)


def _links(work: Workspace, stamp: Stamp, *, engine: str, collection: str, id: str) -> list[str]:
    return {DEVICES: mend_device, ASSETS: mend_asset}[collection](work, engine, id, stamp)


def _add_entry(work: Workspace, stamp: Stamp, *, engine: str, seen: Document, newest: Source | None) -> list[str]:
    """Add the history entry that an asset lacks, unless the asset changed meanwhile, which added one."""
    key = asset_key(engine, seen.id)
    work.load((key,))
    asset = work.documents.get(key)
    if asset is None or asset.source != seen.source:
        return []
    last = newest["timestamp"] if newest else 0
    source = changed(asset.source, stamp._replace(now=max(stamp.now, last + 1)))
    work.write(engine, [(key, source)], [history_entry(asset.id, source, _event(newest, source))])
    return [f'Add the history entry that the asset "{asset.id}" lacks, with its links and metadata as they are.']


def _event(newest: Source | None, asset: Source) -> Source:
    """What changed since the newest entry: metadata if any of it did, else the first link that differs."""
    if newest is None:
        return metadata_event(list(leaf_paths(asset.get("metadata") or {})))
    before: Source = newest["asset"]
    if names := list(leaf_paths(difference(before.get("metadata") or {}, asset.get("metadata") or {}))):
        return metadata_event(names)
    old, new = asset_links(before), asset_links(asset)
    for device_id in (*new, *old):
        if set(old.get(device_id, ())) != set(new.get(device_id, ())):
            return link_event("link" if device_id in new else "unlink", device_id)
    return metadata_event([])
