"""Telling subscribers how far the tasks of Ubidots clients are (facades 4.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from device_manager.errors import ApiError
from device_manager.facades.ubidots.bulk import KINDS
from device_manager.facades.ubidots.tasks import shown
from device_manager.router.router import Router
from device_manager.storage.contract import INTERNAL_INDEX, Change, Document, Store
from device_manager.storage.stamps import Source
from device_manager.tasks.records import TASKS

COLLECTION = "ubidots-tasks"
"""What to subscribe to, in the engine. Nothing is stored there."""

log = structlog.get_logger("ubidots")


class TaskNotices:
    """Publishes each step of a task, from the server that works on it, without what its result lists.

    Args:
        router: runs `realtime:publish`.
        store: tells what was committed.
    """

    def __init__(self, router: Router, store: Store) -> None:
        self._router = router
        self._last: asyncio.Task[None] | None = None
        store.on_commit(self._note)

    def _note(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.key.index != INTERNAL_INDEX or change.key.collection != TASKS or change.after is None:
                continue
            source = change.after.source
            if source["kind"].startswith(KINDS) and _told(change.after) != _told(change.before):
                self._last = asyncio.get_running_loop().create_task(self._tell(self._last, change.key.id, source))

    async def _tell(self, last: asyncio.Task[None] | None, id: str, source: Source) -> None:
        """Publish, after what was published before."""
        if last is not None:
            await asyncio.gather(last, return_exceptions=True)
        content = shown({"_id": id, **source})
        del content["result"]
        args = {"index": source["engine"], "collection": COLLECTION, "_id": id}
        try:
            await self._router.call("realtime", "publish", args=args, body=content, as_user=source["userId"])
        except ApiError as error:
            log.warning("subscribers are not told of a task", task=id, reason=error.message)


def _told(task: Document | None) -> Any:
    """What a notice depends on."""
    if task is None:
        return None
    source = task.source
    return source["state"], source["done"], source["total"], source["error"], bool(source["result"])
