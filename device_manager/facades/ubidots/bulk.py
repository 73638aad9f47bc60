"""Deleting many devices as one durable task (facades 4.1, 4.6)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.content import ID_BYTES, LABEL_SIGN, answers_to, device_id
from device_manager.facades.ubidots.errors import invalid, no_bulk_header, translated
from device_manager.facades.ubidots.exchange import V2, Exchange, answer
from device_manager.facades.ubidots.reading import DEVICES, DeviceReading
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.security.foreign_credentials import ForeignCaller
from device_manager.storage.contract import Document, Store
from device_manager.storage.stamps import Source
from device_manager.tasks import Progress, TaskKind, Tasks
from device_manager.twins.places import device_key

KINDS = "ubidots:"
"""Begins the names of the kinds of tasks that clients of this interface can see."""
BULK_DELETE = f"{KINDS}devices.bulk_delete"
BATCH = 50
"""Keys that one step resolves, and devices that one step deletes."""
AT_ONCE = 10
"""Devices that are deleted at once."""

ActAs = Callable[[ForeignCaller], Actor]


class Planned(msgspec.Struct):
    """A device about to be deleted: by which key, its core id, and the id under which clients know it."""

    key: str
    twin: str
    id: str


class Cursor(msgspec.Struct):
    """Where the task stands: the keys before `at` are resolved, and `planned` of them wait to be deleted."""

    at: int = 0
    planned: list[Planned] = []


class Outcome(msgspec.Struct, rename="camel"):
    """What became of the keys so far.

    Attributes:
        started_at: milliseconds since 1970.
        deleted: ids of devices.
        not_found: keys that led to no device.
        errors: `{key, code, message}` of devices that could not be deleted.
    """

    started_at: int
    deleted: list[str] = []
    not_found: list[str] = []
    errors: list[Source] = []


class BulkSettings(NamedTuple):
    """How bulk operations are taken.

    Attributes:
        status: of the answer to an accepted one.
        most: keys of one.
        accepts_delete: take the verb DELETE too.
        kept: seconds for which its task can be read after its end.
    """

    status: int
    most: int
    accepts_delete: bool
    kept: float


class BulkDeletion:
    """Takes bulk deletions, and works on them.

    Two notes stand between a key and its deletion: first that its device is there and is going to be deleted, then that
    it was. A device that is gone although the first note was made has been deleted by this very task.

    Args:
        store: tells whether devices are there.
        tasks: runs the work.
        reading: finds devices.
        writing: removes their measures.
        act_as: calls actions in a sender's name, when the sender's request is long over.
        settings: how they are taken.
    """

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        reading: DeviceReading,
        writing: DeviceWriting,
        act_as: ActAs,
        settings: BulkSettings,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._reading = reading
        self._writing = writing
        self._act_as = act_as
        self._settings = settings
        tasks.register(TaskKind(BULK_DELETE, self._step, kept=settings.kept))

    def routes(self) -> list[Route]:
        """What there is."""
        verbs = "POST DELETE" if self._settings.accepts_delete else "POST"
        return [Route(verbs, f"{V2}/devices/_/bulk/delete", self.begin)]

    async def begin(self, exchange: Exchange) -> ForeignAnswer:
        """Take a bulk deletion, once all of its keys are in order."""
        if not exchange.incoming.is_on("x-bulk-operation"):
            raise no_bulk_header()
        keys = read_keys(exchange.incoming.bulk_array(self._settings.most))
        caller = exchange.actor.caller
        arguments = {"keys": keys, "engine": caller.engine, "kuid": caller.kuid, "credential": caller.credential}
        id = secrets.token_hex(ID_BYTES)
        await self._tasks.start(BULK_DELETE, arguments, Call(user_id=caller.kuid), id, engine=caller.engine)
        headers = {"location": exchange.url(f"{V2}/tasks/{id}/")}
        return answer({"task": {"id": id}}, self._settings.status, headers)

    async def _step(self, arguments: Source, cursor: Any, progress: Progress) -> Source | None:
        """See `TaskKind`: delete what is planned, then plan the next batch."""
        keys: list[str] = arguments["keys"]
        at = msgspec.convert(cursor or {}, Cursor)
        actor = self._act_as(ForeignCaller(arguments["credential"], arguments["engine"], arguments["kuid"]))
        known = progress.result or msgspec.to_builtins(Outcome(started_at=time.time_ns() // 1_000_000))
        outcome = msgspec.convert(known, Outcome)
        deleted, errors = await self._delete(actor, at.planned)
        outcome.deleted += deleted
        outcome.errors += errors
        batch = keys[at.at : at.at + BATCH]
        planned, not_found, repeated = await self._plan(actor.engine, batch, frozenset(outcome.deleted))
        outcome.not_found += not_found
        progress.total = (len(keys) if progress.total is None else progress.total) - repeated
        progress.done = len(outcome.deleted) + len(outcome.not_found) + len(outcome.errors)
        progress.result = msgspec.to_builtins(outcome)
        next_at = Cursor(at.at + len(batch), planned)
        return msgspec.to_builtins(next_at) if batch else None

    async def _plan(
        self, engine: str, keys: Sequence[str], deleted: frozenset[str]
    ) -> tuple[list[Planned], list[str], int]:
        """The devices of some keys that are there, the keys that lead to none, how many lead to one a second time."""
        twins = await self._reading.resolve(engine, keys)
        places = {twin: device_key(engine, twin) for twin in twins.values()}
        there = await self._store.read(places.values()) if places else {}
        planned: dict[str, Planned] = {}
        not_found = []
        repeated = 0
        for key in keys:
            twin = twins.get(key)
            id = "" if twin is None else device_id(engine, twin)
            if id in planned or id in deleted:
                repeated += 1
            elif twin is None or not _is_there(engine, key, twin, there.get(places[twin])):
                not_found.append(key)
            else:
                planned[id] = Planned(key, twin, id)
        return list(planned.values()), not_found, repeated

    async def _delete(self, actor: Actor, planned: Sequence[Planned]) -> tuple[list[str], list[Source]]:
        """Delete devices, each for itself; the ids of those that are gone, and what was refused.

        Raises:
            ApiError: the store is away; the step is then repeated.
        """
        turns = asyncio.Semaphore(AT_ONCE)

        async def delete(one: Planned) -> ApiError | None:
            async with turns:
                try:
                    await actor.call(DEVICES, "delete", _id=one.twin)
                except ApiError as error:
                    return None if error.status == 404 else error
            return None

        refusals = await asyncio.gather(*(delete(one) for one in planned))
        if away := next((error for error in refusals if error is not None and error.is_unavailable), None):
            raise away
        pairs = list(zip(planned, refusals, strict=True))
        gone = [one for one, error in pairs if error is None]
        await self._writing.purge(actor.engine, [one.twin for one in gone])
        errors = [_refused(one.key, error) for one, error in pairs if error is not None]
        return [one.id for one in gone], errors


def read_keys(items: Sequence[Any]) -> list[str]:
    """The keys of a bulk deletion, each once, in order.

    Raises:
        UbidotsError: 400001, which names every item that is none.
    """
    detail = {}
    keys = []
    for place, item in enumerate(items):
        key = item.get("id") if isinstance(item, dict) else item
        if not isinstance(key, str) or not key.removeprefix(LABEL_SIGN):
            detail[str(place)] = [f'Expected the id of a device, "{LABEL_SIGN}" and its label, or an object with "id".']
        else:
            keys.append(key)
    if detail:
        raise invalid(detail)
    return list(dict.fromkeys(keys))


def _is_there(engine: str, key: str, twin: str, document: Document | None) -> bool:
    return document is not None and answers_to(engine, twin, document.source, key)


def _refused(key: str, error: ApiError) -> Source:
    refusal = translated(error)
    return {"key": key, "code": refusal.body["code"], "message": error.message}
