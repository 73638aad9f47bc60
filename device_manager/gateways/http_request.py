"""From an HTTP message to a request of the router (router-protocol 1.8)."""

from __future__ import annotations

from typing import Any

import orjson

from device_manager.errors import api_error
from device_manager.gateways.http_exchange import Exchange, bad_request
from device_manager.gateways.http_forms import UnreadableForm, read_pairs
from device_manager.router.parse import new_request_id
from device_manager.router.request import Connection, HttpMessage

NOT_ARGUMENTS = frozenset({"controller", "action", "body", "jwt", "requestId", "volatile"})
"""What a query string cannot set: the route, the body and the headers are the places for it (router-protocol 9.4)."""
BEARER = b"bearer "


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Path and query string of a request target, undecoded; a scheme and host in front are left out."""
    if b"#" in target:
        target = target.partition(b"#")[0]
    if not target.startswith(b"/") and b"://" in target:
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.partition(b"?")
    return path, query


def query_arguments(query: bytes) -> dict[str, Any]:
    """The query string as arguments: repeated keys become arrays, a key alone the empty text.

    Raises:
        ApiError: escapes that are no UTF-8, NUL characters, or too many parameters.
    """
    try:
        return read_pairs(query) if query else {}
    except UnreadableForm as error:
        raise bad_request(f"the query string cannot be read: {error}") from error


def token_of(exchange: Exchange, arguments: dict[str, Any]) -> str | None:
    """The token: `Authorization: Bearer` before `?jwt=`; other schemes are none of ours.

    Raises:
        ApiError: `?jwt=` more than once.
    """
    authorization = exchange.header(b"authorization")
    if authorization is not None and authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip().decode("latin-1")
    token = arguments.get("jwt")
    if token is not None and not isinstance(token, str):
        raise api_error("api.assert.invalid_type", "jwt", "string")
    return token or None


def add_idempotency_key(exchange: Exchange, arguments: dict[str, Any]) -> None:
    """Put the header `Idempotency-Key` where other protocols have the key (design 9)."""
    key = exchange.header(b"idempotency-key")
    if key is not None:
        arguments["idempotencyKey"] = key.decode("latin-1")


def volatile_of(exchange: Exchange) -> dict[str, Any] | None:
    """The free data of the header `X-Kuzzle-Volatile`.

    Raises:
        ApiError: `network.http.volatile_parse_failed` for anything but a JSON object or null.
    """
    text = exchange.header(b"x-kuzzle-volatile")
    if text is None:
        return None
    try:
        volatile = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise api_error("network.http.volatile_parse_failed", str(error)) from error
    if volatile is not None and not isinstance(volatile, dict):
        raise api_error("network.http.volatile_parse_failed", "it has to be a JSON object")
    return volatile


def request_id_of(exchange: Exchange) -> str:
    """The id from the header `X-Kuzzle-Request-Id`, else a fresh one."""
    given = exchange.header(b"x-kuzzle-request-id")
    return given.decode("latin-1") if given else new_request_id()


def connection_of(exchange: Exchange, client: tuple[str, int] | None, request_id: str) -> Connection:
    """The connection as requests see it: headers of this message, addresses with those that proxies appended."""
    headers = exchange.headers
    ips = (client[0], *headers.forwarded) if client else headers.forwarded
    return Connection(request_id, "http", ips, headers.text.copy())


def message_of(exchange: Exchange) -> HttpMessage:
    """The message as it came, for actions and foreign interfaces."""
    return HttpMessage(exchange.verb, exchange.target, tuple(exchange.headers.lines), bytes(exchange.body))
