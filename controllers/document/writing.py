"""Writing and deleting documents one by one, and deleting by query (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.document.documents_controller import (
    ChangesBody,
    DocumentsController,
    FieldsBody,
    UpsertBody,
    read_query,
)
from device_manager.documents import acts
from device_manager.documents.acts import Act
from device_manager.documents.addresses import Target
from device_manager.documents.operations import Item
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh
from device_manager.router.request import Request


class DocumentWrites(DocumentsController):
    """Actions that write one document.

    All take `silent`, which keeps subscribers from being told, and `force`, which stores documents of the device
    manager as they are.
    """

    async def _run(
        self,
        act: Act,
        request: Request,
        target: Target,
        item: Item,
        *,
        refresh: bool,
        force: bool,
        source: bool = False,
    ) -> dict[str, Any]:
        call = call_of(request, refresh=refresh)
        return await self._documents.writing.run(act, target, item, call, source=source, force=force)

    @action(http=["POST /:index/:collection/_create", "POST /:index/:collection/:_id/_create"], writes=True)
    async def create(
        self,
        request: Request,
        index: str,
        collection: str,
        body: dict[str, Any],
        refresh: Refresh,
        _id: str | None = None,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Add a document, with a generated id when there is no `_id`.

        Example request:

            {"controller": "document", "action": "create", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"name": "North"}}

        Example result:

            {"_id": "north", "_version": 1,
             "_source": {"name": "North", "_kuzzle_info": {"author": "-1", "createdAt": 1700000000000,
                                                           "updatedAt": null, "updater": null}}}

        Raises:
            ApiError: `services.storage.document_already_exists`, `unknown_index`, `unknown_collection`,
                `strict_mapping_rejection`, `unexpected_bad_request`, `device_manager.native.managed_member`.
        """
        item = Item(_id, body)
        return await self._run(acts.CREATE, request, Target(index, collection), item, refresh=refresh, force=force)

    @action(http=["PUT /:index/:collection/:_id"], writes=True)
    async def create_or_replace(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        body: dict[str, Any],
        refresh: Refresh,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Add a document, or replace the one that has the id.

        Example request:

            {"controller": "document", "action": "createOrReplace", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"name": "North"}}

        Example result:

            {"_id": "north", "_version": 2, "created": false, "_source": {"name": "North"}}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `strict_mapping_rejection`,
                `unexpected_bad_request`, `device_manager.native.managed_member`.
        """
        act, item = acts.CREATE_OR_REPLACE, Item(_id, body)
        return await self._run(act, request, Target(index, collection), item, refresh=refresh, force=force)

    @action(http=["DELETE /:index/:collection/:_id"], writes=True)
    async def delete(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        refresh: Refresh,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Delete a document; `source` shows it a last time.

        Example request:

            {"controller": "document", "action": "delete", "index": "weather", "collection": "stations", "_id": "north"}

        Example result:

            {"_id": "north"}

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index`, `unknown_collection`.
        """
        target, item = Target(index, collection), Item(_id, {})
        return await self._run(acts.DELETE, request, target, item, refresh=refresh, force=force, source=source)

    @action(http=["DELETE /:index/:collection/_query"], writes=True)
    async def delete_by_query(
        self,
        request: Request,
        index: str,
        collection: str,
        lang: Lang,
        refresh: Refresh,
        body: dict[str, Any] | None = None,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Delete the documents that match the body's query, without one all of them.

        Example request:

            {"controller": "document", "action": "deleteByQuery", "index": "weather", "collection": "stations",
             "body": {"query": {"term": {"name": "North"}}}}

        Example result:

            {"documents": [{"_id": "north"}], "ids": ["north"]}

        Raises:
            ApiError: `services.storage.invalid_search_query`, `write_limit_exceeded`, `unknown_index`,
                `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        target = Target(index, collection)
        query = read_query(body, required=False)
        return await self._documents.removal.by_query(target, query, lang, call, source=source, force=force)

    @action(http=["DELETE /:index/:collection/:_id/_fields"], writes=True)
    async def delete_fields(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        body: FieldsBody,
        refresh: Refresh,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Remove fields, given by dotted paths, from a document.

        Example request:

            {"controller": "document", "action": "deleteFields", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"fields": ["place.height"]}}

        Example result:

            {"_id": "north", "_version": 2}

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index`, `unknown_collection`,
                `device_manager.native.managed_member`.
        """
        target, item = Target(index, collection), Item(_id, {}, fields=body.fields)
        return await self._run(acts.DELETE_FIELDS, request, target, item, refresh=refresh, force=force, source=source)

    @action(http=["PUT /:index/:collection/:_id/_replace"], writes=True)
    async def replace(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        body: dict[str, Any],
        refresh: Refresh,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Replace a document.

        Example request:

            {"controller": "document", "action": "replace", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"name": "Far North"}}

        Example result:

            {"_id": "north", "_version": 2, "_source": {"name": "Far North"}}

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index`, `unknown_collection`, `strict_mapping_rejection`,
                `unexpected_bad_request`, `device_manager.native.managed_member`.
        """
        item = Item(_id, body)
        return await self._run(acts.REPLACE, request, Target(index, collection), item, refresh=refresh, force=force)

    @action(
        http=["PUT /:index/:collection/:_id/_update", "PATCH /:index/:collection/:_id/_update"],
        writes=True,
    )
    async def update(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        body: dict[str, Any],
        refresh: Refresh,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
        retry_on_conflict: int = 0,
    ) -> dict[str, Any]:
        """Merge the body into a document, objects member by member; `source` shows the whole document.

        Writers that are faster never make it fail; `retryOnConflict` is accepted and needs no number.

        Example request:

            {"controller": "document", "action": "update", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"place": {"height": 12}}}

        Example result:

            {"_id": "north", "_version": 2,
             "_source": {"place": {"height": 12}, "_kuzzle_info": {"updatedAt": 1700000000000, "updater": "-1"}}}

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index`, `unknown_collection`, `strict_mapping_rejection`,
                `unexpected_bad_request`, `device_manager.native.managed_member`.
        """
        target, item = Target(index, collection), Item(_id, body)
        return await self._run(acts.UPDATE, request, target, item, refresh=refresh, force=force, source=source)

    @action(
        http=["POST /:index/:collection/:_id/_upsert", "PUT /:index/:collection/:_id/_upsert"],
        writes=True,
    )
    async def upsert(
        self,
        request: Request,
        index: str,
        collection: str,
        _id: str,
        body: UpsertBody,
        refresh: Refresh,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
        retry_on_conflict: int = 0,
    ) -> dict[str, Any]:
        """Merge `changes` into a document, or create it from `changes` over `default`.

        Writers that are faster never make it fail; `retryOnConflict` is accepted and needs no number.

        Example request:

            {"controller": "document", "action": "upsert", "index": "weather", "collection": "stations",
             "_id": "north", "body": {"changes": {"name": "North"}, "default": {"height": 0}}}

        Example result:

            {"_id": "north", "_version": 1, "created": true}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `strict_mapping_rejection`,
                `unexpected_bad_request`, `device_manager.native.managed_member`.
        """
        target, item = Target(index, collection), Item(_id, body.changes, body.default)
        return await self._run(acts.UPSERT, request, target, item, refresh=refresh, force=force, source=source)

    @action(http=["PUT /:index/:collection/_query"], writes=True)
    async def update_by_query(
        self,
        request: Request,
        index: str,
        collection: str,
        lang: Lang,
        refresh: Refresh,
        body: ChangesBody,
        source: bool = False,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Merge `changes` into the documents that match the body's query; `source` shows them.

        Documents that are refused stand in `errors`, the others are changed.

        Example request:

            {"controller": "document", "action": "updateByQuery", "index": "weather", "collection": "stations",
             "body": {"query": {"term": {"name": "North"}}, "changes": {"place": {"height": 12}}}}

        Example result:

            {"successes": [{"_id": "north", "_version": 2, "status": 200}], "errors": []}

        Raises:
            ApiError: `services.storage.missing_argument`, `write_limit_exceeded`, `unknown_index`,
                `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        change = body.change(lang, force=force)
        return await self._documents.updating.by_query(Target(index, collection), change, call, source=source)

    @action(http=["POST /:index/:collection/_validate"])
    async def validate(
        self, index: str, collection: str, body: dict[str, Any], _id: str | None = None
    ) -> dict[str, Any]:
        """Whether a document would meet the specification of its collection, stored nowhere.

        `errorMessages` has a list `documentScope` about the document as a whole, and `fieldScope` with `messages` for
        each field, nested by `children`.

        Example request:

            {"controller": "document", "action": "validate", "index": "weather", "collection": "stations",
             "body": {"height": "tall"}}

        Example result:

            {"valid": false,
             "errorMessages": {"fieldScope": {"children": {"height": {"messages": ["expected a whole number"]}}}}}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._documents.specifications.validate(Target(index, collection), _id, body)
