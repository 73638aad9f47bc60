"""Starting a task of which only one may run: whoever comes second is refused (router-protocol 5.8)."""

from __future__ import annotations

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.storage.contract import Store, Transaction
from device_manager.tasks.records import TaskRecord, add_task, read_task
from device_manager.tasks.runner import Tasks

PATIENCE = 60.0
"""Seconds that a caller waits for the end, before it is told that the task goes on."""


async def run_alone(store: Store, tasks: Tasks, kind: str, what: str, call: Call) -> TaskRecord:
    """Start the task of a kind, and wait for its end for a while.

    Args:
        store: where tasks are.
        tasks: runs them.
        kind: of the task, and its id.
        what: it is doing, for messages.
        call: the caller; in a dry run nothing begins.

    Raises:
        ApiError: `api.process.action_locked` (412) while one runs already, and what made the task fail.
    """
    plan = tasks.plan(kind, {}, call, id=kind)

    def decide(tx: Transaction) -> TaskRecord:
        known = tx.read((plan.key,)).get(plan.key)
        if known is not None and not read_task(known).is_over:
            raise api_error("api.process.action_locked", f'{what}, see task "{kind}".')
        return add_task(tx, plan)

    task = await store.transact(decide, dry_run=call.dry_run)
    if not call.dry_run:
        task = await tasks.wait(kind, PATIENCE)
        task.raise_failure()
    return task
