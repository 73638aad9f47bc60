"""What an existing platform consists of, and in which order it is brought over: a list of stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.storage.contract import Store, StoreError, is_private
from device_manager.twins.catalogue import EngineConfig, read_engine
from device_manager.twins.measures.records import engines_without_records
from device_manager.twins.places import ASSETS, CONFIG, DEVICES, GROUPS, HISTORY, MEASURES, MODELS, PAYLOADS, Places

OLD_GROUPS = "assets-groups"
"""The collection of groups in engines of version 2."""
SHAPED = {MEASURES: "measures", DEVICES: "devices", ASSETS: "assets", HISTORY: "history"}
"""Collections of engines whose documents are shaped, in that order, with the stages that do it."""

OTHERS = "documents of others"
"""The kind of what is no part of a device manager."""

Name = tuple[str, str]
"""Index and collection."""


class NoPlatform(StoreError):
    """There is nothing that this product could take over."""


class Stage(msgspec.Struct, frozen=True, array_like=True):
    """One part of the work.

    Attributes:
        does: what is done, see `Stages`.
        index: where.
        collection: where; empty for work on an index as a whole.
        documents: how many documents it was about when the plan was made.
    """

    does: str
    index: str
    collection: str = ""
    documents: int = 0


class Survey(NamedTuple):
    """What there is.

    Attributes:
        engines: the engines, by index.
        names: all collections that can be read.
        stages: the work, in order.
        unreadable: the other ones, with the reason.
    """

    engines: list[EngineConfig]
    names: list[Name]
    stages: list[Stage]
    unreadable: list[str]

    @property
    def documents(self) -> int:
        """How many documents are looked at in all."""
        return sum(stage.documents for stage in self.stages)


async def survey(
    store: Store, names: Sequence[Name], platform: str, *, copies: bool, lacking: Store | None, refreshes: bool
) -> Survey:
    """Look at what there is.

    Args:
        store: where the data is.
        names: all collections in it.
        platform: name of the platform index.
        copies: everything is copied into another store.
        refreshes: have searches see everything first, for which it takes a right beside that to read.
        lacking: where to look which engines lack records of last measures; None to look nowhere and assume all do.

    Raises:
        NoPlatform: there is no engine and no model in an index of that name.
        ApiError: the store does not answer.
    """
    present = set(names)
    if not {(platform, CONFIG), (platform, MODELS)} <= present:
        others = ", ".join(sorted({index for index, _ in names})) or "none"
        raise NoPlatform(
            f'There is no device manager to migrate: the index "{platform}" lacks its collections "config" and '
            f'"models". Name the index with --platform-index; these exist: {others}.'
        )
    counts, unreadable = await _counts(store, names, refreshes=refreshes)
    found = [read_engine(document) async for page in store.scan(platform, CONFIG) for document in page]
    engines = sorted(engine for engine in found if engine)
    indices = [engine.index for engine in engines]
    without = set(indices if lacking is None else await engines_without_records(lacking, indices))
    stages = [*_platform_stages(Places(platform), counts)]
    for index in indices:
        stages += _engine_stages(index, counts, rebuilds=index in without)
    shaped = {(stage.index, stage.collection) for stage in stages}
    left = [name for name in counts if name not in shaped]
    stages += [Stage("copy" if copies else "leave", *name, counts[name]) for name in left]
    return Survey(engines, list(counts), stages, unreadable)


def _platform_stages(places: Places, counts: dict[Name, int]) -> Iterator[Stage]:
    platform = places.platform
    yield Stage("map_platform", platform)
    yield Stage("models", platform, MODELS, counts[platform, MODELS])
    if (platform, DEVICES) in counts:
        yield Stage("provisioning", platform, DEVICES, counts[platform, DEVICES])


def _engine_stages(index: str, counts: dict[Name, int], *, rebuilds: bool) -> Iterator[Stage]:
    """Groups come first, since all others refer to them; last measures before what they take the place of."""
    yield Stage("map_engine", index)
    for collection in (OLD_GROUPS, GROUPS):
        if (index, collection) in counts:
            does = "old_groups" if collection == OLD_GROUPS else "groups"
            yield Stage(does, index, collection, counts[index, collection])
    yield Stage("claim_names", index)
    for collection, does in SHAPED.items():
        count = counts.get((index, collection))
        if count is not None:
            yield Stage(does, index, collection, count)
            if collection == MEASURES and rebuilds:
                yield Stage("last_measures", index, "", count)


async def _counts(store: Store, names: Sequence[Name], *, refreshes: bool) -> tuple[dict[Name, int], list[str]]:
    """How many documents each collection holds, and what cannot be read, with the reason."""
    counts: dict[Name, int] = {}
    unreadable = []
    for name in names:
        try:
            if refreshes:
                await store.refresh(*name)
            counts[name] = (await store.search(*name, Search(size=0))).total
        except ApiError as error:
            if error.is_unavailable:
                raise
            unreadable.append(f"{':'.join(name)}: {error.message}")
    return counts, unreadable


def kind_left(index: str, collection: str, survey: Survey, platform: str) -> str:
    """What the documents of a collection are that stay as they are; `OTHERS` for those that are not the product's."""
    if is_private(index):
        return "accounts and the like"
    if collection == CONFIG and (index == platform or index in (engine.index for engine in survey.engines)):
        return "configurations"
    return "payloads" if (index, collection) == (platform, PAYLOADS) else OTHERS
