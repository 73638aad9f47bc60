"""Stores a payload by one write, and settles what others did at the same time (transactions 2, B3 to B7)."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Put, PutKind, PutResult, Store
from device_manager.storage.stamps import Source, Stamp
from device_manager.twins.ingestion.archive import archive_put
from device_manager.twins.ingestion.bulk import Bulk, Merge
from device_manager.twins.ingestion.merging import Merging
from device_manager.twins.measures.domain import Measures
from device_manager.twins.measures.last_measures import slots_of
from device_manager.twins.places import Places

log = structlog.get_logger("ingestion")


class Writing:
    """Makes the writes of payloads.

    Args:
        store: where everything is.
        places: where documents live.
        measures: last measures, and which slots have some.
        deadline: seconds that a payload may wait for documents that others change.
    """

    def __init__(self, store: Store, places: Places, measures: Measures, deadline: float) -> None:
        self._store = store
        self._places = places
        self._measures = measures
        self._merging = Merging(store, deadline)

    async def write(self, bulk: Bulk) -> set[Key]:
        """Store it all; returns the records of devices that somebody else provisioned meanwhile.

        Raises:
            ApiError: `device_manager.ingestion.not_saved` for what a mapping refuses, nothing being stored;
                `services.storage.unavailable`, and then it is not known what is stored.
        """
        for put in bulk.measures:
            missing = self._measures.register.unlisted(put.key.index, slots_of(put.source))
            if missing:
                await self._measures.register.add(missing)
        puts = bulk.puts
        if not puts:
            return set()
        try:
            results = await self._store.put(puts, whole=len(puts) - (bulk.archive is not None))
        except ApiError as error:
            if error.is_unavailable:
                raise
            raise api_error("device_manager.ingestion.not_saved", error.message) from error
        if all(result is PutResult.WRITTEN or result is PutResult.OLDER for result in results):
            return set()
        return await self._settle(bulk, puts, results)

    async def _settle(self, bulk: Bulk, puts: Sequence[Put], results: Sequence[PutResult | ApiError]) -> set[Key]:
        by_key = {put.key: result for put, result in zip(puts, results, strict=True)}
        stale = [(put.key, merge) for put, merge in bulk.merges if by_key[put.key] is PutResult.STALE]
        if stale:
            await self._merge_again(stale)
        await self._agree([put for put in bulk.measures if by_key[put.key] is PutResult.EXISTS])
        for put, result in zip(puts, results, strict=True):
            if not isinstance(result, ApiError):
                continue
            if put is not bulk.archive:
                raise api_error("device_manager.ingestion.not_saved", result.message)
            log.error("a payload is not archived", payload=put.key.id, reason=result.message)
        return {put.key for put in bulk.provisioned if by_key[put.key] is PutResult.EXISTS}

    async def _merge_again(self, stale: Sequence[tuple[Key, Merge]]) -> None:
        """Make changes anew of documents that somebody else changed meanwhile."""
        try:
            await self._merging.merge(stale)
        except ApiError as error:
            if error.is_unavailable:
                raise
            raise api_error("device_manager.ingestion.not_saved", error.message) from error

    async def _agree(self, existing: Sequence[Put]) -> None:
        """Measures that another copy of the payload stored: what is stored counts, for their last measures too."""
        if not existing:
            return
        stored = await self._store.read([put.key for put in existing])
        for put in existing:
            document = stored.get(put.key)
            if document is not None and _differs(put, document):
                slots = {*slots_of(put.source), *slots_of(document.source)}
                await self._measures.rebuilding.rebuild_slots(put.key.index, slots)

    async def archive(self, source: Source, stamp: Stamp) -> None:
        """Archive a payload of which nothing else is stored; what was archived for it before gets its new outcome.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        stored: Document | None = None
        for _ in range(2):
            put = archive_put(self._places, source, stored, stamp)
            if put is None or await self.store_archive(put) is PutResult.WRITTEN:
                return
            stored = (await self._store.read((put.key,))).get(put.key)

    async def store_archive(self, put: Put) -> PutResult | None:
        """Store an archived payload; None when its mapping refuses it, which is no fault of its sender's."""
        (result,) = await self._store.put((put,))
        if isinstance(result, ApiError):
            log.error("a payload is not archived", payload=put.key.id, reason=result.message)
            return None
        return result

    async def heal(self, engine: str, found: Sequence[Document]) -> None:
        """Bring the last measures of stored measures up to date."""
        await self._measures.rebuilding.put_records(engine, [(measure.id, measure.source) for measure in found])


def _differs(put: Put, stored: Document) -> bool:
    """Whether a measure that was stored first says something else than ours of what last measures hold."""
    return any(put.source.get(name) != stored.source.get(name) for name in ("asset", "measuredAt", "values"))


def invalidated(archive: Put) -> Put:
    """The put that archives a payload whatever was archived for it before."""
    return archive._replace(kind=PutKind.INDEX, expected=None)
