"""The controller `device-manager/tasks`: long work that goes on beside requests (design 9)."""

from __future__ import annotations

from typing import Any

from device_manager.call import Call
from device_manager.controllers.calls import call_of
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.storage.finding import read_search
from device_manager.tasks import TaskRecord, Tasks, TaskState
from device_manager.tasks.records import unknown_task

MOST = 10_000
"""Tasks of one list."""


class TasksController(Controller):
    """`device-manager/tasks`: look at tasks and end them. Callers see those about engines that they have a right to.

    Args:
        tasks: what runs them.
        platform: the platform index; a right to it is a right to tasks about no engine in particular.
    """

    name = "device-manager/tasks"
    scope = Scope.FOUND

    def __init__(self, tasks: Tasks, platform: str) -> None:
        self._tasks = tasks
        self._platform = platform

    @action(http=["GET /_/device-manager/tasks/:_id"])
    async def get(self, request: Request, _id: str) -> dict[str, Any]:
        """A task: how far it is, and how it ended. It can be read for a day after its end.

        `state` is `running`, `finished`, `failed` or `cancelled`; `total` is null while nobody knows it. What `done`
        counts is up to the kind. A failed task says in `error` what a request would have been answered.

        Example request:

            {"controller": "device-manager/tasks", "action": "get", "_id": "0b5e3b2c"}

        Example result:

            {"_id": "0b5e3b2c", "kind": "model-propagation", "engineId": null, "state": "running", "cancelling": false,
             "done": 1500, "total": 20000, "result": null, "error": null, "userId": "ada",
             "createdAt": 1732000000000, "updatedAt": 1732000004000, "endedAt": null}

        Raises:
            ApiError: `device_manager.tasks.unknown`.
        """
        return self._shown(await self._visible(_id, call_of(request)))

    @action(http=["GET /_/device-manager/tasks"])
    async def list(
        self, request: Request, engine_id: str | None = None, state: TaskState | None = None, size: int = 1000
    ) -> dict[str, Any]:
        """The tasks of the last day, the newest first: all, or those about one engine or in one state.

        Example request:

            {"controller": "device-manager/tasks", "action": "list", "state": "running"}

        Example result:

            {"tasks": [{"_id": "0b5e3b2c", "kind": "model-propagation", "engineId": null, "state": "running",
                        "done": 1500, "total": 20000}], "total": 1}

        Raises:
            ApiError: `services.storage.get_limit_exceeded`.
        """
        size = read_search({}, offset=None, size=size, lang="elasticsearch", limit=MOST).size
        allowed = call_of(request).engines
        engines = [engine_id] if engine_id is not None else allowed
        shown = None if engines is None else ["" if engine == self._platform else engine for engine in engines]
        tasks = await self._tasks.list(engines=shown, state=state, size=size)
        return {"tasks": [self._shown(task) for task in tasks], "total": len(tasks)}

    @action(http=["PUT /_/device-manager/tasks/:_id/_cancel"], writes=True)
    async def cancel(self, request: Request, _id: str) -> dict[str, Any]:
        """Ask a task to end after the batch that it is at; what it did so far stays. One that has ended stays so.

        Example request:

            {"controller": "device-manager/tasks", "action": "cancel", "_id": "0b5e3b2c"}

        Example result:

            {"_id": "0b5e3b2c", "kind": "export", "engineId": "tenant-a", "state": "running", "cancelling": true,
             "done": 1500, "total": 20000}

        Raises:
            ApiError: `device_manager.tasks.unknown`, `not_cancellable`.
        """
        call = call_of(request)
        await self._visible(_id, call)
        return self._shown(await self._tasks.cancel(_id, call))

    async def _visible(self, id: str, call: Call) -> TaskRecord:
        task = await self._tasks.get(id)
        if not call.may_use(task.engine or self._platform):
            raise unknown_task(id)
        return task

    def _shown(self, task: TaskRecord) -> dict[str, Any]:
        return {
            "_id": task.id,
            "kind": task.kind,
            "engineId": task.engine or None,
            "state": task.state.value,
            "cancelling": task.cancelling,
            "done": task.done,
            "total": task.total,
            "result": task.result,
            "error": task.error,
            "userId": task.user_id,
            "createdAt": task.created_at,
            "updatedAt": task.updated_at,
            "endedAt": task.ended_at,
        }
