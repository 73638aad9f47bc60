"""The collections with the records of last measures: one for each engine, as old as the engine (transactions 2)."""

from __future__ import annotations

from device_manager.errors import ApiError
from device_manager.storage.contract import INTERNAL_INDEX, Store
from device_manager.twins.measures.last_measures import RECORDS, records_collection


async def create_records(store: Store, engine: str) -> None:
    """Make the collection of an engine, before anything can be measured in it. Raises what the store raises."""
    await store.create_collection(INTERNAL_INDEX, records_collection(engine), RECORDS, forgets_removed=True)


async def drop_records(store: Store, engine: str) -> None:
    """Remove the collection of an engine that is gone. Raises what the store raises."""
    try:
        await store.drop_collection(INTERNAL_INDEX, records_collection(engine))
    except ApiError as error:
        if not error.is_unknown_place:
            raise


async def engines_without_records(store: Store, engines: list[str]) -> list[str]:
    """The engines among `engines` that lack the collection, because another product or an older version made them."""
    try:
        present = set(await store.collections(INTERNAL_INDEX))
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        present = set()
    return [engine for engine in engines if records_collection(engine) not in present]
