"""The controller `realtime`: subscriptions, published messages, presence (router-protocol 5.7)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.documents.addresses import Target
from device_manager.documents.domain import Documents
from device_manager.errors import api_error
from device_manager.realtime.channels import Interest, read_interest
from device_manager.realtime.service import Realtime, Subscribed
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.router.router import Router
from device_manager.security.scope import Scope
from device_manager.storage.contract import is_private

LONGEST_NAME = 255
"""Characters of the name of an index or a collection that need not exist."""


class RoomBody(msgspec.Struct, rename="camel"):
    """The body of actions on one room."""

    room_id: str


class RealtimeController(Controller):
    """`realtime`: hear what happens to documents, and who else listens."""

    name = "realtime"
    scope = Scope.ENGINE

    def __init__(self, realtime: Realtime, documents: Documents, router: Router) -> None:
        self._realtime = realtime
        self._documents = documents
        self._router = router

    @action()
    async def subscribe(
        self,
        request: Request,
        index: str,
        collection: str,
        body: dict[str, Any],
        scope: str = "all",
        users: str = "none",
        since: int | None = None,
        search: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Be told from now on what happens to the documents of a collection that match the filter in the body.

        The filter is written in Koncorde, `{}` is about all documents. Notifications come as messages whose `room` is
        the `channel` of the result. `scope` says which ones: `in` those of documents that match, `out` those of
        documents that no longer do, `all` or `none`. `users` says the same of clients who come to the room and leave.

        Notifications of documents have a `number`. Who gives the last one that he saw as `since` gets what he missed,
        in order, and then what happens; `resumed` tells whether that was possible. If not, documents have to be fetched
        again, for instance by this very request: a search body in `search` is answered too, under `search`, and nothing
        falls between its hits and the first notification. Without a `query` it finds what the filter matches. When
        `since` could be resumed from, nothing is searched.

        Example request:

            {"controller": "realtime", "action": "subscribe", "index": "weather", "collection": "stations",
             "body": {"equals": {"name": "North"}}, "scope": "all", "users": "none"}

        Example result:

            {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607",
             "channel": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607-311",
             "number": 1700000000000042}

        Raises:
            ApiError: `api.assert.koncorde_dsl_error`, `core.realtime.invalid_scope`, `invalid_users`,
                `too_many_rooms`, `api.assert.unsupported_protocol`, `missing_argument`, `invalid_argument`,
                `services.storage.unknown_index`; with `search` what `document:search` raises.
        """
        _check_place(index, collection)
        subscribed = await self._realtime.subscribe(
            request.connection,
            index,
            collection,
            body,
            read_interest(scope, users),
            user_id=request.user_id,
            volatile=request.volatile,
            since=since,
        )
        result = self._enter(request, subscribed)
        if search is not None and not subscribed.resumed:
            try:
                result["search"] = await self._search(request, index, collection, body, search)
                if subscribed.hold.is_broken:  # more happened during the search than can be kept for this client
                    raise api_error("api.process.overloaded")
            except BaseException:
                request.on_answer = None
                self._realtime.undo(subscribed)
                raise
        return result

    @action(scope=Scope.FOUND)
    async def join(
        self, request: Request, body: RoomBody, scope: str = "all", users: str = "none", since: int | None = None
    ) -> dict[str, Any]:
        """Be told what another client is told, by the id of its room. It takes the right to subscribe there.

        Example request:

            {"controller": "realtime", "action": "join",
             "body": {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607"}}

        Example result:

            {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607",
             "channel": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607-311",
             "number": 1700000000000042}

        Raises:
            ApiError: `core.realtime.room_not_found`, `invalid_scope`, `invalid_users`, `too_many_rooms`,
                `api.assert.unsupported_protocol`.
        """
        interest: Interest = read_interest(scope, users)
        subscribed = await self._realtime.join(
            request.connection,
            body.room_id,
            interest,
            user_id=request.user_id,
            volatile=request.volatile,
            since=since,
        )
        return self._enter(request, subscribed)

    @action(scope=Scope.NONE)
    def unsubscribe(self, request: Request, body: RoomBody) -> dict[str, str]:
        """Hear no more of a room, by none of its channels.

        Example request:

            {"controller": "realtime", "action": "unsubscribe",
             "body": {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607"}}

        Example result:

            {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607"}

        Raises:
            ApiError: `core.realtime.not_subscribed`.
        """
        self._realtime.unsubscribe(request.connection, body.room_id)
        return {"roomId": body.room_id}

    @action(http=["POST /:index/:collection/_publish"])
    async def publish(
        self, request: Request, index: str, collection: str, body: dict[str, Any], _id: str | None = None
    ) -> dict[str, bool]:
        """Tell those who follow a collection a message that is not stored; filters see it as a document.

        If the collection has a specification, the message has to meet it, like a document.

        Example request:

            {"controller": "realtime", "action": "publish", "index": "weather", "collection": "stations",
             "body": {"name": "North", "storm": true}}

        Example result:

            {"published": true}

        Raises:
            ApiError: `services.storage.unknown_index`, `api.assert.missing_argument`, `invalid_argument`,
                `validation.check.failed_field`, `failed_document`.
        """
        _check_place(index, collection)
        body = await self._documents.specifications.curated(Target(index, collection), _id, body)
        self._realtime.publish(index, collection, body, id=_id or None, origin=request, author=request.user_id)
        return {"published": True}

    @action()
    async def validate(
        self, index: str, collection: str, body: dict[str, Any], _id: str | None = None
    ) -> dict[str, Any]:
        """Whether a message would meet the specification of a collection; the same as `document:validate`.

        Example request:

            {"controller": "realtime", "action": "validate", "index": "weather", "collection": "stations",
             "body": {"height": "tall"}}

        Example result:

            {"valid": false,
             "errorMessages": {"fieldScope": {"children": {"height": {"messages": ["expected a whole number"]}}}}}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._documents.specifications.validate(Target(index, collection), _id, body)

    @action(scope=Scope.FOUND)
    async def count(self, request: Request, body: RoomBody) -> dict[str, int]:
        """How many connections are in a room; 0 for one that does not exist or that the caller may not follow.

        Example request:

            {"controller": "realtime", "action": "count",
             "body": {"roomId": "5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607"}}

        Example result:

            {"count": 2}
        """
        return {"count": await self._realtime.count(body.room_id, request.user_id)}

    @action(http=["GET /_listSubscriptions"], scope=Scope.FOUND)
    async def list(self, request: Request) -> dict[str, dict[str, dict[str, int]]]:
        """How many connections are in each room of the collections that the caller may follow.

        Example request:

            {"controller": "realtime", "action": "list"}

        Example result:

            {"weather": {"stations": {"5b1c0e2f7a9d4c3b8e6f1a2d3c4b5a69788796a5b4c3d2e1f0a1b2c3d4e5f607": 2}}}
        """
        return await self._realtime.list_rooms(request.user_id)

    def _enter(self, request: Request, subscribed: Subscribed) -> dict[str, Any]:
        """What a subscription is answered; notifications follow the answer, unless that is an error after all."""

        def follow(succeeded: bool) -> None:
            if succeeded:
                subscribed.hold.release()
            else:
                self._realtime.undo(subscribed)

        request.on_answer = follow
        result: dict[str, Any] = {
            "roomId": subscribed.room,
            "channel": subscribed.channel,
            "number": subscribed.number,
        }
        return result if subscribed.resumed is None else result | {"resumed": subscribed.resumed}

    async def _search(
        self, request: Request, index: str, collection: str, filter: dict[str, Any], search: dict[str, Any]
    ) -> Any:
        """The result of a search that sees everything up to the subscription, by the rights and pipes of searches."""
        args: dict[str, Any] = {"index": index, "collection": collection}
        if "query" not in search:
            search, args["lang"] = {**search, "query": filter}, "koncorde"
        await self._documents.collections.refresh(index, collection)
        return await self._router.call(
            "document",
            "search",
            args=args,
            body=search,
            as_user=request.user_id,
            check_rights=True,
            trigger_events=True,
        )


def _check_place(index: str, collection: str) -> None:
    """Refuse what nobody can follow; a collection need not exist.

    Raises:
        ApiError: `api.assert.missing_argument`, `invalid_argument`, `services.storage.unknown_index`.
    """
    for name, value in (("index", index), ("collection", collection)):
        if not value:
            raise api_error("api.assert.missing_argument", name)
        if len(value) > LONGEST_NAME:
            raise api_error("api.assert.invalid_argument", name, f"a name of at most {LONGEST_NAME} characters")
    if is_private(index):
        raise api_error("services.storage.unknown_index", index)
