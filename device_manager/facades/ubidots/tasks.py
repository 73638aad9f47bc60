"""The task resource, which is this product's own (facades 4.6)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError
from device_manager.facades.ubidots.bulk import KINDS
from device_manager.facades.ubidots.errors import not_found
from device_manager.facades.ubidots.exchange import V2, Exchange, answer
from device_manager.facades.ubidots.pages import enveloped, read_page
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.shapes import iso
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

TASKS = "device-manager/tasks"
PAGE_SIZE = 50
STATUS = {"running": "STARTED", "finished": "SUCCESS", "failed": "FAILURE", "cancelled": "FAILURE"}
PENDING = "PENDING"


class TaskRoutes:
    """Shows the tasks that clients began."""

    def routes(self) -> list[Route]:
        """What there is."""
        return [Route("GET", f"{V2}/tasks", self.page), Route("GET", f"{V2}/tasks/{{}}", self.get)]

    async def page(self, exchange: Exchange) -> ForeignAnswer:
        """A page of tasks, the newest first."""
        found = await exchange.actor.call(TASKS, "list", size=10_000)
        tasks = [_located(exchange, task) for task in found["tasks"] if task["kind"].startswith(KINDS)]
        page = read_page(exchange.incoming, PAGE_SIZE)
        return answer(enveloped(exchange.incoming, page, page.of(tasks), len(tasks)))

    async def get(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """One task."""
        try:
            task = await exchange.actor.call(TASKS, "get", _id=id)
        except ApiError as error:
            if error.status != 404:
                raise
            raise not_found() from error
        if task["engineId"] != exchange.engine or not task["kind"].startswith(KINDS):
            raise not_found()
        return answer(_located(exchange, task))


def shown(task: dict[str, Any]) -> Source:
    """A task as clients see it, but for its address; `task` is what `tasks:get` answers."""
    outcome: dict[str, Any] = dict(task["result"] or {})
    started = outcome.pop("startedAt", None)
    failed = len(outcome.get("notFound", ())) + len(outcome.get("errors", ()))
    is_pending = task["state"] == "running" and started is None
    content: Source = {
        "id": task["_id"],
        "type": task["kind"].removeprefix(KINDS),
        "status": PENDING if is_pending else STATUS[task["state"]],
        "createdAt": iso(task["createdAt"]),
        "startedAt": iso(started),
        "finishedAt": iso(task["endedAt"]),
        "progress": {"total": task["total"], "done": task["done"], "failed": failed},
        "result": outcome,
    }
    return content | {"error": task["error"]["message"]} if task["error"] else content


def _located(exchange: Exchange, task: dict[str, Any]) -> Source:
    return {"url": exchange.url(f"{V2}/tasks/{task['_id']}/"), **shown(task)}
