"""Loading mappings and documents by the file (router-protocol 5.8): `admin:loadMappings` and `admin:loadFixtures`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.bulks import BulkOptions, Bulks, read_lines
from device_manager.documents.collections import CollectionAdministration, Definition
from device_manager.errors import api_error
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source


class Loading:
    """Loads what a file holds for several indices.

    Args:
        store: where everything goes.
        bulks: writes documents.
        collections: makes collections.
    """

    def __init__(self, store: Store, bulks: Bulks, collections: CollectionAdministration) -> None:
        self._store = store
        self._bulks = bulks
        self._collections = collections

    async def load_mappings(self, content: Source, call: Call) -> None:
        """Create or extend collections: `{index: {collection: mappings}}`.

        Raises:
            ApiError: what `CollectionAdministration.create` raises, `api.assert.invalid_type` for what is no object.
        """
        for target, mappings in list(_walk(content, call, dict, "object")):
            await self._collections.create(*target, Definition(mappings), call)

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
            (target, list(read_lines(lines, f"body.{target.index}.{target.collection}")))
            for target, lines in _walk(content, call, list, "array")
        ]
        for target, _ in bulks:
            check_address(*target)
            if target.collection not in await self._store.collections(target.index):
                raise api_error("services.storage.unknown_collection", *target)
        for target, lines in bulks:
            _, failures = await self._bulks.run(target, lines, call, BulkOptions(force=True, ruled=False))
            if failures:
                errors = [failure.to_dict() for failure in failures]
                raise api_error("services.storage.import_failed", errors=errors, count=len(errors))


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
