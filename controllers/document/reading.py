"""Reading, searching and counting documents (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.document.documents_controller import DocumentsController, read_ids, read_texts
from device_manager.documents.addresses import Target, search_targets
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, SearchBody
from device_manager.router.request import Request
from device_manager.security.scope import Scope


class DocumentQueries(DocumentsController):
    """Actions that read."""

    @action(http=["POST /:index/:collection/_count"])
    async def count(
        self, index: str, collection: str, lang: Lang, body: dict[str, Any] | None = None
    ) -> dict[str, int]:
        """How many documents match the body's query, without one all of them.

        Example request:

            {"controller": "document", "action": "count", "index": "weather", "collection": "stations",
             "body": {"query": {"term": {"name": "North"}}}}

        Example result:

            {"count": 1}

        Raises:
            ApiError: `services.storage.invalid_search_query`, or another 400 that names the clause;
                `services.storage.unknown_index`, `unknown_collection`.
        """
        return {"count": await self._documents.searching.count(Target(index, collection), body or {}, lang)}

    @action(http=["GET /:index/:collection/:_id/_exists"])
    async def exists(self, request: Request, index: str, collection: str, _id: str) -> bool:
        """Whether there is a document with that id.

        Example request:

            {"controller": "document", "action": "exists", "index": "weather", "collection": "stations", "_id": "north"}

        Example result:

            true

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._documents.reading.exists(Target(index, collection), _id, call_of(request))

    @action(http=["GET /:index/:collection/:_id"])
    async def get(self, request: Request, index: str, collection: str, _id: str) -> dict[str, Any]:
        """One document.

        Example request:

            {"controller": "document", "action": "get", "index": "weather", "collection": "stations", "_id": "north"}

        Example result:

            {"_id": "north", "_source": {"name": "North"}, "_version": 1}

        Raises:
            ApiError: `services.storage.not_found`, `search_as_an_id`, `unknown_index`, `unknown_collection`.
        """
        return await self._documents.reading.get(Target(index, collection), _id, call_of(request))

    @action(http=["POST /:index/:collection/_mExists"])
    async def m_exists(self, request: Request, index: str, collection: str) -> dict[str, Any]:
        """Which of the ids in `body.ids` there are documents for.

        Example request:

            {"controller": "document", "action": "mExists", "index": "weather", "collection": "stations",
             "body": {"ids": ["north", "nowhere"]}}

        Example result:

            {"successes": ["north"], "errors": ["nowhere"]}

        Raises:
            ApiError: `services.storage.get_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.missing_argument`, `invalid_type`.
        """
        ids = read_texts(read_ids(request))
        return await self._documents.reading.exist(Target(index, collection), ids, call_of(request))

    @action(http=["GET /:index/:collection/_mGet", "POST /:index/:collection/_mGet"])
    async def m_get(self, request: Request, index: str, collection: str) -> dict[str, Any]:
        """The documents with the ids in `body.ids` or in the argument `ids`, in that order.

        Example request:

            {"controller": "document", "action": "mGet", "index": "weather", "collection": "stations",
             "body": {"ids": ["north", "nowhere"]}}

        Example result:

            {"successes": [{"_id": "north", "_source": {"name": "North"}, "_version": 1}], "errors": ["nowhere"]}

        Raises:
            ApiError: `services.storage.get_limit_exceeded`, `unknown_index`, `unknown_collection`,
                `api.assert.missing_argument`, `invalid_type`.
        """
        ids = read_texts(read_ids(request))
        return await self._documents.reading.get_many(Target(index, collection), ids, call_of(request))

    @action(http=["GET /:index/:collection/_search", "POST /:index/:collection/_search"])
    async def search(
        self,
        request: Request,
        search_body: SearchBody,
        lang: Lang,
        index: str | None = None,
        collection: str | None = None,
        targets: Any = None,
        from_: int | None = None,
        size: int | None = None,
        scroll: str | None = None,
    ) -> dict[str, Any]:
        """Find documents of one collection, or of those that `targets: [{index, collections}]` names.

        With `scroll`, a duration such as `30s`, the answer also has a `scrollId` for `scroll`, and the number of hits
        that remain. Pages come in a fixed order, and on Elasticsearch from one state of the collection.

        Example request:

            {"controller": "document", "action": "search", "index": "weather", "collection": "stations", "size": 25,
             "body": {"query": {"prefix": {"name": "No"}}, "sort": [{"name": "asc"}]}}

        Example result:

            {"hits": [{"_id": "north", "_score": null, "index": "weather", "collection": "stations",
                       "_source": {"name": "North"}}],
             "total": 1}

        Raises:
            ApiError: `services.storage.invalid_search_query`, `get_limit_exceeded`, `unknown_index`,
                `unknown_collection`, `invalid_multi_index_collection_usage`, `invalid_target_format`,
                `scroll_duration_too_great`, `too_many_scrolls`, `api.assert.missing_argument`, `invalid_argument`,
                `mutually_exclusive`.
        """
        return await self._documents.searching.search(
            search_targets(index, collection, targets),
            search_body,
            offset=from_,
            size=size,
            lang=lang,
            call=call_of(request),
            scroll=scroll,
        )

    @action(http=["GET /_scroll/:scrollId"], scope=Scope.FOUND)
    async def scroll(self, request: Request, scroll_id: str, scroll: str | None = None) -> dict[str, Any]:
        """The next page of a search that the same user began with `scroll`.

        Without `scroll` the page after this one can be asked for as long as this one could. The last page, that with
        nothing remaining, ends the scroll.

        Example request:

            {"controller": "document", "action": "scroll", "scrollId": "4f0c7f8a1f0b4b8e9d7a", "scroll": "30s"}

        Example result:

            {"hits": [{"_id": "north", "_score": 1.0, "index": "weather", "collection": "stations",
                       "_source": {"name": "North"}}],
             "total": 26, "remaining": 0, "scrollId": "4f0c7f8a1f0b4b8e9d7a"}

        Raises:
            ApiError: `services.storage.unknown_scroll_id`, `scroll_duration_too_great`,
                `api.assert.missing_argument`, `invalid_argument`.
        """
        return await self._documents.searching.scroll(scroll_id, scroll, call_of(request))
