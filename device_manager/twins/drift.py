"""Whether the collections of an engine are mapped as its models need it (design 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Store
from device_manager.storage.mappings import Mapping
from device_manager.twins.catalogue import read_engine
from device_manager.twins.mappings import engine_collections
from device_manager.twins.models import Models, read_model
from device_manager.twins.places import COMMONS, MODELS, Places

ABSENT = ("services.storage.unknown_index", "services.storage.unknown_collection")


class Drift(NamedTuple):
    """A collection that is not as it should be.

    Attributes:
        collection: its name.
        wanted: the mapping that has to be added.
        text: what is wrong, for people.
        kind: `missing_collection`, `mapping_drift`, or `mapping_conflict`, which nothing but new data can settle.
    """

    collection: str
    wanted: dict[str, Any]
    text: str
    kind: str = "mapping_drift"

    @property
    def is_missing(self) -> bool:
        """Whether the collection does not exist."""
        return self.kind == "missing_collection"


async def find_drift(store: Store, places: Places, engine: str) -> AsyncIterator[Drift]:
    """The collections of an engine that are missing, or whose mapping lacks what the models need.

    Raises:
        ApiError: the store does not answer; there is neither engine nor index of this name.
    """
    key = places.engine_config(engine)
    document = (await store.read((key,))).get(key)
    config = read_engine(document) if document else None
    absent = ABSENT if config else ABSENT[1:]  # what has no collection at all and is no engine is a mistake in the call
    stored = [document async for page in store.scan(places.platform, MODELS) for document in page]
    models = Models(model for document in stored if (model := read_model(document)))
    for collection, wanted in engine_collections(models, config.group if config else COMMONS).items():
        drift = await _compare(store, engine, collection, wanted, absent)
        if drift is not None:
            yield drift


async def _compare(
    store: Store, engine: str, collection: str, wanted: dict[str, Any], absent: tuple[str, ...]
) -> Drift | None:
    try:
        current = Mapping.stored(await store.mappings(engine, collection))
    except ApiError as error:
        if error.id not in absent:
            raise
        return Drift(collection, wanted, "The engine lacks this collection.", "missing_collection")
    try:
        merged = current.merge(wanted)
    except ApiError as error:
        return Drift(collection, {}, f"Its mapping contradicts the models: {error.message}", "mapping_conflict")
    if merged is current:
        return None
    return Drift(collection, wanted, "Its mapping lacks fields that the models need.")
