"""Specifications of collections (router-protocol 5.4)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.documents.addresses import Target
from device_manager.documents.domain import Documents
from device_manager.router.controller import Controller, action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope


class CollectionSpecifications(Controller):
    """Actions on specifications: `{strict?, fields?: {"path/of/field": ...}, validators?: [filters]}`.

    They hold for every way in which documents are written but `bulk:write`, `bulk:mWrite` and fixtures.
    """

    def __init__(self, documents: Documents) -> None:
        self._specifications = documents.specifications

    @action(http=["GET /:index/:collection/_specifications"])
    async def get_specifications(self, index: str, collection: str) -> dict[str, Any]:
        """The specification of a collection.

        Example request:

            {"controller": "collection", "action": "getSpecifications", "index": "weather", "collection": "stations"}

        Example result:

            {"index": "weather", "collection": "stations",
             "validation": {"strict": false, "fields": {"height": {"type": "integer", "mandatory": true}}}}

        Raises:
            ApiError: `validation.assert.not_found`, `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._specifications.get(Target(index, collection))

    @action(http=["PUT /:index/:collection/_specifications"], writes=True)
    async def update_specifications(
        self, request: Request, index: str, collection: str, body: dict[str, Any], refresh: Refresh
    ) -> dict[str, Any]:
        """Give a collection a specification; documents that are stored already stay as they are.

        Each field has a `type` (`anything`, `boolean`, `integer`, `numeric`, `string`, `enum`, `email`, `date`, `url`,
        `ip_address`, `object`, `geo_point` or `geo_shape`), `mandatory`, `defaultValue`, `multivalued`
        (`{value, minCount, maxCount}`) and `typeOptions`. Every level of a path is declared. `validators` are Koncorde
        filters, all of which a document has to match.

        Example request:

            {"controller": "collection", "action": "updateSpecifications", "index": "weather",
             "collection": "stations", "body": {"fields": {"height": {"type": "integer", "mandatory": true,
                                                                      "typeOptions": {"range": {"min": 0}}}}}}

        Example result:

            {"fields": {"height": {"type": "integer", "mandatory": true, "typeOptions": {"range": {"min": 0}}}}}

        Raises:
            ApiError: `validation.assert.invalid_specifications` whose `details` name the faults,
                `services.storage.unknown_index`, `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        await self._specifications.update(Target(index, collection), body, call)
        return body

    @action(http=["DELETE /:index/:collection/_specifications"], writes=True)
    async def delete_specifications(self, request: Request, index: str, collection: str) -> dict[str, bool]:
        """Let the documents of a collection be like anything; nothing happens when there is no specification.

        Example request:

            {"controller": "collection", "action": "deleteSpecifications", "index": "weather", "collection": "stations"}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._specifications.delete(Target(index, collection), call_of(request))
        return {"acknowledged": True}

    @action(http=["POST /:index/:collection/_validateSpecifications"])
    async def validate_specifications(self, index: str, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        r"""Whether a specification could be given to a collection; when not, `details` name its faults.

        Example request:

            {"controller": "collection", "action": "validateSpecifications", "index": "weather",
             "collection": "stations", "body": {"fields": {"height": {"type": "tall"}}}}

        Example result:

            {"valid": false, "description": "The specification has faults.",
             "details": ["\"height\": unknown type 'tall', expected anything, boolean, integer"]}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        faults = await self._specifications.judge(Target(index, collection), body)
        if not faults:
            return {"valid": True}
        return {"valid": False, "details": faults, "description": "The specification has faults."}

    @action(http=["POST /validations/_search"], scope=Scope.PLATFORM)
    async def search_specifications(
        self,
        request: Request,
        body: dict[str, Any] | None = None,
        from_: int | None = None,
        size: int | None = None,
        scroll: str | None = None,
    ) -> dict[str, Any]:
        """Find specifications of all indices, by `index` and `collection`.

        Example request:

            {"controller": "collection", "action": "searchSpecifications",
             "body": {"query": {"term": {"index": "weather"}}}}

        Example result:

            {"hits": [{"_id": "weather#stations", "_score": 1.0,
                       "_source": {"index": "weather", "collection": "stations",
                                   "validation": {"fields": {"height": {"type": "integer"}}}}}],
             "total": 1}

        Raises:
            ApiError: `services.storage.invalid_search_query`, `scroll_duration_too_great`, `get_limit_exceeded`.
        """
        return await self._specifications.search(body or {}, from_, size, scroll, call_of(request))

    @action(http=["GET /validations/_scroll/:scrollId"], scope=Scope.PLATFORM)
    async def scroll_specifications(
        self, request: Request, scroll_id: str, scroll: str | None = None
    ) -> dict[str, Any]:
        """The next page of specifications that the same user began to read with `scroll`.

        Example request:

            {"controller": "collection", "action": "scrollSpecifications", "scrollId": "4f0c7f8a1f0b4b8e9d7a"}

        Example result:

            {"hits": [], "total": 0, "remaining": 0, "scrollId": "4f0c7f8a1f0b4b8e9d7a"}

        Raises:
            ApiError: `services.storage.unknown_scroll_id`, `scroll_duration_too_great`.
        """
        return await self._specifications.scroll(scroll_id, scroll, call_of(request))
