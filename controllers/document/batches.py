"""Writing many documents in one call (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.document.documents_controller import DocumentsBody, DocumentsController, read_ids
from device_manager.documents import batches
from device_manager.documents.addresses import Target
from device_manager.documents.batches import Batch, BatchOptions
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request


class DocumentBatches(DocumentsController):
    """Actions that write many documents.

    Items are applied in order; each that is refused stands in `errors` with a reason and a status, the others in
    `successes`. With `strict` all are written or none. `source: false` leaves the documents out of the answer.
    """

    async def _run_batch(
        self,
        batch: Batch,
        request: Request,
        target: Target,
        documents: list[Any],
        options: BatchOptions,
        *,
        refresh: bool,
    ) -> dict[str, Any]:
        call = call_of(request, refresh=refresh)
        return await self._documents.batches.run(batch, target, documents, call, options)

    @action(http=["POST /:index/:collection/_mCreate"], writes=True)
    async def m_create(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        strict: bool = False,
        source: Any = True,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Add documents, with generated ids where there is no `_id`.

        Example request:

            {"controller": "document", "action": "mCreate", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "body": {"name": "North"}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North"}, "_version": 1, "created": true,
                            "status": 201}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument`, `api.process.incomplete_multiple_request`.
        """
        options = BatchOptions(strict, _is_wanted(source), silent, force)
        target = Target(index, collection)
        return await self._run_batch(batches.CREATE, request, target, body.documents, options, refresh=refresh)

    @action(http=["PUT /:index/:collection/_mCreateOrReplace"], writes=True)
    async def m_create_or_replace(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        strict: bool = False,
        source: Any = True,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Add documents, or replace those that have the ids.

        Example request:

            {"controller": "document", "action": "mCreateOrReplace", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "body": {"name": "North"}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North"}, "_version": 2, "created": false,
                            "status": 200}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument`, `api.process.incomplete_multiple_request`.
        """
        options = BatchOptions(strict, _is_wanted(source), silent, force)
        batch, target = batches.CREATE_OR_REPLACE, Target(index, collection)
        return await self._run_batch(batch, request, target, body.documents, options, refresh=refresh)

    @action(http=["DELETE /:index/:collection/_mDelete"], writes=True)
    async def m_delete(
        self,
        request: Request,
        index: str,
        collection: str,
        refresh: Refresh,
        strict: bool = False,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        r"""Delete the documents with the ids in `body.ids`.

        Example request:

            {"controller": "document", "action": "mDelete", "index": "weather", "collection": "stations",
             "body": {"ids": ["north", "nowhere"]}}

        Example result:

            {"successes": ["north"],
             "errors": [{"_id": "nowhere", "status": 404,
                         "reason": "Document \"nowhere\" not found in \"weather\":\"stations\"."}]}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.missing_argument`, `invalid_type`, `api.process.incomplete_multiple_request`.
        """
        options, target = BatchOptions(strict, silent=silent, force=force), Target(index, collection)
        return await self._run_batch(batches.DELETE, request, target, read_ids(request), options, refresh=refresh)

    @action(http=["PUT /:index/:collection/_mReplace"], writes=True)
    async def m_replace(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        strict: bool = False,
        source: Any = True,
        silent: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Replace documents.

        Example request:

            {"controller": "document", "action": "mReplace", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "body": {"name": "Far North"}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "Far North"}, "_version": 2, "created": false,
                            "status": 200}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument`, `api.process.incomplete_multiple_request`.
        """
        options = BatchOptions(strict, _is_wanted(source), silent, force)
        target = Target(index, collection)
        return await self._run_batch(batches.REPLACE, request, target, body.documents, options, refresh=refresh)

    @action(http=["PUT /:index/:collection/_mUpdate", "PATCH /:index/:collection/_mUpdate"], writes=True)
    async def m_update(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        strict: bool = False,
        source: Any = True,
        silent: bool = False,
        force: bool = False,
        retry_on_conflict: int = 0,
    ) -> dict[str, Any]:
        """Merge changes into documents; successes name the changed fields unless `silent`.

        Example request:

            {"controller": "document", "action": "mUpdate", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "body": {"height": 12}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North", "height": 12}, "_version": 2, "status": 200,
                            "_updatedFields": ["height"]}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument`, `api.process.incomplete_multiple_request`.
        """
        options = BatchOptions(strict, _is_wanted(source), silent, force)
        target = Target(index, collection)
        return await self._run_batch(batches.UPDATE, request, target, body.documents, options, refresh=refresh)

    @action(http=["POST /:index/:collection/_mUpsert"], writes=True)
    async def m_upsert(
        self,
        request: Request,
        index: str,
        collection: str,
        body: DocumentsBody,
        refresh: Refresh,
        strict: bool = False,
        source: Any = True,
        silent: bool = False,
        force: bool = False,
        retry_on_conflict: int = 0,
    ) -> dict[str, Any]:
        """Merge `changes` into documents; those that there are not are created from `default` over `changes`.

        Example request:

            {"controller": "document", "action": "mUpsert", "index": "weather", "collection": "stations",
             "body": {"documents": [{"_id": "north", "changes": {"height": 12}, "default": {"name": "North"}}]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North", "height": 12}, "_version": 1,
                            "created": true, "status": 201}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.unexpected_argument`, `api.process.incomplete_multiple_request`.
        """
        options = BatchOptions(strict, _is_wanted(source), silent, force)
        target = Target(index, collection)
        return await self._run_batch(batches.UPSERT, request, target, body.documents, options, refresh=refresh)


def _is_wanted(source: Any) -> bool:
    """The argument `source` of actions on many documents: true unless it is false or the text "false"."""
    return source is not False and source != "false"
