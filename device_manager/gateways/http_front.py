"""Serves whole HTTP messages: the special routes here, the others by the router (router-protocol 1.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from device_manager.errors import ApiError, api_error
from device_manager.gateways.answers import refusal, unexpected_response
from device_manager.gateways.http_body import body_text, parse_body, read_body
from device_manager.gateways.http_exchange import VERBS, Exchange, bad_request
from device_manager.gateways.http_rendering import Answer, Renderer
from device_manager.gateways.http_request import (
    NOT_ARGUMENTS,
    add_idempotency_key,
    connection_of,
    message_of,
    query_arguments,
    request_id_of,
    split_target,
    token_of,
    volatile_of,
)
from device_manager.gateways.http_stream import Streaming
from device_manager.gateways.service import AFTER_PARSING, BEFORE_PARSING, Service
from device_manager.metrics import CONTENT_TYPE
from device_manager.router.envelope import encode
from device_manager.router.foreign import ForeignInterfaces, Mounted
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection, Request
from device_manager.router.response import HeaderValue, Response

Client = tuple[str, int] | None

PREFLIGHT: dict[str, HeaderValue] = {"access-control-max-age": "600"}
"""Seconds that a browser may remember the answer to OPTIONS."""
UNREAD: Any = object()
METRICS = CONTENT_TYPE.encode()


class HttpFront:
    """Turns messages into requests and responses into the bytes of answers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._renderer = Renderer(service)

    def serve(self, exchange: Exchange, client: Client) -> Answer | Awaitable[Answer]:
        """The answer to a whole message, at once where nothing has to be awaited. Never raises."""
        path, query = split_target(exchange.target)
        special = SPECIAL.get((exchange.verb, path))
        if special is not None and (answer := special(self, exchange, client)) is not None:
            return answer
        request_id = request_id_of(exchange)
        connection = exchange.connection = connection_of(exchange, client, request_id)
        foreign = self._service.foreign
        if foreign is not None and (mounted := foreign.find(path)) is not None:
            return self._serve_foreign(exchange, foreign, mounted, (path, query), request_id, connection)
        if self._service.hears_http:
            return self._serve_heard(exchange, path, query, request_id, connection)
        try:
            request, pretty = self._read(exchange, path, query, request_id, connection)
        except ApiError as error:
            return self.refuse(exchange, error, request_id)
        except Refused as refused:
            return self._renderer.render(exchange, refused.response)
        return self._handle(exchange, request, pretty)

    async def _serve_foreign(
        self,
        exchange: Exchange,
        foreign: ForeignInterfaces,
        mounted: Mounted,
        target: tuple[bytes, bytes],
        request_id: str,
        connection: Connection,
    ) -> Answer:
        """Serve a message that another system's client sent."""
        refused: ApiError | None = None
        try:
            self._check(exchange)
        except ApiError as error:
            self._service.refused[error.id or ""] += 1
            refused = error
        answer = await foreign.answer(
            mounted, message_of(exchange), target, id=request_id, connection=connection, refused=refused
        )
        return self._renderer.answer(
            exchange, answer.status, answer.body, request_id=request_id, headers=answer.headers
        )

    async def _serve_heard(
        self, exchange: Exchange, path: bytes, query: bytes, request_id: str, connection: Connection
    ) -> Answer:
        """Serve a message whose way to the router leads through pipes."""
        try:
            body = await self._read_heard_body(exchange, connection) if exchange.body else UNREAD
            request, pretty = self._read(exchange, path, query, request_id, connection, body)
            request = await self._service.show_request(f"http:{exchange.verb.lower()}", request)
        except ApiError as error:
            return self.refuse(exchange, error, request_id)
        except Refused as refused:
            answer = self._renderer.render(exchange, refused.response)
        else:
            answer = self._handle(exchange, request, pretty)
        return answer if isinstance(answer, bytes | Streaming) else await answer

    async def _read_heard_body(self, exchange: Exchange, connection: Connection) -> Any:
        service = self._service
        message = {"connection": connection, "message": message_of(exchange)}
        payload: Any = body_text(exchange, service.settings)
        payload = await service.show_payload(BEFORE_PARSING.format("http"), message, payload)
        if isinstance(payload, bytes):
            payload = parse_body(payload, exchange, service.settings)
        return await service.show_payload(AFTER_PARSING.format("http"), message, payload)

    def _handle(self, exchange: Exchange, request: Request, pretty: bool) -> Answer | Awaitable[Answer]:
        if exchange.verb == "OPTIONS":
            return self._plain(exchange, 200, {}, PREFLIGHT)
        try:
            outcome = self._service.handler.handle(request)
        except Exception as error:
            outcome = unexpected_response(request, error)
        if type(outcome) is Response:
            return self._renderer.render(exchange, outcome, pretty=pretty)
        return self._serve_later(exchange, request, cast(Awaitable[Response], outcome), pretty)

    def refuse(self, exchange: Exchange, error: ApiError | None = None, request_id: str | None = None) -> bytes:
        """The answer to a message that did not become a request."""
        error = error or exchange.refused or api_error("network.http.unexpected_error", "it was refused")
        self._service.refused[error.id or ""] += 1
        body = refusal(error, request_id)
        return self._renderer.answer(exchange, error.status, body, request_id=request_id)

    async def _serve_later(
        self, exchange: Exchange, request: Request, pending: Awaitable[Response], pretty: bool
    ) -> Answer:
        try:
            response = await pending
        except Exception as error:
            response = unexpected_response(request, error)
        answer = self._renderer.render(exchange, response, pretty=pretty)
        return answer if isinstance(answer, bytes | Streaming) else await answer

    def _read(
        self,
        exchange: Exchange,
        path: bytes,
        query: bytes,
        request_id: str,
        connection: Connection,
        body: Any = UNREAD,
    ) -> tuple[Request, bool]:
        """The request of a message, and whether its answer is indented.

        Raises:
            ApiError: unknown path or verb, unreadable query string, header or body, a page of an origin that may not
                call, or the server is stopping.
            Refused: the payload of `POST /_query` is no request.
        """
        verb = exchange.verb
        self._check(exchange)
        arguments = query_arguments(query) if query else {}
        pretty = "pretty" in arguments
        if verb == "OPTIONS":
            return Request("", "", args={}, id=request_id, connection=connection, http=message_of(exchange)), pretty
        if verb == "POST" and path == b"/_query":
            return self._read_query(exchange, arguments, request_id, connection, body), pretty
        match = self._service.handler.match(verb, path)
        if match is None:
            raise api_error("network.http.url_not_found", path.decode("ascii"))
        token = token_of(exchange, arguments)
        if arguments:
            for name in NOT_ARGUMENTS.intersection(arguments):
                del arguments[name]
        arguments.update(match.params)
        add_idempotency_key(exchange, arguments)
        if body is UNREAD:
            body = read_body(exchange, self._service.settings) if exchange.body else None
        if not (body is None or isinstance(body, dict | list)):
            raise api_error("api.assert.invalid_type", "body", "object")
        request = Request(
            match.controller,
            match.action,
            args=arguments,
            body=body,
            id=request_id,
            connection=connection,
            jwt=token,
            volatile=volatile_of(exchange),
            http=message_of(exchange),
        )
        return request, pretty

    def _check(self, exchange: Exchange) -> None:
        """Refuse what is not even looked at; see `_read`."""
        if self._service.draining:
            raise api_error("network.entrypoint.shutting_down")
        if exchange.verb not in VERBS:
            raise api_error("network.http.unsupported_verb", exchange.verb)
        origin = exchange.header(b"origin")
        refused = None if origin is None else self._service.origins.refusal(origin)
        if refused is not None:
            raise refused

    def _read_query(
        self, exchange: Exchange, arguments: dict[str, Any], request_id: str, connection: Connection, payload: Any
    ) -> Request:
        """The request that the body of `POST /_query` holds; see `_read`."""
        if payload is UNREAD:
            payload = read_body(exchange, self._service.settings)
        if not isinstance(payload, dict):
            raise bad_request("the body of a query is a JSON object")
        if not payload.get("requestId"):
            payload["requestId"] = request_id
        add_idempotency_key(exchange, payload)
        token = token_of(exchange, arguments)
        return parse(payload, connection, jwt=token, http=message_of(exchange))

    def _empty_result(self, exchange: Exchange, client: Client) -> bytes:
        return self._plain(exchange, 200, None)

    def _open_metrics(self, exchange: Exchange, client: Client) -> bytes | None:
        """The figures, for callers who need no right to them; all others are led to `server:prometheus`."""
        service = self._service
        if service.metrics is None or not service.open_to.hold(client[0] if client else None, exchange):
            return None
        return self._renderer.answer(exchange, 200, service.metrics.text(), content_type=METRICS)

    def _readiness(self, exchange: Exchange, client: Client) -> bytes:
        ready = self._service.ready() and not self._service.draining
        return self._plain(exchange, 200 if ready else 503, None)

    def _plain(
        self,
        exchange: Exchange,
        status: int,
        result: dict[str, object] | None,
        headers: dict[str, HeaderValue] | None = None,
    ) -> bytes:
        request = Request("", "", args={}, id=request_id_of(exchange), connection=Connection("", "http"))
        body = encode(Response(request, status=status, result=result))
        return self._renderer.answer(exchange, status, body, request_id=request.id, headers=headers)


SPECIAL: dict[tuple[str, bytes], Callable[[HttpFront, Exchange, Client], bytes | None]] = {
    ("GET", b"/_healthcheck"): HttpFront._empty_result,
    ("HEAD", b"/_healthcheck"): HttpFront._empty_result,
    ("GET", b"/_ready"): HttpFront._readiness,
    ("HEAD", b"/_ready"): HttpFront._readiness,
    ("HEAD", b"/"): HttpFront._empty_result,
    ("GET", b"/metrics"): HttpFront._open_metrics,
}
"""Answers that no action gives, by verb and path; None leaves the path to actions."""
