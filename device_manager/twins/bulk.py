"""Many links in one call, as if its records were applied one by one in order (design 7, device-manager 6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from device_manager.errors import ApiError, api_error
from device_manager.settings import Settings
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.twins.bulk_outcome import BulkOutcome, RecordRefusal, RecordSuccess, strict_refusal
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Stamp, stamp_now
from device_manager.twins.links import try_link
from device_manager.twins.listeners import NO_PATCHES, Patches, TwinEvents
from device_manager.twins.places import Places, asset_key, device_key
from device_manager.twins.records import LinkRecord
from device_manager.twins.relinking import LinkEntry, LinkOutcome, link, settled
from device_manager.twins.workspace import View, Workspace

LARGE = 100
"""Records from which on a chunk is decided beside the event loop."""

Asked = list[Patches | ApiError]
"""What the `before` pipes said to each record of a chunk."""


class BulkLinking:
    """Links many devices to many assets in one call.

    Attributes:
        limit: most records of one call.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places, settings: Settings
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self.limit = settings.bulk_records
        self._chunk = settings.bulk_chunk

    async def link(self, engine: str | None, records: Sequence[LinkRecord], strict: bool, call: Call) -> BulkOutcome:
        """Apply records in order: chunk by chunk, or all or none when `strict`.

        Args:
            engine: the engine of all devices; None takes each device's own.
            records: what to link.
            strict: refuse the call when any record is refused.
            call: the caller. A dry run decides on all records at once, because nothing of one chunk is there for the
                next to see.

        Raises:
            ApiError: `services.storage.write_limit_exceeded` (413) for too many records, an unknown engine, a store
                that fails before anything was written; when `strict`, a `device_manager.bulk.*` error whose `errors`
                names every refused record.
        """
        if len(records) > self.limit:
            raise api_error("services.storage.write_limit_exceeded")
        await self._catalogue.ensure()
        if engine is not None:
            await self._catalogue.engine(engine)
        whole = strict or call.dry_run
        size = max(len(records), 1) if whole else self._chunk
        total = BulkOutcome([], [])
        for start in range(0, len(records), size):
            chunk = records[start : start + size]
            try:
                outcome = await self._apply(engine, chunk, strict, call)
            except ApiError as error:
                failed = error.status >= 500
                if whole or (failed and not total.successes):
                    raise
                if failed:
                    total.errors.extend(RecordRefusal(record, error) for record in records[start:])
                    break
                outcome = BulkOutcome([], [RecordRefusal(record, error) for record in chunk])
            total.successes.extend(outcome.successes)
            total.errors.extend(outcome.errors)
        return total

    async def _apply(self, engine: str | None, chunk: Sequence[LinkRecord], strict: bool, call: Call) -> BulkOutcome:
        """One transaction for all records of the chunk that can be applied."""
        known: dict[Key, Document] = {}
        asked: Asked = [record.refusal or NO_PATCHES for record in chunk]
        if self._events.listens_before("link-asset"):
            known, asked = await self._ask(engine, chunk, call)

        def decide(tx: Transaction) -> list[LinkOutcome | ApiError]:
            work = Workspace(tx, self._places)
            for keys in self._rounds(engine, chunk, work):
                work.load(keys)
            stamp = stamp_now(call.user_id)
            verdicts = [self._link(engine, *pair, work, stamp) for pair in zip(chunk, asked, strict=True)]
            if strict and (refused := _refusals(chunk, verdicts)):
                raise strict_refusal(refused, len(chunk))
            return verdicts

        verdicts = await self._store.transact(
            decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=len(chunk) >= LARGE
        )
        return BulkOutcome(await self._successes(chunk, verdicts, call), _refusals(chunk, verdicts))

    def _link(
        self, engine: str | None, record: LinkRecord, asked: Patches | ApiError, work: Workspace, stamp: Stamp
    ) -> LinkOutcome | ApiError:
        if isinstance(asked, ApiError):
            return asked
        try:
            own = self._engine_of(engine, record, work)
            return link(work, LinkEntry(own, record.device_id, record.asset_id, record.wanted), stamp, asked)
        except ApiError as error:
            return error

    def _engine_of(self, engine: str | None, record: LinkRecord, view: View) -> str:
        """The engine that a record is about. Raises an unknown device, one without engine, or an unknown engine."""
        if engine is not None:
            return engine
        own: str | None = view.get(self._places.provisioning(record.device_id)).source.get("engineId")
        if not own:
            raise api_error("device_manager.devices.not_attached", record.device_id)
        config = self._catalogue.engines.get(own)
        if config is None or config.closing:
            raise api_error("device_manager.engines.unknown", own)
        return own

    def _rounds(self, engine: str | None, chunk: Sequence[LinkRecord], view: View) -> Iterator[list[Key]]:
        """What has to be read: all at once with an engine; without one the provisioning documents come first.

        The caller puts what it read into `view` before it takes the next round.
        """
        usable = [record for record in chunk if record.refusal is None]
        keys = dict.fromkeys(self._places.provisioning(record.device_id) for record in usable)
        if engine is None:
            yield list(keys)
            keys = {}
        for record in usable:
            try:
                own = self._engine_of(engine, record, view)
            except ApiError:
                continue
            keys[device_key(own, record.device_id)] = None
            keys[asset_key(own, record.asset_id)] = None
        yield list(keys)

    async def _ask(
        self, engine: str | None, chunk: Sequence[LinkRecord], call: Call
    ) -> tuple[dict[Key, Document], Asked]:
        """Read the twins and run the `before` pipes of all records, several at once."""
        view = View(self._places)
        for keys in self._rounds(engine, chunk, view):
            if keys:
                view.documents.update(await self._store.read(keys))

        async def one(record: LinkRecord) -> Patches:
            if record.refusal is not None:
                raise record.refusal
            own = self._engine_of(engine, record, view)
            device = view.attached_device(own, record.device_id)
            asset = view.asset(own, record.asset_id)
            planned = try_link(device, asset, record.wanted)
            return await self._events.before("link-asset", device, asset, planned, call)

        return view.documents, await self._events.each(one, chunk)

    async def _successes(
        self, chunk: Sequence[LinkRecord], verdicts: Sequence[LinkOutcome | ApiError], call: Call
    ) -> list[RecordSuccess]:
        """The records that hold now; the `after` pipes of those that changed run several at once."""
        outcomes = [verdict for verdict in verdicts if not isinstance(verdict, ApiError)]
        records = [record for record, verdict in zip(chunk, verdicts, strict=True) if not isinstance(verdict, ApiError)]
        failures: list[ApiError | None] = [None] * len(records)
        if not call.dry_run and self._events.listens_after("link-asset"):

            async def tell(outcome: LinkOutcome) -> None:
                if outcome.changed:
                    await self._events.after("link-asset", outcome.device, outcome.asset, call)

            failures = await self._events.each(tell, settled(outcomes))
        return [
            RecordSuccess(record, outcome.pairs, outcome.changed, failure)
            for record, outcome, failure in zip(records, outcomes, failures, strict=True)
        ]


def _refusals(chunk: Sequence[LinkRecord], verdicts: Sequence[LinkOutcome | ApiError]) -> list[RecordRefusal]:
    return [
        RecordRefusal(record, verdict)
        for record, verdict in zip(chunk, verdicts, strict=True)
        if isinstance(verdict, ApiError)
    ]
