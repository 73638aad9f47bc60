"""Writing one document at a time (router-protocol 5.6), with the generic events around it (3.4)."""

from __future__ import annotations

from typing import Any

from device_manager.call import Call
from device_manager.documents.acts import Act
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.operations import Item, Marks, Outcome
from device_manager.documents.places import Places
from device_manager.events.documents import DocumentEvents, Kind
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source
from device_manager.storage.steps import step


class DocumentWriting:
    """Writes single documents.

    Args:
        store: where they are.
        events: runs the pipes.
        places: finds the places of writes.
    """

    def __init__(self, store: Store, events: DocumentEvents, places: Places) -> None:
        self._store = store
        self._events = events
        self._places = places

    async def run(
        self, act: Act, target: Target, item: Item, call: Call, *, source: bool = False, force: bool = False
    ) -> Source:
        """Do `act`; what it answers.

        Args:
            act: one of `acts`.
            target: the collection.
            item: the document, and what becomes of it.
            call: the caller.
            source: answer with the whole document.
            force: store documents of the device manager as they are.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `document_already_exists` or `not_found`,
                what the mapping refuses, what the owner of the collection refuses, and what a pipe raised.
        """
        index, collection = target
        check_address(index, collection)
        outcome, item, marks = await self._commit(act, target, item, call, force=force)
        result = act.show(outcome, item, marks, source)
        if self._events.listens_after(act.kind) and not (call.dry_run or act.is_quiet):
            (result,) = await self._events.after(act.kind, [result], call.request)
        return result

    @step
    async def _commit(
        self, act: Act, target: Target, item: Item, call: Call, *, force: bool
    ) -> tuple[Outcome, Item, Marks]:
        """Ask the pipes and write; what was written, of what the pipes left."""
        marks = act.marks(call)
        if act.injects is not None and self._events.injects:
            marks = await self._inject(act, marks, call)
        heard = self._events.listens_before(act.kind) and not act.is_quiet
        asked = await self._ask(act.kind, item, call) if heard else item
        place = await self._places.of(target, call, force=force)
        return await self._store.transact(
            lambda tx: (act.operate(tx, place, asked, marks), asked, marks), dry_run=call.dry_run, refresh=call.refresh
        )

    async def _inject(self, act: Act, marks: Marks, call: Call) -> Marks:
        """The marks as the pipes of `injectMetadata` want them."""
        inject, request = self._events.inject, call.request
        if act.injects == "whole":
            return marks._replace(whole=(await inject(marks.whole, None, request))["metadata"])
        if act.injects == "change":
            return marks._replace(change=(await inject(marks.change, None, request))["metadata"])
        left = await inject(marks.change, marks.whole, request)
        return marks._replace(change=left["metadata"], whole=left["defaultMetadata"])

    async def _ask(self, kind: Kind, item: Item, call: Call) -> Item:
        """The item as the `before` pipes left it."""
        payload: dict[str, Any] = {"_id": item.id}
        if kind == "Delete":
            (left,) = await self._events.before(kind, [payload], call.request)
            return item._replace(id=left["_id"])
        member = "fields" if item.fields else "body"
        payload["_source"] = getattr(item, member)
        (left,) = await self._events.before(kind, [payload], call.request)
        return item._replace(id=left.get("_id"), **{member: left["_source"]})
