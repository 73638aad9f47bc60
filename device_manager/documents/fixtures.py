"""Loading mappings and documents by the file (router-protocol 5.8): `admin:loadMappings` and `admin:loadFixtures`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.collections import CollectionAdministration
from device_manager.documents.operations import LARGE, Item, Operation, Place, marks_of
from device_manager.documents.writers import DIRECT, Owner
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


class Failure(NamedTuple):
    """A line that was not carried out."""

    action: str
    id: str | None
    status: int
    type: str | None
    reason: str

    def to_dict(self) -> Source:
        """The item of the error's `errors`."""
        error = {"type": self.type, "reason": self.reason}
        return {self.action: {"_id": self.id, "status": self.status, "error": error}}


class Loading:
    """Loads what a file holds for several indices.

    Args:
        store: where everything goes.
        owner: has rules for some collections.
        collections: makes collections.
    """

    def __init__(self, store: Store, owner: Owner, collections: CollectionAdministration) -> None:
        self._store = store
        self._owner = owner
        self._collections = collections

    async def load_mappings(self, content: Source, call: Call) -> None:
        """Create or extend collections: `{index: {collection: mappings}}`.

        Raises:
            ApiError: what `CollectionAdministration.create` raises, `api.assert.invalid_type` for what is no object.
        """
        for target, mappings in list(_walk(content, call, dict, "object")):
            await self._collections.create(*target, mappings, call)

    async def load_fixtures(self, content: Source, call: Call) -> None:
        """Write documents as they are: `{index: {collection: [bulk lines]}}`.

        Bulk lines are `{create|index: {_id}}`, each followed by the document, `{update: {_id}}` followed by `{doc}`,
        and `{delete: {_id}}` alone.
        Collections are loaded in order, up to the first one with a line that fails; its other lines are written.
        Links and attachments are not looked at: `doctor` tells which of them do not fit together.

        Raises:
            ApiError: `services.storage.import_failed` (206) with `errors`, `unknown_index`, `unknown_collection`,
                `api.assert.invalid_type` or `invalid_argument` for what is no bulk.
        """
        bulks = [
            (target, list(_lines(lines, f"body.{target.index}.{target.collection}")))
            for target, lines in _walk(content, call, list, "array")
        ]
        for target, _ in bulks:
            check_address(*target)
            if target.collection not in await self._store.collections(target.index):
                raise api_error("services.storage.unknown_collection", *target)
        for target, lines in bulks:
            failures: list[Failure] = []
            for start in range(0, len(lines), CHUNK):
                failures += await self._load(target, lines[start : start + CHUNK], call)
            if failures:
                errors = [failure.to_dict() for failure in failures]
                raise api_error("services.storage.import_failed", errors=errors, count=len(errors))

    @step
    async def _load(self, target: Target, lines: Sequence[Line], call: Call) -> list[Failure]:
        place = Place(*target, self._owner.writer(*target, call, force=True) or DIRECT)
        keys = [place.key(line.item.id) for line in lines if line.item.id is not None]
        marks = marks_of(stamp_now(call.user_id))

        def decide(tx: Transaction) -> list[Failure]:
            tx.read(keys)
            failures = []
            for line in lines:
                try:
                    line.operate(tx, place, line.item, marks)
                except ApiError as error:
                    if error.is_fault:
                        raise
                    failures.append(Failure(line.action, line.item.id, error.status, error.id, error.message))
            return failures

        large = len(lines) >= LARGE
        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=large)


def _walk(content: Source, call: Call, kind: type, expected: str) -> Iterator[tuple[Target, Any]]:
    """What a file says of each collection; indices that the caller has no right to are unknown to it."""
    for index, collections in content.items():
        if not isinstance(collections, dict):
            raise api_error("api.assert.invalid_type", f"body.{index}", "object")
        if not call.may_use(index):
            raise api_error("services.storage.unknown_index", index)
        for collection, inner in collections.items():
            if not isinstance(inner, kind):
                raise api_error("api.assert.invalid_type", f"body.{index}.{collection}", expected)
            yield Target(index, collection), inner


def _lines(lines: Sequence[Any], where: str) -> Iterator[Line]:
    """The actions of a bulk.

    Raises:
        ApiError: `api.assert.invalid_type` or `invalid_argument`, naming the line.
    """
    rest = iter(enumerate(lines))
    for number, line in rest:
        here = f"{where}[{number}]"
        action, content = _action(line, here)
        id = content.get("_id")
        if id is not None and not (isinstance(id, str) and id):
            raise api_error("api.assert.invalid_type", f"{here}.{action}._id", "string")
        if action == "delete":
            yield Line(action, Item(id, {}), ACTIONS[action])
            continue
        _, source = next(rest, (0, None))
        if not isinstance(source, dict):
            raise api_error("api.assert.invalid_type", f"{where}[{number + 1}]", "object")
        if action == "update":
            source = source.get("doc")
            if not isinstance(source, dict):
                raise api_error("api.assert.invalid_argument", f"{where}[{number + 1}]", "an object with doc")
        # `index` without an id adds a document like `create`.
        yield Line(action, Item(id, source), ACTIONS["create" if action == "index" and id is None else action])


def _action(line: Any, here: str) -> tuple[str, Source]:
    if not isinstance(line, dict):
        raise api_error("api.assert.invalid_type", here, "object")
    if len(line) != 1 or (action := next(iter(line))) not in ACTIONS:
        raise api_error("api.assert.invalid_argument", here, "an object with one of " + ", ".join(ACTIONS))
    content = line[action]
    if not isinstance(content, dict):
        raise api_error("api.assert.invalid_type", f"{here}.{action}", "object")
    return action, content
