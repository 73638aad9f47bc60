"""Bulk operations as durable tasks: how they are taken, and how they are worked off (facades 4.1, 4.6)."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.content import ID_BYTES
from device_manager.facades.ubidots.errors import UbidotsError, no_bulk_header, translated
from device_manager.facades.ubidots.exchange import V2, Exchange, answer
from device_manager.facades.ubidots.reading import DeviceReading
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.security.foreign_credentials import ForeignCaller
from device_manager.storage.stamps import Source
from device_manager.tasks import Progress, TaskKind, Tasks

KINDS = "ubidots:"
"""Begins the names of the kinds of tasks that clients of this interface can see."""
BATCH = 100
"""Items that one step plans, and works off."""
AT_ONCE = 50
"""Items that are worked off at once: as many as share a commit well."""

ActAs = Callable[[ForeignCaller], Actor]


class Planned(msgspec.Struct, omit_defaults=True):
    """An item about to be worked off.

    Attributes:
        key: what the client calls it.
        twin: id of the core device.
        id: under which clients know the device or the variable.
        slot: the measure slot that it is about; empty for the whole device.
        body: what is to be written.
    """

    key: str
    twin: str
    id: str
    slot: str = ""
    body: Source = {}


class Plan(NamedTuple):
    """What is to be done about some items.

    Attributes:
        planned: those to be worked off.
        not_found: keys that lead to nothing.
        errors: `{key, code, message}` of those that cannot be worked off.
        repeated: how many mean something that another item means too.
    """

    planned: list[Planned]
    not_found: list[str]
    errors: Sequence[Source] = ()
    repeated: int = 0


class Cursor(msgspec.Struct):
    """Where the task stands: the items before `at` are planned, and `planned` of them wait to be worked off."""

    at: int = 0
    planned: list[Planned] = []


class BulkSettings(NamedTuple):
    """How bulk operations are taken.

    Attributes:
        status: of the answer to an accepted one.
        most: items of one.
        accepts_delete: take the verb DELETE too where devices are deleted.
        kept: seconds for which its task can be read after its end.
    """

    status: int
    most: int
    accepts_delete: bool
    kept: float


class BulkWork(ABC):
    """A kind of bulk operation.

    Two notes stand between an item and what is done about it: first what is going to be done, then that it was. So
    work that is repeated, because its process died, can tell what it has done itself from what others did before.

    Args:
        reading: finds devices and their variables.
        writing: writes them.

    Attributes:
        type: its name, as clients see it.
        outcome: member of the result that lists the ids of what was worked off.
    """

    type: str
    outcome: str

    def __init__(self, reading: DeviceReading, writing: DeviceWriting) -> None:
        self._reading = reading
        self._writing = writing

    @abstractmethod
    async def plan(self, actor: Actor, items: Sequence[Any], options: Source, done: frozenset[str]) -> Plan:
        """What is to be done about items; `done` are the ids of those that were worked off."""

    @abstractmethod
    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """Work off an item of the task with the id `task`; it may be done already.

        Raises:
            UbidotsError, ApiError: what refuses it.
        """

    async def finish(self, actor: Actor, planned: Sequence[Planned]) -> None:  # noqa: B027  # most need nothing
        """What is to be done once for all items that were worked off together. Raises what the store raises."""


class BulkTasks:
    """Takes bulk operations, and works on them.

    Args:
        tasks: runs the work.
        act_as: calls actions in a sender's name, when the sender's request is long over.
        settings: how they are taken.
        works: the kinds that there are.
    """

    def __init__(self, tasks: Tasks, act_as: ActAs, settings: BulkSettings, works: Iterable[BulkWork]) -> None:
        self._tasks = tasks
        self._act_as = act_as
        self._settings = settings
        for work in works:
            tasks.register(TaskKind(KINDS + work.type, _Steps(work, act_as).step, kept=settings.kept))

    def read(self, exchange: Exchange) -> list[Any]:
        """The items of a request.

        Raises:
            UbidotsError: 400 without the header, 415001, 400001.
        """
        if not exchange.incoming.is_on("x-bulk-operation"):
            raise no_bulk_header()
        return exchange.incoming.bulk_array(self._settings.most)

    async def begin(
        self, exchange: Exchange, work: BulkWork, items: Sequence[Any], options: Source | None = None
    ) -> ForeignAnswer:
        """Start a task; the answer names it.

        Args:
            exchange: the request.
            work: what is to be done.
            items: about what.
            options: how, the same for all of them.
        """
        caller = exchange.actor.caller
        arguments = {"items": list(items), "options": options or {}}
        arguments |= {"engine": caller.engine, "kuid": caller.kuid, "credential": caller.credential}
        id = secrets.token_hex(ID_BYTES)
        await self._tasks.start(KINDS + work.type, arguments, Call(user_id=caller.kuid), id, engine=caller.engine)
        headers = {"location": exchange.url(f"{V2}/tasks/{id}/")}
        return answer({"task": {"id": id}}, self._settings.status, headers)


class _Steps:
    """Works off the tasks of one kind."""

    def __init__(self, work: BulkWork, act_as: ActAs) -> None:
        self._work = work
        self._act_as = act_as

    async def step(self, arguments: Source, cursor: Any, progress: Progress) -> Source | None:
        """See `TaskKind`: work off what is planned, then plan the next batch."""
        items, options = arguments["items"], arguments["options"]
        at = msgspec.convert(cursor or {}, Cursor)
        actor = self._act_as(ForeignCaller(arguments["credential"], arguments["engine"], arguments["kuid"]))
        done, errors, not_found = self._known(progress.result)
        ended, refused = await self._run(actor, at.planned, options, progress.task_id)
        done, errors = [*done, *ended], [*errors, *refused]
        batch = items[at.at : at.at + BATCH]
        plan = await self._work.plan(actor, batch, options, frozenset(done))
        errors += plan.errors
        not_found = [*not_found, *plan.not_found]
        progress.total = (len(items) if progress.total is None else progress.total) - plan.repeated
        progress.done = len(done) + len(not_found) + len(errors)
        started_at = (progress.result or {}).get("startedAt", time.time_ns() // 1_000_000)
        outcome = {self._work.outcome: done, "notFound": not_found, "errors": errors}
        progress.result = {"startedAt": started_at, **outcome}
        return msgspec.to_builtins(Cursor(at.at + len(batch), plan.planned)) if batch else None

    def _known(self, result: Any) -> tuple[list[str], list[Source], list[str]]:
        known = result or {}
        return known.get(self._work.outcome, []), known.get("errors", []), known.get("notFound", [])

    async def _run(
        self, actor: Actor, planned: Sequence[Planned], options: Source, task: str
    ) -> tuple[list[str], list[Source]]:
        """Work off items, each for itself: the ids of those that are done, and what was refused.

        Raises:
            ApiError: the store is away; the step is then repeated.
        """
        turns = asyncio.Semaphore(AT_ONCE)

        async def run(one: Planned) -> UbidotsError | ApiError | None:
            async with turns:
                try:
                    await self._work.run(actor, one, options, task)
                except UbidotsError as error:
                    return error
                except ApiError as error:
                    return None if error.extra.get("committed") else error
            return None

        refusals = await asyncio.gather(*(run(one) for one in planned))
        for error in refusals:
            if isinstance(error, ApiError) and error.is_unavailable:
                raise error
        pairs = list(zip(planned, refusals, strict=True))
        ended = [one for one, error in pairs if error is None]
        if ended:
            await self._work.finish(actor, ended)
        return [one.id for one in ended], [refused(one.key, error) for one, error in pairs if error is not None]


def refused(key: str, error: UbidotsError | ApiError) -> Source:
    """What the result of a task says of an item that could not be worked off."""
    if isinstance(error, ApiError):
        return {"key": key, "code": translated(error).body["code"], "message": error.message}
    shown = {"key": key, "code": error.body["code"], "message": error.body["message"]}
    detail = error.body.get("detail")
    return shown | {"detail": detail} if isinstance(detail, dict) else shown
