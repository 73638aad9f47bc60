"""What the router hands back: status, result or error, and the envelope around them (router-protocol 2.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from device_manager.errors import ApiError
from device_manager.router.request import Request

ABSENT: Any = object()
"""The result of actions whose envelope carries no `result` member at all."""

HeaderValue = str | list[str]
"""Of a header that comes several times: all its values."""


class Response:
    """The outcome of one request.

    Attributes:
        request: what is answered; its ids are echoed.
        status: HTTP-like.
        result: any JSON value, None for null, `ABSENT` for no member.
        error: the refusal, None on success.
        headers: set by the action, names in lower case; on HTTP they are sent, and they stand in the envelope, except
            `set-cookie`. A list of values is sent as several `set-cookie` lines, joined by commas for other names.
        raw: over HTTP the result itself is the body, without an envelope.
        stream: over HTTP these bytes are the body, without an envelope; other protocols are refused. Each item leaves
            as one chunk, and the next one is asked for when the client has read enough. A bounded number of streams is
            sent at once. The iterator is closed (`aclose`) when the client leaves, so what it needs is opened inside
            it: one that nobody began to read is dropped without a word. An error before the first item is answered
            like any other; a later one breaks the connection, because the status is gone by then. The content type
            is `application/octet-stream` unless `headers` say otherwise.
        total_bytes: the exact size of the stream, told as `Content-Length`, where it is known.
        plain_errors: an error before the first item of the stream is answered by its text alone, without an envelope.
    """

    __slots__ = ("error", "headers", "plain_errors", "raw", "request", "result", "status", "stream", "total_bytes")

    def __init__(
        self,
        request: Request,
        *,
        status: int = 200,
        result: Any = None,
        error: ApiError | None = None,
        headers: Mapping[str, HeaderValue] | None = None,
        raw: bool = False,
        stream: AsyncIterator[bytes] | None = None,
        total_bytes: int | None = None,
        plain_errors: bool = False,
    ) -> None:
        self.request = request
        self.status = status
        self.result = result
        self.error = error
        self.headers: dict[str, HeaderValue] = {name.lower(): headers[name] for name in headers} if headers else {}
        self.raw = raw
        self.stream = stream
        self.total_bytes = total_bytes
        self.plain_errors = plain_errors
