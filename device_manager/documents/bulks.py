"""Bulks of writes to one collection, action by action (router-protocol 5.5, 5.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.batches import is_about_one
from device_manager.documents.operations import LARGE, Item, Operation, marks_of
from device_manager.documents.places import Places
from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Store, Transaction
from device_manager.storage.stamps import Source, stamp_now
from device_manager.storage.steps import step

CHUNK = 500
"""Lines that are committed together."""

ACTIONS: dict[str, Operation] = {
    "create": operations.create,
    "index": operations.create_or_replace,
    "update": operations.update,
    "delete": operations.delete,
}
"""What a bulk line may say; what each does."""


class Line(NamedTuple):
    """One action of a bulk: its name, its document, and what is done about it."""

    action: str
    item: Item
    operate: Operation


class Success(NamedTuple):
    """A line that was carried out."""

    action: str
    id: str
    status: int

    def to_dict(self) -> Source:
        """The item of the result's `successes`."""
        return {self.action: {"_id": self.id, "status": self.status}}


class Failure(NamedTuple):
    """A line that was not carried out."""

    action: str
    id: str | None
    status: int
    type: str | None
    reason: str
    source: Source | None = None

    def to_dict(self) -> Source:
        """The item of the result's `errors`."""
        content: Source = {"_id": self.id, "status": self.status, "error": {"type": self.type, "reason": self.reason}}
        return {self.action: content | ({} if self.source is None else {"_source": self.source})}


class BulkOptions(NamedTuple):
    """What a caller wants of a bulk beside its effect.

    Attributes:
        strict: all lines or none.
        force: store documents of the device manager as they are.
        ruled: look at the collection's specification.
    """

    strict: bool = False
    force: bool = False
    ruled: bool = True


class Bulks:
    """Writes documents by the line.

    Args:
        store: where everything goes.
        places: finds the places of writes.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places

    async def run(
        self, target: Target, lines: Sequence[Line], call: Call, wish: BulkOptions
    ) -> tuple[list[Success], list[Failure]]:
        """Carry the lines out, in order; what became of them.

        Args:
            target: the collection.
            lines: see `read_lines`.
            call: the caller.
            wish: further wishes.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`; when strict,
                `api.process.incomplete_multiple_request` (400) with `errors` and `count`, nothing written.
        """
        check_address(*target)
        size = len(lines) if wish.strict else CHUNK
        successes: list[Success] = []
        failures: list[Failure] = []
        for start in range(0, len(lines), size or 1):
            for outcome in await self._carry_out(target, lines[start : start + size], call, wish):
                (successes if isinstance(outcome, Success) else failures).append(outcome)  # type: ignore[arg-type]
        return successes, failures

    @step
    async def _carry_out(
        self, target: Target, lines: Sequence[Line], call: Call, wish: BulkOptions
    ) -> list[Success | Failure]:
        place = await self._places.of(target, call, force=wish.force, ruled=wish.ruled)
        writer = place.writer
        keys = [place.key(line.item.id) for line in lines if line.item.id is not None]
        deleted = {place.key(line.item.id) for line in lines if line.action == "delete" and line.item.id is not None}
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> list[Success | Failure]:
            stored = tx.read((*keys, *writer.related(keys)))
            tx.read(writer.partners({key: stored[key] for key in deleted & stored.keys()}))
            outcomes: list[Success | Failure] = []
            for line in lines:
                try:
                    done = line.operate(tx, place, line.item, marks)
                except ApiError as error:
                    if not is_about_one(error):
                        raise
                    outcomes.append(_failure(line, error))
                else:
                    outcomes.append(Success(line.action, done.document.id, 201 if done.created else 200))
            errors = [outcome.to_dict() for outcome in outcomes if isinstance(outcome, Failure)]
            if wish.strict and errors:
                raise api_error("api.process.incomplete_multiple_request", "import", errors=errors, count=len(errors))
            return outcomes

        large = len(lines) >= LARGE
        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=large)


def _failure(line: Line, error: ApiError) -> Failure:
    source = None if line.action == "delete" else line.item.body
    return Failure(line.action, line.item.id, error.status, error.id, error.message, source)


def read_lines(lines: Sequence[Any], where: str) -> Iterator[Line]:
    """The actions of a bulk.

    They are `{create|index: {_id?}}`, each followed by a document; `{update: {_id}}` followed by `{doc, upsert?}` or
    `{doc, doc_as_upsert: true}`; and `{delete: {_id}}` alone.

    Raises:
        ApiError: `api.assert.invalid_type`, `invalid_argument` or `missing_argument`, naming the line;
            `services.storage.invalid_query_keyword` for a script.
    """
    rest = iter(enumerate(lines))
    for number, line in rest:
        here = f"{where}[{number}]"
        action, content = _action(line, here)
        id = content.get("_id")
        if id is not None and not (isinstance(id, str) and id):
            raise api_error("api.assert.invalid_type", f"{here}.{action}._id", "string")
        if id is None and action in ("update", "delete"):
            raise api_error("api.assert.missing_argument", f"{here}.{action}._id")
        if action == "delete":
            yield Line(action, Item(id, {}), ACTIONS[action])
            continue
        _, source = next(rest, (0, None))
        if not isinstance(source, dict):
            raise api_error("api.assert.invalid_type", f"{where}[{number + 1}]", "object")
        if action == "update":
            yield _update(id, source, f"{where}[{number + 1}]")
        else:
            # `index` without an id adds a document like `create`.
            yield Line(action, Item(id, source), ACTIONS["create" if action == "index" and id is None else action])


def _update(id: str | None, source: Source, here: str) -> Line:
    if "script" in source:
        raise api_error("services.storage.invalid_query_keyword", f"{here}.script")
    for name in source:
        if name not in ("doc", "upsert", "doc_as_upsert", "_source"):
            raise api_error("api.assert.unexpected_argument", f"{here}.{name}", "doc, upsert, doc_as_upsert")
    changes, default = source.get("doc"), source.get("upsert")
    if not isinstance(changes, dict):
        raise api_error("api.assert.invalid_argument", here, "an object with doc")
    if default is not None and not isinstance(default, dict):
        raise api_error("api.assert.invalid_type", f"{here}.upsert", "object")
    adds = default is not None or source.get("doc_as_upsert") is True
    return Line("update", Item(id, changes, default), operations.update_or_add if adds else operations.update)


def _action(line: Any, here: str) -> tuple[str, Source]:
    if not isinstance(line, dict):
        raise api_error("api.assert.invalid_type", here, "object")
    if len(line) != 1 or (action := next(iter(line))) not in ACTIONS:
        raise api_error("api.assert.invalid_argument", here, "an object with one of " + ", ".join(ACTIONS))
    content = line[action]
    if not isinstance(content, dict):
        raise api_error("api.assert.invalid_type", f"{here}.{action}", "object")
    return action, content
