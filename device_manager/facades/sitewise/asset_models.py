"""Finding and making asset models: native models, and private records of what only these clients know (facades 1.4)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from device_manager.errors import ApiError
from device_manager.facades.sitewise.definitions import MEASURE_MODELS, OWN_MAPPING, Definition, define
from device_manager.facades.sitewise.errors import already_exists, conflicting, invalid, not_found
from device_manager.facades.sitewise.records import Record, Records, Writing
from device_manager.facades.sitewise.shapes import EXTERNAL
from device_manager.facades.sitewise.visit import Visit
from device_manager.plugins.models import ModelDeclaration
from device_manager.storage.stamps import Source
from device_manager.twins.catalogue import Catalogue

MODELS = "device-manager/models"
RECORD, NAMES = "asset-model", "asset-model-name"
"""Records with what clients declared, by the name of the native model; and with that name, by ids and names."""
BUSY_UNTIL = "busyUntil"
"""Member of a record: milliseconds since 1970 until which somebody changes the model."""
GRACE = 60_000
"""Milliseconds that somebody else may take from the records of a model to the model; later, it is gone."""

Register = Callable[[Sequence[ModelDeclaration]], Awaitable[object]]


class AssetModels:
    """The asset models of the callers' engines.

    Args:
        records: what only these clients know.
        catalogue: tells the engine group of an engine.
        register: writes the models that it gets, unless they are there.
    """

    def __init__(self, records: Records, catalogue: Catalogue, register: Register) -> None:
        self._records = records
        self._catalogue = catalogue
        self._register = register

    async def group(self, visit: Visit) -> str:
        """The engine group of the caller's engine. Raises `services.storage.not_found`."""
        return (await self._catalogue.engine(visit.engine)).group

    async def all(self, visit: Visit) -> list[Definition]:
        """All of them, in the order of their creation."""
        natives = await self._natives(visit)
        definitions = await self._define(visit, list(natives.values()))
        return sorted(definitions, key=lambda definition: (definition.created_at, definition.model))

    async def of_native(self, visit: Visit, model: str) -> Definition:
        """The definition of a native model. Raises `device_manager.models.unknown_asset`."""
        (definition,) = await self._define(visit, [await self.native(visit, model)])
        return definition

    async def find(self, visit: Visit, id: str) -> Definition | None:
        """The model of an id, or of `externalId:` and an external id; None when there is none."""
        record = await self._records.get(visit.engine, NAMES, id)
        if record is not None:
            try:
                return await self.of_native(visit, record.content["model"])
            except ApiError as error:
                if error.id != "device_manager.models.unknown_asset":
                    raise
                return None
        if id.startswith(EXTERNAL):
            return None
        return next((definition for definition in await self.all(visit) if definition.id == id), None)

    async def require(self, visit: Visit, id: str) -> Definition:
        """The same. Raises `ResourceNotFoundException`."""
        definition = await self.find(visit, id)
        if definition is None:
            raise not_found("asset model", id)
        return definition

    async def exists(self, visit: Visit, id: str) -> bool:
        """Whether there is a model of an id."""
        return await self.find(visit, id) is not None

    async def mappings(self, visit: Visit) -> dict[str, Source]:
        """Metadata field -> its mapping, in all models: models may not differ in the type of a field."""
        mappings: dict[str, Source] = dict(OWN_MAPPING)
        for native in (await self._natives(visit)).values():
            mappings |= native["asset"].get("metadataMappings") or {}
        return mappings

    async def create(self, visit: Visit, definition: Definition, body: Source) -> None:
        """Make a model.

        Args:
            visit: the request.
            definition: what clients declare.
            body: of `writeAsset`.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException`: an id or the name is taken.
            ApiError: what `models:writeAsset` refuses.
        """
        natives = await self._natives(visit)
        self._refuse_native(visit, definition, await self.all(visit))
        oldest = time.time_ns() // 1_000_000 - GRACE

        def is_stale(record: Record) -> bool:
            return record.content["model"] not in natives and record.created_at < oldest

        def claim(writing: Writing) -> None:
            stored = [record for kind, id in _records_of(definition) for record in writing.read(kind, (id,)).values()]
            _take(writing, visit, definition, stored, is_stale)
            writing.put(RECORD, definition.model, msgspec.to_builtins(definition))

        await self._records.decide(visit.engine, visit.caller.kuid, claim)
        try:
            await self._register(MEASURE_MODELS)
            await visit.actor.call(MODELS, "writeAsset", body=body | {"engineGroup": await self.group(visit)})
        except BaseException:
            await self._forget(visit, definition)
            raise

    async def update(self, visit: Visit, before: Definition, after: Definition, body: Source) -> None:
        """Change a model.

        Args:
            visit: the request.
            before: what the change rests on.
            after: what clients declare.
            body: of `writeAsset`.

        Raises:
            SiteWiseError: `ConflictingOperationException` when somebody else changes the model, or has done so since;
                `ResourceAlreadyExistsException`: a name is taken; `InvalidRequestException` for a model of native
                clients, which other engines may use.
            ApiError: what `models:writeAsset` refuses.
        """
        new = [id for id in _names(after) if id not in _names(before)]
        old = [id for id in _names(before) if id not in _names(after)]

        def begin(writing: Writing) -> None:
            record = writing.read(RECORD, (before.model,)).get(before.model)
            if record is None:
                raise invalid(f'The asset model "{before.name}" was made by native clients, and is changed by them.')
            if record.content["version"] != before.version or record.content.get(BUSY_UNTIL, 0) > writing.now:
                arn = visit.arn("asset-model", before.id)
                raise conflicting(f"The asset model {before.id} is being changed: try again.", before.id, arn)
            stored = [*writing.read(NAMES, new).values()]
            _take(writing, visit, after, stored, lambda record: False, new)
            writing.change(RECORD, before.model, record.content | {BUSY_UNTIL: writing.now + GRACE})

        def end(writing: Writing) -> None:
            _put(writing, after)
            for id in old:
                writing.delete(NAMES, id)

        def undo(writing: Writing) -> None:
            _put(writing, before)
            for id in new:
                writing.delete(NAMES, id)

        await self._records.decide(visit.engine, visit.caller.kuid, begin)
        try:
            await self._register(MEASURE_MODELS)
            await visit.actor.call(MODELS, "writeAsset", body=body)
        except BaseException:
            await self._records.decide(visit.engine, visit.caller.kuid, undo)
            raise
        await self._records.decide(visit.engine, visit.caller.kuid, end)

    async def delete(self, visit: Visit, definition: Definition) -> None:
        """Delete a model that no assets use. Raises what `models:deleteAsset` refuses."""
        group = await self.group(visit)
        found = await visit.actor.call(MODELS, "getAsset", model=definition.model, engineGroup=group)
        await visit.actor.call(MODELS, "deleteAsset", _id=found["_id"])
        await self._forget(visit, definition)

    async def native(self, visit: Visit, model: str) -> Source:
        """The content of the document of a native model. Raises `device_manager.models.unknown_asset`."""
        found = await visit.actor.call(MODELS, "getAsset", model=model, engineGroup=await self.group(visit))
        source: Source = found["_source"]
        return source

    async def _forget(self, visit: Visit, definition: Definition) -> None:
        """Remove the records of a model, as far as they are there."""

        def forget(writing: Writing) -> None:
            for kind, id in _records_of(definition):
                writing.delete(kind, id)

        await self._records.decide(visit.engine, visit.caller.kuid, forget)

    async def hold_own_metadata(self, visit: Visit, model: str) -> None:
        """Let assets of a native model have a name and what else only these clients say."""
        source = await self.native(visit, model)
        if OWN_MAPPING.keys() <= (source["asset"].get("metadataMappings") or {}).keys():
            return
        await visit.actor.call(
            MODELS,
            "updateAsset",
            model=model,
            engineGroup=source.get("engineGroup") or await self.group(visit),
            body={"metadataMappings": OWN_MAPPING},
        )

    def _refuse_native(self, visit: Visit, definition: Definition, others: Sequence[Definition]) -> None:
        """Refuse an id or a name that a model has which others made."""
        for other in others:
            if definition.id == other.id or definition.name == other.name:
                raise _taken(visit, definition, other.id)

    async def _natives(self, visit: Visit) -> dict[str, Source]:
        """The content of the documents of all native models, by name."""
        listed = await visit.actor.call(MODELS, "listAssets", engineGroup=await self.group(visit))
        return {hit["_source"]["asset"]["model"]: hit["_source"] for hit in listed["models"]}

    async def _define(self, visit: Visit, natives: Sequence[Source]) -> list[Definition]:
        names = [native["asset"]["model"] for native in natives]
        records = await self._records.get_many(visit.engine, RECORD, names)
        listed = await visit.actor.call(MODELS, "listMeasures")
        contents = [hit["_source"]["measure"] for hit in listed["models"]]
        measures = {content["type"]: content.get("valuesMappings") or {} for content in contents}
        return [
            define(visit.engine, native, measures, records[name].content if name in records else None)
            for name, native in zip(names, natives, strict=True)
        ]


def _take(
    writing: Writing,
    visit: Visit,
    definition: Definition,
    stored: Sequence[Record],
    is_stale: Callable[[Record], bool],
    names: Sequence[str] | None = None,
) -> None:
    """Let ids and names lead to a model. Raises `ResourceAlreadyExistsException` for `stored` ones that count."""
    for record in stored:
        if not is_stale(record):
            raise _taken(visit, definition, record.content["id"])
    for name in _names(definition) if names is None else names:
        writing.put(NAMES, name, {"model": definition.model, "id": definition.id})


def _put(writing: Writing, definition: Definition) -> None:
    """Write down what clients declare, which nobody changes any more."""
    if definition.model in writing.read(RECORD, (definition.model,)):
        writing.change(RECORD, definition.model, msgspec.to_builtins(definition))


def _records_of(definition: Definition) -> list[tuple[str, str]]:
    """Kinds and ids of all records of a model."""
    return [(RECORD, definition.model), *((NAMES, name) for name in _names(definition))]


def _names(definition: Definition) -> list[str]:
    """The ids of the records that lead to a model."""
    names = [definition.id, _hashed(definition.name)]
    return names if definition.external_id is None else [*names, EXTERNAL + definition.external_id]


def _hashed(name: str) -> str:
    return "name:" + hashlib.sha256(name.encode()).hexdigest()


def _taken(visit: Visit, definition: Definition, id: str) -> Exception:
    reason = f'The id, the external id or the name "{definition.name}" is that of the asset model {id}.'
    return already_exists(reason, id, visit.arn("asset-model", id))
