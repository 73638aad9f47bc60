"""How each response is answered over HTTP: as envelope, raw, compressed or as a stream (router-protocol 1.9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping

from device_manager.errors import ApiError, api_error
from device_manager.gateways.answers import unexpected_response
from device_manager.gateways.compression import compress, preferred_encoding, worth_compressing
from device_manager.gateways.http_exchange import Exchange
from device_manager.gateways.http_response import BYTES, JSON, Heads, raw_body
from device_manager.gateways.http_stream import Streaming
from device_manager.gateways.service import Service
from device_manager.router.envelope import encode
from device_manager.router.response import HeaderValue, Response

Answer = bytes | Streaming

COMPRESSED_IN_THREAD = 1 << 17
"""Larger bodies are compressed beside the event loop."""
CHUNKED = b"transfer-encoding: chunked\r\n"
NO_BODY = frozenset({204, 304})
"""Statuses whose answers have no body."""


class Renderer:
    """Turns responses into answers.

    Args:
        service: has the settings and the current date.
    """

    def __init__(self, service: Service) -> None:
        self._settings = service.settings
        self._heads = Heads(service)

    def render(self, exchange: Exchange, response: Response, *, pretty: bool = False) -> Answer | Awaitable[Answer]:
        """The answer, at once where nothing has to be awaited. Never raises."""
        try:
            return self._render(exchange, response, pretty=pretty)
        except Exception as error:
            return self._broken(exchange, response, error)

    def answer(
        self,
        exchange: Exchange,
        status: int,
        body: bytes,
        *,
        request_id: str | None = None,
        content_type: bytes = JSON,
        headers: Mapping[str, HeaderValue] | None = None,
        encoding: bytes = b"",
        varies: bool = False,
    ) -> bytes:
        """Head and body in one piece.

        Args:
            exchange: what is answered; says whether the connection goes on and whether a body may follow.
            status: any three digits.
            body: left out of answers to HEAD, while its length is still told.
            request_id: see `Heads.write`.
            content_type: of the body.
            headers: see `Heads.write`.
            encoding: how the body was compressed.
            varies: see `Heads.write`.

        Raises:
            ValueError: a header of the action that would break the message.
        """
        empty = status in NO_BODY
        framing = b"" if empty else b"content-length: %d\r\n" % len(body)
        if encoding:
            framing += b"content-encoding: %b\r\n" % encoding
        parts = self._heads.write(
            exchange,
            status,
            framing,
            request_id=request_id,
            content_type=content_type,
            headers=headers,
            varies=varies,
        )
        if exchange.verb != "HEAD" and not empty:
            parts.append(body)
        return b"".join(parts)

    def _render(self, exchange: Exchange, response: Response, *, pretty: bool) -> Answer | Awaitable[Answer]:
        content_type = JSON
        if response.error is not None:
            body = encode(response, pretty=pretty)
        elif response.stream is not None:
            return self._stream(exchange, response, response.stream)
        elif response.raw:
            body, content_type = raw_body(response.result)
        else:
            body = encode(response, pretty=pretty)
        if len(body) >= self._settings.compression_threshold and self._settings.compression:
            return self._write_large(exchange, response, body, content_type)
        return self._write(exchange, response, body, content_type)

    def _write(
        self,
        exchange: Exchange,
        response: Response,
        body: bytes,
        content_type: bytes,
        encoding: bytes | None = None,
    ) -> bytes:
        """Head and body; an encoding, even the empty one, says that it was up to the client."""
        return self.answer(
            exchange,
            response.status,
            body,
            request_id=response.request.id,
            content_type=content_type,
            headers=response.headers,
            encoding=encoding or b"",
            varies=encoding is not None,
        )

    def _write_large(
        self, exchange: Exchange, response: Response, body: bytes, content_type: bytes
    ) -> Answer | Awaitable[Answer]:
        """An answer that is compressed if the client says so and the action did not do it already."""
        headers = response.headers
        own_type = headers.get("content-type")
        media = own_type.encode() if isinstance(own_type, str) else content_type
        if "content-encoding" in headers or not worth_compressing(media):
            return self._write(exchange, response, body, content_type)
        encoding = preferred_encoding(exchange.header(b"accept-encoding") or b"")
        if not encoding or len(body) <= COMPRESSED_IN_THREAD:
            body = compress(body, encoding) if encoding else body
            return self._write(exchange, response, body, content_type, encoding)
        return self._compress_beside(exchange, response, body, content_type, encoding)

    async def _compress_beside(
        self, exchange: Exchange, response: Response, body: bytes, content_type: bytes, encoding: bytes
    ) -> Answer:
        try:
            compressed = await asyncio.to_thread(compress, body, encoding)
            return self._write(exchange, response, compressed, content_type, encoding)
        except Exception as error:
            return self._broken(exchange, response, error)

    def _stream(self, exchange: Exchange, response: Response, chunks: AsyncIterator[bytes]) -> Streaming:
        size = response.total_bytes or None
        framing = b"content-length: %d\r\n" % size if size is not None else CHUNKED if exchange.chunks else b""
        request = response.request
        head = self._heads.write(
            exchange,
            response.status,
            framing,
            request_id=request.id,
            content_type=BYTES,
            headers=response.headers,
        )
        return Streaming(
            f"{request.controller}:{request.action}",
            b"".join(head),
            chunks,
            chunked=framing is CHUNKED,
            size=size,
            has_body=exchange.verb != "HEAD",
            refuse=lambda error: self._fail(exchange, response, error),
        )

    def _fail(self, exchange: Exchange, response: Response, error: Exception) -> bytes:
        """The answer to a stream that failed before its first item."""
        if not isinstance(error, ApiError):
            return self._broken(exchange, response, error, api_error("network.http.stream_errored"))
        failed = Response(response.request, status=error.status, error=error)
        body, content_type = raw_body(error.message) if response.plain_errors else (encode(failed), JSON)
        return self._write(exchange, failed, body, content_type)

    def _broken(self, exchange: Exchange, response: Response, error: Exception, told: ApiError | None = None) -> bytes:
        """The answer instead of a response that cannot be written; the log gets the reason."""
        broken = unexpected_response(response.request, error)
        if told is not None:
            broken.error, broken.status = told, told.status
        return self._write(exchange, broken, encode(broken), JSON)
