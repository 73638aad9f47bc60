"""The events of the product, with what listeners get (router-protocol 3.4, device-manager 5.5, design 5).

The router declares the events of each action (`<controller>:before<Action>` and so on) by name when the controller is
registered, and plugins declare their own, so that a misspelt name is always found.
"""

from __future__ import annotations

from typing import NamedTuple


class EventDeclaration(NamedTuple):
    """One declared event.

    Attributes:
        pattern: its name, `{placeholders}` stand for any text without colons.
        payload: what listeners get, in words.
    """

    pattern: str
    payload: str


EVENTS: tuple[EventDeclaration, ...] = (
    EventDeclaration("request:beforeExecution", "(request) before the caller is identified"),
    EventDeclaration("request:onAuthorized", "(request) after the rights were checked"),
    EventDeclaration("request:onUnauthorized", "(request) before it is refused for want of rights"),
    EventDeclaration("request:onExecution", "(request) before the action's own pipes"),
    EventDeclaration("request:onSuccess", "(request) with its result, after the action's own pipes"),
    EventDeclaration("request:onError", "(request) with its error; another request returned recovers"),
    EventDeclaration("request:afterExecution", "({request, result | error, success}) in the end, always"),
    EventDeclaration("generic:document:beforeGet", "([{_id}], request)"),
    EventDeclaration("generic:document:afterGet", "([document], request)"),
    EventDeclaration("generic:document:beforeWrite", "([{_id, _source}], request)"),
    EventDeclaration("generic:document:afterWrite", "([document], request)"),
    EventDeclaration("generic:document:beforeUpdate", "([{_id, _source}], request), the source being partial"),
    EventDeclaration("generic:document:afterUpdate", "([document], request)"),
    EventDeclaration("generic:document:beforeDelete", "([{_id}], request)"),
    EventDeclaration("generic:document:afterDelete", "([{_id}], request)"),
    EventDeclaration("generic:document:beforeSearch", "(search body, request)"),
    EventDeclaration("generic:document:afterSearch", "(search result, request)"),
    EventDeclaration("generic:document:injectMetadata", "({metadata, defaultMetadata?, request})"),
    EventDeclaration("device-manager:device:link-asset:before", "({device, asset}, request) before a link is stored"),
    EventDeclaration("device-manager:device:link-asset:after", "({device, asset}, request) after the commit"),
    EventDeclaration("device-manager:device:unlink-asset:before", "({device, asset}, request) before a link goes"),
    EventDeclaration("device-manager:device:unlink-asset:after", "({device, asset}, request) after the commit"),
    EventDeclaration("device-manager:device:attach-engine:before", "({device, engineId}, request)"),
    EventDeclaration("device-manager:device:attach-engine:after", "({device, engineId}, request) after the commit"),
    EventDeclaration("device-manager:device:detach-engine:before", "({device, engineId}, request)"),
    EventDeclaration("device-manager:device:detach-engine:after", "({device, engineId}, request) after the commit"),
    EventDeclaration("device-manager:asset:update:before", "({asset, metadata}, request) before metadata is stored"),
    EventDeclaration("device-manager:asset:update:after", "({asset, metadata}, request) after the commit"),
    EventDeclaration("device-manager:device:update:before", "({device, metadata}, request) before metadata is stored"),
    EventDeclaration("device-manager:device:update:after", "({device, metadata}, request) after the commit"),
    EventDeclaration(
        "device-manager:measures:process:before",
        "({source, target, asset, measures}, request) before the measures of one source for one asset are stored; "
        "listeners change them in place, add to them, or return `measures`; the request is null for what was spooled",
    ),
    EventDeclaration(
        "device-manager:measures:process:after", "({source, target, asset, measures}, request) once they are stored"
    ),
    EventDeclaration(
        "engine:{engine}:device-manager:measures:process:before",
        "({source, target, asset, measures}, request) of one engine, after the event without engine",
    ),
    EventDeclaration(
        "engine:{engine}:device-manager:measures:process:after",
        "({source, target, asset, measures}, request) of one engine, once they are stored",
    ),
    EventDeclaration(
        "device-manager:teos:transaction:state-changed",
        "hooks only: ({engineId, TransactionId, State, BlockchainTransactionId, OccuredOn, CommittedOnBlock, GasPrice, "
        "GasUsed}) when a transaction of TEOS has come into a state, at least once for each that it stays in",
    ),
    EventDeclaration(
        "device-manager:teos:asset:changed",
        "hooks only: ({engineId, UniqueAssetId, TransactionId, Type}) when a transaction of TEOS changed an asset, "
        "at least once",
    ),
    EventDeclaration(
        "auth:strategyAuthenticated",
        "({strategy, content: user}) before a token is made; another user in `content` logs in as that one, content "
        "without `_id` is answered as it is",
    ),
    EventDeclaration("core:auth:strategyAdded", "({name}) of a strategy that a plugin brings, when the start begins"),
    EventDeclaration("kuzzle:state:start", "(null) when the start begins"),
    EventDeclaration("kuzzle:state:live", "(null) when everything is ready and the port is about to open"),
    EventDeclaration("kuzzle:state:ready", "(null) when the port is open"),
    EventDeclaration("kuzzle:shutdown", "(null) when the server begins to stop"),
    EventDeclaration("connection:new", "(connection) of a WebSocket that was opened"),
    EventDeclaration("connection:remove", "(connection) of a WebSocket that is gone"),
    *(
        EventDeclaration(f"http:{verb}", "(request) of an HTTP message, before the router gets it")
        for verb in ("get", "head", "post", "put", "patch", "delete", "options")
    ),
    EventDeclaration("protocol:http:beforeParsingPayload", "({connection, message, payload: bytes}) of a body"),
    EventDeclaration("protocol:http:afterParsingPayload", "({connection, message, payload: value}) of a body"),
    EventDeclaration("protocol:websocket:beforeParsingPayload", "({connection, payload: text}) of a message"),
    EventDeclaration("protocol:websocket:afterParsingPayload", "({connection, payload: object}) of a message"),
    EventDeclaration(
        "notify:document", "(notification) of a document, before it is sent; what listeners return is sent instead"
    ),
    EventDeclaration("notify:user", "(notification) of a user who comes or leaves, before it is sent"),
    EventDeclaration("notify:dispatch", "({channels, connectionId, notification}) for one room, an older name"),
    EventDeclaration(
        "core:realtime:notification:dispatch:before",
        "({channels, connectionId, notification}) right before a notification goes to the channels of one room",
    ),
    EventDeclaration("core:notify:document", "({rooms, notification}) of a document, when it is sent"),
    EventDeclaration("core:notify:user", "({rooms, notification}) of a user who comes or leaves, when it is sent"),
    *(
        EventDeclaration(event, f"({{roomId, index, collection, filters, connectionId, kuid}}) {when}")
        for event, when in (
            ("core:hotelClerk:addSubscription", "when a client came into a room"),
            ("core:hotelClerk:removeRoomForCustomer", "when a client left a room"),
            ("core:realtime:user:subscribe:after", "when a client came into a room"),
            ("core:realtime:user:unsubscribe:after", "when a client left a room"),
            ("room:new", "when the first client of this server came into a room"),
            ("room:remove", "when the last client of this server left a room"),
        )
    ),
    *(
        EventDeclaration(f"core:storage:{what}:after", f"hooks only: ({payload})")
        for what, payload in (
            ("index:create", "{index, scope}"),
            ("index:delete", "{index, scope}"),
            ("index:mDelete", "{indexes, scope}"),
            ("collection:create", "{index, collection, scope}"),
            ("collection:delete", "{index, collection, scope}"),
        )
    ),
    EventDeclaration("core:overload", "(percentage of the waiting room in use), at most twice a second"),
)
