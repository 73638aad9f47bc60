"""Tasks as they are stored: their documents, and the transactions that change them. Pure."""

from __future__ import annotations

import enum
import time
from typing import Any, NamedTuple

import msgspec

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Transaction

Source = dict[str, Any]

TASKS = "tasks"
TASKS_MAPPING: Source = {
    "dynamic": "false",
    "properties": {
        "kind": {"type": "keyword"},
        "engine": {"type": "keyword"},
        "state": {"type": "keyword"},
        "createdAt": {"type": "long"},
        "endedAt": {"type": "long"},
    },
}


class TaskState(enum.StrEnum):
    """How far a task is; all but the first are its end."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskRecord(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=False):
    """A task.

    Attributes:
        id: unique among all tasks.
        kind: name of its kind.
        arguments: JSON; what it is to do.
        engine: the engine that it is about; empty for the platform.
        state: how far it is.
        cursor: where the next step begins.
        done: how much was done so far.
        total: how much there is to do; None while nobody knows.
        result: what its steps have to say.
        error: the error object of the failure that ended it.
        cancelling: somebody wants it to end.
        owner: the process that works on it; empty for none.
        user_id: who started it.
        begun: how often a task of this id was started.
        created_at: milliseconds since 1970.
        updated_at: milliseconds since 1970, the last sign of life.
        ended_at: milliseconds since 1970; None while it runs.
    """

    id: str = ""
    kind: str
    arguments: Source
    engine: str = ""
    state: TaskState = TaskState.RUNNING
    cursor: Any = None
    done: int = 0
    total: int | None = None
    result: Any = None
    error: Source | None = None
    cancelling: bool = False
    owner: str = ""
    user_id: str | None = None
    begun: int = 1
    created_at: int
    updated_at: int
    ended_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state is not TaskState.RUNNING

    def raise_failure(self) -> None:
        """Raise the error that ended the task, if one did, as its steps raised it."""
        if self.error is None:
            return
        error = dict(self.error)
        message, status, id = error.pop("message"), error.pop("status"), error.pop("id", None)
        code, props = error.pop("code", None), tuple(error.pop("props", ()))
        raise ApiError(message, status=status, id=id, code=code, props=props, extra=error)


class TaskPlan(NamedTuple):
    """A task about to be added, by `add_task`.

    Attributes:
        record: the task.
        again: when a task of this id has ended, begin anew.
    """

    record: TaskRecord
    again: bool = True

    @property
    def key(self) -> Key:
        """Where it is going to be stored; worth reading together with other documents of the transaction."""
        return task_key(self.record.id)


def task_key(id: str) -> Key:
    """Where a task is stored."""
    return Key(INTERNAL_INDEX, TASKS, id)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def read_task(document: Document) -> TaskRecord:
    """The task that a document holds."""
    record = msgspec.convert(document.source, TaskRecord)
    record.id = document.id
    return record


def to_source(record: TaskRecord) -> Source:
    """The document of a task."""
    source: Source = msgspec.to_builtins(record)
    del source["id"]
    return source


def add_task(tx: Transaction, plan: TaskPlan) -> TaskRecord:
    """Add a task, or find the one that has its id already."""
    key = plan.key
    document = tx.read((key,)).get(key)
    if document is None:
        tx.create(key.index, key.collection, to_source(plan.record), key.id)
        return plan.record
    known = read_task(document)
    if not known.is_over or not plan.again:
        return known
    record = msgspec.structs.replace(plan.record, begun=known.begun + 1)
    tx.replace(key, to_source(record))
    return record


def claim_task(tx: Transaction, id: str, version: int, process: str) -> TaskRecord | None:
    """Make `process` the owner of a task that is still in the state that it was seen in; None when it is not."""
    key = task_key(id)
    document = tx.read((key,)).get(key)
    if document is None or document.version != version:
        return None
    record = read_task(document)
    if record.is_over:
        return None
    record.owner, record.updated_at = process, now()
    tx.replace(key, to_source(record))
    return record


def renew_leases(tx: Transaction, ids: list[str], process: str) -> None:
    """Show that `process` is alive: every write of a lease's document renews it."""
    for id in ids:
        if record := _owned(tx, id, process):
            record.updated_at = now()
            tx.replace(task_key(id), to_source(record))


def release_leases(tx: Transaction, ids: list[str], process: str) -> None:
    """Let whoever wants to go on with tasks of `process`."""
    for id in ids:
        if record := _owned(tx, id, process):
            record.owner = ""
            tx.replace(task_key(id), to_source(record))


def advance_task(tx: Transaction, state: TaskRecord, process: str) -> TaskRecord | None:
    """Write down how far a task is; None when `process` does not own it any more.

    A task that somebody wants to end ends here, if it was not about to do so by itself.
    """
    stored = _owned(tx, state.id, process)
    if stored is None or stored.begun != state.begun:
        return None
    stored.cursor, stored.done, stored.total = state.cursor, state.done, state.total
    stored.result, stored.error, stored.state = state.result, state.error, state.state
    stored.updated_at = now()
    if stored.cancelling and not stored.is_over:
        stored.state = TaskState.CANCELLED
    if stored.is_over:
        stored.ended_at, stored.owner = stored.updated_at, ""
    tx.replace(task_key(state.id), to_source(stored))
    return stored


def ask_to_end(tx: Transaction, id: str) -> TaskRecord:
    """Note that somebody wants a task to end. Raises `services.storage.not_found`."""
    key = task_key(id)
    document = tx.read((key,)).get(key)
    if document is None:
        raise unknown_task(id)
    record = read_task(document)
    if record.is_over or record.cancelling:
        return record
    record.cancelling, record.updated_at = True, now()
    if not record.owner:
        record.state, record.ended_at = TaskState.CANCELLED, record.updated_at
    tx.replace(key, to_source(record))
    return record


def unknown_task(id: str) -> ApiError:
    """The refusal of an id that no task has."""
    return api_error("device_manager.tasks.unknown", id)


def _owned(tx: Transaction, id: str, process: str) -> TaskRecord | None:
    key = task_key(id)
    document = tx.read((key,)).get(key)
    if document is None:
        return None
    record = read_task(document)
    return record if record.owner == process and not record.is_over else None
