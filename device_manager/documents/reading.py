"""Reading documents by id (router-protocol 5.6), with the generic events around it (3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.documents.acts import shown
from device_manager.documents.addresses import Target, check_address
from device_manager.errors import api_error
from device_manager.events.documents import DocumentEvents
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.stamps import Source

SEARCH = "_search"
"""Looks like a document's id in a path, but is not accepted as one."""


class DocumentReading:
    """Reads documents by id.

    Args:
        store: where they are.
        events: runs the pipes.
        limit: most documents of one call.
    """

    def __init__(self, store: Store, events: DocumentEvents, limit: int) -> None:
        self._store = store
        self._events = events
        self._limit = limit

    async def get(self, target: Target, id: str, call: Call) -> Source:
        """One document: `{_id, _source, _version}`.

        Raises:
            ApiError: `services.storage.not_found`, `search_as_an_id`, `unknown_index`, `unknown_collection`, and what a
                pipe raised.
        """
        check_address(*target)
        if id == SEARCH:
            raise api_error("services.storage.search_as_an_id")
        (id,) = await self._ask([id], call)
        result = shown(await self._store.get(*target, id))
        if self._events.listens_after("Get"):
            (result,) = await self._events.after("Get", [result], call.request)
        return result

    async def exists(self, target: Target, id: str, call: Call) -> bool:
        """Whether there is a document. Raises `services.storage.unknown_index`, `unknown_collection`."""
        check_address(*target)
        (id,) = await self._ask([id], call)
        key = Key(*target, id)
        found = key in await self._store.read((key,))
        if self._events.listens_after("Get"):
            (found,) = await self._events.after("Get", [found], call.request)
        return found

    async def get_many(self, target: Target, ids: Sequence[str], call: Call) -> Source:
        """Documents in the order of `ids`: `{successes: [{_id, _source, _version}], errors: [ids without one]}`.

        Raises:
            ApiError: `services.storage.get_limit_exceeded` (413), `unknown_index`, `unknown_collection`.
        """
        found = await self._find(target, ids, call)
        successes: Any = [shown(document) for _, document in found if document is not None]
        if self._events.listens_after("Get"):
            successes = await self._events.after("Get", successes, call.request)
        return {"successes": successes, "errors": [id for id, document in found if document is None]}

    async def exist(self, target: Target, ids: Sequence[str], call: Call) -> Source:
        """Which documents there are: `{successes: [ids], errors: [ids]}`. Raises what `get_many` raises."""
        found = await self._find(target, ids, call)
        successes: Any = [{"_id": id} for id, document in found if document is not None]
        if self._events.listens_after("Get"):
            successes = await self._events.after("Get", successes, call.request)
        missing = [id for id, document in found if document is None]
        return {"successes": [success["_id"] for success in successes], "errors": missing}

    async def _find(self, target: Target, ids: Sequence[str], call: Call) -> list[tuple[str, Document | None]]:
        check_address(*target)
        if len(ids) > self._limit:
            raise api_error("services.storage.get_limit_exceeded")
        ids = await self._ask(ids, call)
        found = await self._store.read([Key(*target, id) for id in ids])
        return [(id, found.get(Key(*target, id))) for id in ids]

    async def _ask(self, ids: Sequence[str], call: Call) -> Sequence[str]:
        """The ids as the `before` pipes left them."""
        if not self._events.listens_before("Get"):
            return ids
        left = await self._events.before("Get", [{"_id": id} for id in ids], call.request)
        return [document["_id"] for document in left]
