"""Serves whole HTTP messages: the special routes here, the others by the router (router-protocol 1.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from device_manager.errors import ApiError, api_error
from device_manager.gateways.answers import refusal, unexpected_response
from device_manager.gateways.http_body import read_body
from device_manager.gateways.http_exchange import VERBS, Exchange, bad_request
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
from device_manager.gateways.http_response import http_answer, raw_body
from device_manager.gateways.service import Service
from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response

Client = tuple[str, int] | None


class HttpFront:
    """Turns messages into requests and responses into the bytes of answers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._special: dict[tuple[str, bytes], Callable[[Exchange], bytes]] = {
            ("GET", b"/_healthcheck"): self._empty_result,
            ("HEAD", b"/_healthcheck"): self._empty_result,
            ("GET", b"/_ready"): self._readiness,
            ("HEAD", b"/"): self._empty_result,
        }

    def serve(self, exchange: Exchange, client: Client) -> bytes | Awaitable[bytes]:
        """The answer to a whole message, at once where nothing has to be awaited. Never raises."""
        path, query = split_target(exchange.target)
        special = self._special.get((exchange.verb, path))
        if special is not None:
            return special(exchange)
        if exchange.verb == "OPTIONS":
            return self._empty_result(exchange, result={})
        request_id = request_id_of(exchange)
        connection = exchange.connection = connection_of(exchange, client, request_id)
        try:
            request, pretty = self._read(exchange, path, query, request_id, connection)
        except ApiError as error:
            return self.refuse(exchange, error, request_id)
        except Refused as refused:
            return self._render(exchange, refused.response, pretty=False)
        try:
            outcome = self._service.handler.handle(request)
        except Exception as error:
            outcome = unexpected_response(request, error)
        if type(outcome) is Response:
            return self._render(exchange, outcome, pretty=pretty)
        return self._serve_later(exchange, request, cast(Awaitable[Response], outcome), pretty)

    def refuse(self, exchange: Exchange, error: ApiError | None = None, request_id: str | None = None) -> bytes:
        """The answer to a message that did not become a request."""
        error = error or exchange.refused or api_error("network.http.unexpected_error", "it was refused")
        body = refusal(error, request_id)
        return http_answer(exchange, error.status, body, date=self._service.date, request_id=request_id)

    async def _serve_later(
        self, exchange: Exchange, request: Request, pending: Awaitable[Response], pretty: bool
    ) -> bytes:
        try:
            response = await pending
        except Exception as error:
            response = unexpected_response(request, error)
        return self._render(exchange, response, pretty=pretty)

    def _read(
        self, exchange: Exchange, path: bytes, query: bytes, request_id: str, connection: Connection
    ) -> tuple[Request, bool]:
        """The request of a message, and whether its answer is indented.

        Raises:
            ApiError: unknown path or verb, unreadable query string, header or body, or the server is stopping.
            Refused: the payload of `POST /_query` is no request.
        """
        verb = exchange.verb
        if self._service.draining:
            raise api_error("network.entrypoint.shutting_down")
        if verb not in VERBS:
            raise api_error("network.http.unsupported_verb", verb)
        arguments = query_arguments(query) if query else {}
        pretty = "pretty" in arguments
        if verb == "POST" and path == b"/_query":
            payload = read_body(exchange, self._service.settings)
            if not isinstance(payload, dict):
                raise bad_request("the body of a query is a JSON object")
            if not payload.get("requestId"):
                payload["requestId"] = request_id
            add_idempotency_key(exchange, payload)
            token = token_of(exchange, arguments)
            return parse(payload, connection, jwt=token, http=message_of(exchange)), pretty
        match = self._service.handler.match(verb, path)
        if match is None:
            raise api_error("network.http.url_not_found", path.decode("ascii"))
        token = token_of(exchange, arguments)
        if arguments:
            for name in NOT_ARGUMENTS.intersection(arguments):
                del arguments[name]
        arguments.update(match.params)
        add_idempotency_key(exchange, arguments)
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

    def _render(self, exchange: Exchange, response: Response, *, pretty: bool) -> bytes:
        try:
            return self._write(exchange, response, pretty=pretty)
        except Exception as error:
            broken = unexpected_response(response.request, error)
            return self._write(exchange, broken, pretty=pretty)

    def _write(self, exchange: Exchange, response: Response, *, pretty: bool) -> bytes:
        date, request_id = self._service.date, response.request.id
        if response.raw and response.error is None:
            body, content_type = raw_body(response.result)
            return http_answer(
                exchange,
                response.status,
                body,
                date=date,
                request_id=request_id,
                content_type=content_type,
                headers=response.headers,
            )
        body = encode(response, pretty=pretty)
        return http_answer(exchange, response.status, body, date=date, request_id=request_id, headers=response.headers)

    def _empty_result(self, exchange: Exchange, result: dict[str, object] | None = None) -> bytes:
        return self._plain(exchange, 200, result)

    def _readiness(self, exchange: Exchange) -> bytes:
        ready = self._service.ready() and not self._service.draining
        return self._plain(exchange, 200 if ready else 503, None)

    def _plain(self, exchange: Exchange, status: int, result: dict[str, object] | None) -> bytes:
        request = Request("", "", args={}, id=request_id_of(exchange), connection=Connection("", "http"))
        body = encode(Response(request, status=status, result=result))
        return http_answer(exchange, status, body, date=self._service.date, request_id=request.id)
