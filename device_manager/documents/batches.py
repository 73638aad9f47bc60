"""Writing many documents in one transaction, each item with a verdict of its own (router-protocol 5.6, m* actions)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.acts import shown
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.operations import LARGE, Item, Operation, Outcome, marks_of
from device_manager.documents.places import Places
from device_manager.documents.writers import DIRECT
from device_manager.errors import ApiError, api_error
from device_manager.events.documents import DocumentEvents, Kind
from device_manager.storage.contract import Store, Transaction
from device_manager.storage.sources import leaf_paths
from device_manager.storage.stamps import Source, stamp_now
from device_manager.storage.steps import step


class Batch(NamedTuple):
    """A kind of batch.

    Attributes:
        action: its name, for messages.
        kind: which generic events surround it.
        operate: what it does to each document.
        needs_id: items without an id are refused.
        content: the member of an item that holds the content.
        tells_created: successes say whether the document is new, else which fields changed.
        is_quiet: no generic events surround it, and there may be any number of items.
    """

    action: str
    kind: Kind
    operate: Operation
    needs_id: bool = True
    content: str = "body"
    tells_created: bool = True
    is_quiet: bool = False


CREATE = Batch("mCreate", "Write", operations.create, needs_id=False)
CREATE_OR_REPLACE = Batch("mCreateOrReplace", "Write", operations.create_or_replace)
REPLACE = Batch("mReplace", "Write", operations.replace)
UPDATE = Batch("mUpdate", "Update", operations.update, tells_created=False)
UPSERT = Batch("mUpsert", "Update", operations.upsert_defaults_first, content="changes")
WRITE = Batch("mWrite", "Write", operations.write, needs_id=False, is_quiet=True)
DELETE = Batch("mDelete", "Delete", operations.delete, tells_created=False)


class Refusal(NamedTuple):
    """An item that was not written, and why."""

    document: Any
    reason: str
    status: int

    def to_dict(self, kind: Kind) -> Source:
        """The item of the result's `errors`."""
        named = {"_id": self.document} if kind == "Delete" else {"document": self.document}
        return named | {"reason": self.reason, "status": self.status}


Verdict = Outcome | Refusal


class BatchOptions(NamedTuple):
    """What a caller wants of a batch beside its effect.

    Attributes:
        strict: write nothing when any item is refused.
        source: successes hold the documents.
        silent: successes do not name the changed fields.
        force: store documents of the device manager as they are.
    """

    strict: bool = False
    source: bool = True
    silent: bool = False
    force: bool = False


class BatchWriting:
    """Writes documents by the list.

    Args:
        store: where they are.
        events: runs the pipes.
        places: finds the places of writes.
        limit: most documents of one call.
    """

    def __init__(self, store: Store, events: DocumentEvents, places: Places, limit: int) -> None:
        self._store = store
        self._events = events
        self._places = places
        self._limit = limit

    async def run(
        self, batch: Batch, target: Target, documents: Sequence[Any], call: Call, options: BatchOptions
    ) -> Source:
        """Write `documents` in order; `{successes, errors}`, both in order.

        Args:
            batch: what to do.
            target: the collection.
            documents: `{_id?, body}` each, for `UPSERT` `{_id, changes, default?}`, for `DELETE` ids.
            call: the caller.
            options: further wishes.

        Raises:
            ApiError: `services.storage.write_limit_exceeded` (413), `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument` for an item with `_source`; when strict, 400
                `api.process.incomplete_multiple_request` with `errors` and `count`, nothing written; what a pipe
                raised.
        """
        check_address(*target)
        if len(documents) > self._limit and not batch.is_quiet:
            raise api_error("services.storage.write_limit_exceeded")
        items = [_read(batch, place, document) for place, document in enumerate(documents)]
        verdicts, items = await self._commit(batch, target, items, call, options)
        refusals = [verdict.to_dict(batch.kind) for verdict in verdicts if isinstance(verdict, Refusal)]
        successes = [
            _success(batch, verdict, item, options)
            for verdict, item in zip(verdicts, items, strict=True)
            if isinstance(verdict, Outcome) and isinstance(item, Item)
        ]
        if self._events.listens_after(batch.kind) and not (call.dry_run or batch.is_quiet):
            successes = await self._events.after(batch.kind, successes, call.request)
        return {"successes": _bare(batch.kind, successes), "errors": refusals}

    async def _ask(self, kind: Kind, items: list[Item | Refusal], call: Call) -> list[Item | Refusal]:
        """The usable items as the `before` pipes left them, between the others."""
        if not self._events.listens_before(kind):
            return items
        usable = [item for item in items if isinstance(item, Item)]
        bare = kind == "Delete"
        payload = [{"_id": item.id} if bare else {"_id": item.id, "_source": item.body} for item in usable]
        left = await self._events.before(kind, payload, call.request)
        asked = iter(
            item._replace(id=document.get("_id"), body=item.body if bare else document["_source"])
            for item, document in zip(usable, left, strict=True)
        )
        return [next(asked) if isinstance(item, Item) else item for item in items]

    @step
    async def _commit(
        self, batch: Batch, target: Target, items: list[Item | Refusal], call: Call, options: BatchOptions
    ) -> tuple[list[Verdict], list[Item | Refusal]]:
        """Ask the pipes and write; what became of each item, and the items as the pipes left them."""
        if not batch.is_quiet:
            items = await self._ask(batch.kind, items, call)
        place = await self._places.of(target, call, force=options.force)
        writer = place.writer
        keys = [place.key(item.id) for item in items if isinstance(item, Item) and item.id is not None]
        assumes_absent = batch.operate is operations.create
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> tuple[list[Verdict], list[Item | Refusal]]:
            if not assumes_absent or place.writer is not DIRECT:
                stored = tx.read((*keys, *writer.related(keys)))
                if batch.kind == "Delete":
                    tx.read(writer.partners(stored))
            verdicts: list[Verdict] = []
            for item in items:
                if isinstance(item, Item):
                    try:
                        verdicts.append(batch.operate(tx, place, item, marks))
                    except ApiError as error:
                        verdicts.append(refusal_of(batch, item, error))
                else:
                    verdicts.append(item)
            if options.strict:
                _check_complete(batch, verdicts)
            return verdicts, items

        large = len(items) >= LARGE
        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=large)


def is_about_one(error: ApiError) -> bool:
    """Whether an error is about one item alone, so that the others can be written all the same."""
    return not error.is_fault and not error.is_unknown_place


def refusal_of(batch: Batch, item: Item, error: ApiError) -> Refusal:
    """The refusal of one item; raises what is about no item in particular."""
    if not is_about_one(error):
        raise error
    if batch.kind == "Delete":
        return Refusal(item.id, error.message, error.status)
    document = {"_id": item.id, batch.content: item.body} | ({"default": item.default} if item.default else {})
    return Refusal(document, error.message, error.status)


def _check_complete(batch: Batch, verdicts: Sequence[Verdict]) -> None:
    errors = [verdict.to_dict(batch.kind) for verdict in verdicts if isinstance(verdict, Refusal)]
    if errors:
        raise api_error("api.process.incomplete_multiple_request", batch.action, errors=errors, count=len(errors))


def _read(batch: Batch, place: int, document: Any) -> Item | Refusal:
    """One item of the request, or why it cannot be used."""
    if batch.kind == "Delete":
        if not isinstance(document, str) or not document:
            return Refusal(document, "A document id is a text that is not empty.", 400)
        return Item(document, {})
    if not isinstance(document, dict):
        return Refusal(document, "A document is an object with an _id and a content.", 400)
    if "_source" in document:
        where = f"documents[{place}]"
        raise api_error("api.assert.unexpected_argument", f"{where}._source", f"{where}.{batch.content}")
    for reason in _faults(batch, document):
        return Refusal(document, reason, 400)
    return Item(document.get("_id"), document[batch.content], document.get("default"))


def _faults(batch: Batch, document: Source) -> Iterator[str]:
    id = document.get("_id")
    if batch.needs_id and not id:
        yield "The document has no _id."
    elif id is not None and (not isinstance(id, str) or not id):
        yield "The _id of a document is a text that is not empty."
    if not isinstance(document.get(batch.content), dict):
        yield f'The document\'s "{batch.content}" has to be an object.'
    if not isinstance(document.get("default") or {}, dict):
        yield 'The document\'s "default" has to be an object.'


def _success(batch: Batch, outcome: Outcome, item: Item, options: BatchOptions) -> Source:
    document = outcome.document
    if batch.kind == "Delete":
        return {"_id": document.id}
    success = shown(document) | {"status": 201 if outcome.created else 200}
    if not options.source:
        del success["_source"]
    if batch.tells_created:
        success["created"] = outcome.created
    elif not options.silent:
        success["_updatedFields"] = list(leaf_paths(item.body))
    return success


def _bare(kind: Kind, successes: Sequence[Source]) -> Sequence[Any]:
    """Deletions are told by id alone."""
    return [success["_id"] for success in successes] if kind == "Delete" else successes
