"""Creating or updating many twins in one call, by file or by records (device-manager 6.3; design 5 and 7)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Sequence

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.asset_steps import asset_keys, create_asset, plan_asset, update_asset
from device_manager.twins.bulk.action import Answers, Applied, BulkAction, BulkContext, answer_of
from device_manager.twins.bulk.import_records import COLUMNS, Converter, ImportRecord
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, Stamp, stamp_now
from device_manager.twins.listeners import TwinKind
from device_manager.twins.metadata import MetadataChange
from device_manager.twins.models import Model
from device_manager.twins.places import asset_key
from device_manager.twins.workspace import View, Workspace

CREATE, CHANGE = ("create",), ("change",)
"""Questions to the pipes."""
SLICE = 200
"""Records that are converted before other requests get their turn: some milliseconds' worth."""


class Import(BulkAction[ImportRecord]):
    """What the imports of assets and devices have in common.

    Args:
        context: what it works with.
        engine: the engine that the call names.
        call: the caller.
        columns: metadata paths that the CSV has columns for.
        upsert: update what exists instead of refusing it.
    """

    kind: TwinKind
    known_columns: tuple[str, ...] = COLUMNS

    def __init__(
        self, context: BulkContext, engine: str | None, call: Call, columns: Sequence[str], *, upsert: bool
    ) -> None:
        super().__init__(context, engine, call)
        self.upsert = upsert
        self._columns = columns

    @abstractmethod
    def model_of(self, name: str) -> Model:
        """The model of a record. Raises `device_manager.models.*`."""

    async def prepare(self, records: Sequence[ImportRecord]) -> Sequence[ImportRecord]:
        """See `BulkAction.prepare`: cells become metadata, by the mappings of the models.

        Raises:
            ApiError: an unknown engine; `device_manager.bulk.unknown_column`.
        """
        records = await super().prepare(records)
        converter, unknown = Converter(), dict[str, ApiError]()
        for name in dict.fromkeys(record.model for record in records if record.refusal is None):
            try:
                converter.add(self.model_of(name))
            except ApiError as error:
                unknown[name] = error
        converter.check_columns(self._columns, self.known_columns)
        converted: list[ImportRecord] = []
        for record in records:
            refusal = unknown.get(record.model) if record.refusal is None else None
            converted.append(record._replace(refusal=refusal) if refusal else converter.convert(record))
            if len(converted) % SLICE == 0:
                await asyncio.sleep(0)
        return converted

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return self.events.documents.listens_before("Write") or (
            self.upsert and self.events.listens_before_change(self.kind, whole=False)
        )

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return self.events.documents.listens_after("Write") or (
            self.upsert and self.events.listens_after_change(self.kind)
        )

    def refuse_existing(self) -> None:
        """Refuse a record of a twin that exists, unless it is meant to be updated."""
        if not self.upsert:
            raise api_error("services.storage.document_already_exists")


class ImportAssets(Import):
    """Creates assets, each with its history, or merges metadata into those that exist."""

    kind: TwinKind = "asset"

    def __init__(
        self, context: BulkContext, engine: str, call: Call, columns: Sequence[str] = (), *, upsert: bool = False
    ) -> None:
        super().__init__(context, engine, call, columns, upsert=upsert)
        self._engine = engine

    def model_of(self, name: str) -> Model:
        """See `Import.model_of`."""
        return self.catalogue.models.asset(name, self.catalogue.engines[self._engine].group)

    def rounds(self, records: Sequence[ImportRecord], view: View) -> Iterator[list[Key]]:
        """See `BulkAction.rounds`: all at once."""
        models = dict.fromkeys(record.model for record in records)
        twins = [key for record in records for key in asset_keys(self._engine, record.id)]
        yield [*(self.places.model(self.model_of(name).id) for name in models), *twins]

    async def ask(self, record: ImportRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question, about the creation or about the change."""
        found = view.documents.get(asset_key(self._engine, record.id))
        if found is None:
            model, planned = self.model_of(record.model), self._planned(record, stamp_now(self.call.user_id))
            return {CREATE: (model, await self.events.before_write({"_id": record.id, "_source": planned}, self.call))}
        self.refuse_existing()
        change = MetadataChange(record.metadata)
        return {CHANGE: await self.events.before_change("asset", record.id, found.source, change, self.call)}

    def apply(self, work: Workspace, record: ImportRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`."""
        key = asset_key(self._engine, record.id)
        found = work.documents.get(key)
        if found is None:
            default = (self.model_of(record.model), self._planned(record, stamp))
            model, source = answer_of(answers, CREATE, default)
            create_asset(work, self._engine, record.id, source, model)
            return Applied(True, {"created": True}, (key,))
        self.refuse_existing()
        change: MetadataChange = answer_of(answers, CHANGE, MetadataChange(record.metadata))
        if change.applied(found.source) == found.source:
            return Applied(False, {"created": False})
        update_asset(work, self._engine, record.id, change, stamp)
        return Applied(True, {"created": False}, (key,))

    async def tell(self, record: ImportRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`."""
        for asset in twins:
            if applied.members["created"]:
                await self.events.after_write(asset, self.call)
            else:
                await self.events.after_change("asset", asset, record.metadata, self.call)

    def _planned(self, record: ImportRecord, stamp: Stamp) -> Source:
        return plan_asset(self.model_of(record.model), record.reference, record.metadata, stamp)
