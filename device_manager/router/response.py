"""What the router hands back: status, result or error, and the envelope around them (router-protocol 2.2)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError
from device_manager.router.request import Request

ABSENT: Any = object()
"""The result of actions whose envelope carries no `result` member at all."""


class Response:
    """The outcome of one request.

    Attributes:
        request: what is answered; its ids are echoed.
        status: HTTP-like.
        result: any JSON value, None for null, `ABSENT` for no member.
        error: the refusal, None on success.
        headers: set by the action, names in lower case; they stand in the envelope and on HTTP.
        raw: over HTTP the result itself is the body, without an envelope.
    """

    __slots__ = ("error", "headers", "raw", "request", "result", "status")

    def __init__(
        self,
        request: Request,
        *,
        status: int = 200,
        result: Any = None,
        error: ApiError | None = None,
        headers: dict[str, str] | None = None,
        raw: bool = False,
    ) -> None:
        self.request = request
        self.status = status
        self.result = result
        self.error = error
        self.headers = headers or {}
        self.raw = raw
