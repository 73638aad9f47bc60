"""From what an operator asks for to the outcome: stores are opened and surveyed, the doctor looks (design 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from device_manager.errors import ApiError
from device_manager.migration.destination import Copy, Destination, InPlace, Nowhere
from device_manager.migration.lookups import Lookups
from device_manager.migration.mapping import UNMARKED, UNREADABLE
from device_manager.migration.run import TASK, Outcome, Tell, Work, run_dry, run_task
from device_manager.migration.stages import Stages
from device_manager.migration.survey import Survey, survey
from device_manager.migration.tally import Remark, Tally
from device_manager.settings import InvalidSettings, Settings
from device_manager.storage.contract import Store, StoreError
from device_manager.storage.elasticsearch.store import ElasticsearchStore
from device_manager.storage.opening import open_store
from device_manager.tasks.records import TaskRecord, TaskState, read_task, task_key
from device_manager.twins.doctor import Doctor
from device_manager.twins.places import CONFIG

SCHEME = "elasticsearch"


class Order(NamedTuple):
    """What an operator asks for.

    Attributes:
        settings: `store` is where the data is.
        into: settings of which `store` is where a copy goes; None to migrate in place.
        applies: write; otherwise only say what would be done.
    """

    settings: Settings
    into: Settings | None
    applies: bool


class Listener(NamedTuple):
    """Who is told how it goes.

    Attributes:
        expect: told how many documents there are.
        done: told how many of them are done.
        resuming: told of the interrupted run that goes on.
        checking: told when the doctor begins to look.
    """

    expect: Callable[[int], None]
    done: Tell
    resuming: Callable[[TaskRecord], None]
    checking: Callable[[], None]


class Result(NamedTuple):
    """What came of it.

    Attributes:
        outcome: of the run.
        engines: how many there are.
        documents: how many were looked at.
        aliases: the cluster's indices that lacked their alias.
        findings: what the doctor found afterwards, by kind; None when it did not look.
    """

    outcome: Outcome
    engines: int
    documents: int
    aliases: list[str]
    findings: dict[str, Remark] | None


async def migrate(order: Order, listener: Listener) -> Result:
    """Carry out an order.

    Raises:
        InvalidSettings: data that is not on Elasticsearch, or a copy into itself.
        StoreError: there is no device manager, the target is in use or holds a part of other data, a store cannot be
            opened.
        ApiError: a store does not answer.
    """
    scheme, _, url = order.settings.store.partition(":")
    if scheme != SCHEME:
        raise InvalidSettings(
            f'Unusable setting "store": the data to migrate is on {SCHEME}:http://HOST:PORT, not on "{scheme}:". What '
            "this product wrote needs no migration: it opens as it is."
        )
    if order.into is not None and order.into.store == order.settings.store:
        raise InvalidSettings("Unusable option --into: the copy cannot go where the data is. Leave it out instead.")
    looked_at = ElasticsearchStore(url, order.settings)
    try:
        await looked_at.look()
        aliases = await looked_at.lacking_aliases()
        if order.applies and order.into is None:
            return await _in_place(order, listener, aliases)
        return await _beside(order, looked_at, listener, aliases)
    finally:
        await looked_at.close()


async def _in_place(order: Order, listener: Listener, aliases: list[str]) -> Result:
    settings = order.settings
    store = ElasticsearchStore(settings.store.partition(":")[2], settings)
    await store.start()
    try:
        found = await survey(
            store, await store.everything(), settings.platform_index, copies=False, lacking=store, refreshes=True
        )
        outcome = await _apply(found, store, InPlace(store), settings, listener)
        for collection in await store.unmarked():
            outcome.tally.treat(UNMARKED, collection)
        return await _checked(outcome, found, store, settings, listener, aliases)
    finally:
        await store.close()


async def _beside(order: Order, source: ElasticsearchStore, listener: Listener, aliases: list[str]) -> Result:
    """A dry run, or a copy: the data itself is only looked at."""
    settings = order.settings
    names = await source.everything()
    copies = order.into is not None
    lacking, refreshes = None if copies else source, order.applies
    found = await survey(source, names, settings.platform_index, copies=copies, lacking=lacking, refreshes=refreshes)
    if order.into is None or not order.applies:
        listener.expect(found.documents)
        stages = Stages(source, Nowhere(), Lookups(source, found, settings.platform_index), settings.platform_index)
        outcome = Outcome(await run_dry(stages, found.stages, listener.done), False)
        return _result(outcome, found, aliases, None)
    target = open_store(order.into)
    await target.start()
    try:
        await _refuse_what_is_in_use(target, await _identity(source, settings.platform_index))
        outcome = await _apply(found, source, Copy(target), order.into, listener)
        return await _checked(outcome, found, target, order.into, listener, aliases)
    finally:
        await target.close()


async def _identity(source: Store, platform: str) -> str:
    """Tells this data from any other: the name that the cluster gave the collection of its engines, used only once."""
    uuid: str = (await source.settings(platform, CONFIG))["uuid"]
    return uuid


async def _refuse_what_is_in_use(target: Store, source: str) -> None:
    """Copying goes into an empty store, or into one that an earlier run began to fill with the same data."""
    begun, is_empty = await _begun(target), not await target.indices()
    if begun is None:
        if not is_empty:
            raise StoreError("There is data already where --into points: a copy goes into an empty store.")
    elif begun.state is TaskState.FINISHED:
        if not is_empty:
            raise StoreError(
                "There is a finished copy already where --into points. Copying again would bring back what was deleted "
                "there since: let --into point to an empty store. `device-manager doctor` looks for damage in the copy."
            )
    elif (work := Work.of(begun)).source != source:
        engines = ", ".join(sorted({stage.index for stage in work.plan if stage.does == "map_engine"})) or "none"
        raise StoreError(
            "There is a half-finished copy of other data where --into points; its engines: "
            f"{engines}. Let --into point to an empty store, or finish that copy from the data that it was begun with."
        )


async def _begun(target: Store) -> TaskRecord | None:
    """The copy that an earlier run began; None if there was none."""
    key = task_key(TASK)
    try:
        document = (await target.read((key,))).get(key)
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return None
    return None if document is None else read_task(document)


async def _apply(
    found: Survey, source: Store, destination: Destination, settings: Settings, listener: Listener
) -> Outcome:
    listener.expect(found.documents)
    platform = settings.platform_index
    stages = Stages(source, destination, Lookups(source, found, platform), platform)
    store = destination.store
    assert store is not None  # noqa: S101  # nowhere is for dry runs
    work = Work(await _identity(source, platform), found.stages)
    return await run_task(store, stages, work, settings.recovery_grace, listener.done, listener.resuming)


async def _checked(
    outcome: Outcome, found: Survey, store: Store, settings: Settings, listener: Listener, aliases: list[str]
) -> Result:
    """The result, with what the doctor finds in the migrated data."""
    findings: dict[str, Remark] | None = None
    if outcome.error is None:
        listener.checking()
        findings = {}
        doctor = Doctor(store, settings.platform_index)
        for engine in found.engines:
            try:
                async for finding in doctor.check(engine.index):
                    place = f"{finding.engine}:{finding.document}: {finding.text}"
                    findings.setdefault(finding.kind, Remark()).add(place)
            except ApiError as error:
                if error.is_unavailable:
                    raise
                findings.setdefault("unreadable_engine", Remark()).add(f"{engine.index}: {error.message}")
    return _result(outcome, found, aliases, findings)


def _result(outcome: Outcome, found: Survey, aliases: list[str], findings: dict[str, Remark] | None) -> Result:
    for collection in found.unreadable:
        outcome.tally.treat(UNREADABLE, collection)
    documents = sum(kind.documents for kind in outcome.tally.kinds.values())
    return Result(outcome, len(found.engines), documents, aliases, findings)


def as_json(result: Result) -> dict[str, Any]:
    """The result for programs."""
    tally: Tally = result.outcome.tally
    figures: dict[str, Any] = msgspec.to_builtins(tally)
    return {
        "engines": result.engines,
        "documents": result.documents,
        "resumed": result.outcome.resumed,
        "error": result.outcome.error,
        "aliases": result.aliases,
        **figures,
        "findings": None if result.findings is None else msgspec.to_builtins(result.findings),
    }
