"""The controller `bulk` (router-protocol 5.5): writing much at once, with little around it."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.calls import call_of
from device_manager.controllers.document.documents_controller import (
    ChangesBody,
    DocumentsBody,
    DocumentsController,
    read_query,
)
from device_manager.documents import acts, batches
from device_manager.documents.addresses import Target
from device_manager.documents.batches import BatchOptions
from device_manager.documents.bulks import BulkOptions, read_lines
from device_manager.documents.operations import Item
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope


class ImportBody(msgspec.Struct, rename="camel"):
    """The body of `import`: action lines, each but `delete` followed by what it is about."""

    bulk_data: list[Any]


class BulkController(DocumentsController):
    """`bulk`: write any number of documents, without the generic events of documents.

    Subscribers are not told, unless an action has `notify` and it is set. Collections of engines are written as
    `document` writes them; `force` stores their documents as they are.
    """

    name = "bulk"
    scope = Scope.ENGINE

    @action(http=["DELETE /:index/:collection/_bulk/_query"], writes=True)
    async def delete_by_query(
        self,
        request: Request,
        index: str,
        collection: str,
        refresh: Refresh,
        body: dict[str, Any] | None = None,
        force: bool = False,
    ) -> dict[str, int]:
        """Delete all documents that match the body's query, however many there are.

        Example request:

            {"controller": "bulk", "action": "deleteByQuery", "index": "weather", "collection": "stations",
             "body": {"query": {"range": {"height": {"lt": 0}}}}}

        Example result:

            {"deleted": 42}

        Raises:
            ApiError: `services.storage.missing_argument`, `unknown_index`, `unknown_collection`.
        """
        query, call = read_query(body, required=True), call_of(request, refresh=refresh)
        target = Target(index, collection)
        return {"deleted": await self._documents.removal.any_number(target, query, "elasticsearch", call, force=force)}

    @action(http=["POST /:index/:collection/_bulk"], writes=True)
    async def import_(
        self,
        request: Request,
        index: str,
        collection: str,
        body: ImportBody,
        refresh: Refresh,
        strict: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        r"""Write documents by the lines of a bulk, in order.

        The lines are `{create|index: {_id?}}`, each followed by the document, `{update: {_id}}` followed by `{doc}`,
        by `{doc, upsert}` or by `{doc, doc_as_upsert: true}`, and `{delete: {_id}}` alone. There are no scripts. Lines
        that are refused stand in `errors`; with `strict` all lines are carried out or none.

        Example request:

            {"controller": "bulk", "action": "import", "index": "weather", "collection": "stations",
             "body": {"bulkData": [{"index": {"_id": "north"}}, {"name": "North"}, {"delete": {"_id": "nowhere"}}]}}

        Example result:

            {"successes": [{"index": {"_id": "north", "status": 201}}],
             "errors": [{"delete": {
                 "_id": "nowhere", "status": 404,
                 "error": {"type": "services.storage.not_found",
                           "reason": "Document \"nowhere\" not found in \"weather\":\"stations\"."}}}]}

        Raises:
            ApiError: `api.assert.invalid_type`, `invalid_argument`, `missing_argument`, `unexpected_argument` for a
                line that is none, `services.storage.invalid_query_keyword` for a script, `unknown_index`,
                `unknown_collection`, `api.process.incomplete_multiple_request`.
        """
        lines = list(read_lines(body.bulk_data, "body.bulkData"))
        target, call = Target(index, collection), call_of(request, refresh=refresh)
        successes, failures = await self._documents.bulks.run(target, lines, call, BulkOptions(strict, force))
        return {
            "successes": [success.to_dict() for success in successes],
            "errors": [failure.to_dict() for failure in failures],
        }

    @action(http=["POST /:index/:collection/_mWrite"], writes=True)
    async def m_write(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        notify: bool = False,
        strict: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Store documents as they are, new ones or in the place of others, any number of them.

        Nothing is added to them: `_kuzzle_info` is what they bring along, and no specifications are looked at.

        Example request:

            {"controller": "bulk", "action": "mWrite", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "body": {"name": "North"}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North"}, "_version": 1, "created": true,
                            "status": 201}],
             "errors": []}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `api.assert.unexpected_argument`,
                `api.process.incomplete_multiple_request`.
        """
        options, call = BatchOptions(strict, force=force), call_of(request, refresh=refresh)
        target = Target(index, collection)
        return await self._documents.batches.run(batches.WRITE, target, body.documents, call, options)

    @action(http=["POST /:index/:collection/_write"], writes=True)
    async def write(
        self,
        request: Request,
        index: str,
        collection: str,
        body: dict[str, Any],
        refresh: Refresh,
        _id: str | None = None,
        notify: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Store a document as it is, a new one or in the place of another.

        Nothing is added to it: `_kuzzle_info` is what it brings along, and no specifications are looked at.

        Example request:

            {"controller": "bulk", "action": "write", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"name": "North"}}

        Example result:

            {"_id": "north", "_source": {"name": "North"}, "_version": 1}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `strict_mapping_rejection`.
        """
        call = call_of(request, refresh=refresh)
        return await self._documents.writing.run(
            acts.WRITE, Target(index, collection), Item(_id, body), call, force=force
        )

    @action(http=["PATCH /:index/:collection/_bulk/_query"], writes=True)
    async def update_by_query(
        self,
        request: Request,
        index: str,
        collection: str,
        body: ChangesBody,
        refresh: Refresh,
        force: bool = False,
    ) -> dict[str, int]:
        """Merge `changes` into all documents that match the body's query, however many there are.

        Example request:

            {"controller": "bulk", "action": "updateByQuery", "index": "weather", "collection": "stations",
             "body": {"query": {"term": {"name": "North"}}, "changes": {"place": {"height": 12}}}}

        Example result:

            {"updated": 42}

        Raises:
            ApiError: `services.storage.missing_argument`, `incomplete_update` with `errors` when some are refused,
                `unknown_index`, `unknown_collection`.
        """
        change, call = body.change("elasticsearch", force=force), call_of(request, refresh=refresh)
        return {"updated": await self._documents.updating.any_number(Target(index, collection), change, call)}
