"""Answers to messages that never became a request: refusals, and 503 without any work."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from device_manager.errors import ApiError, api_error, unexpected
from device_manager.gateways.json_text import find_request_id
from device_manager.router.envelope import refusal_encoder
from device_manager.router.request import Request
from device_manager.router.response import Response

logger = logging.getLogger(__name__)


class Correlation(msgspec.Struct):
    """The one field of a message that a refusal needs; the others are skipped without being built."""

    requestId: Any = None


read_correlation = msgspec.json.Decoder(Correlation).decode


def refusal(error: ApiError, request_id: str | None, *, room: bool = False) -> bytes:
    """The envelope of an error that no request can be named for.

    Args:
        error: what is answered.
        request_id: echoed; None when there is none.
        room: repeat the id as `room`, which is what settles the call in a WebSocket client.
    """
    return refusal_encoder(error, room=room and request_id is not None)(request_id)


def shed(error_id: str, message: bytes, refused: Counter[str]) -> bytes:
    """The refusal of a WebSocket message of which only the id is read; it is counted in `refused`."""
    refused[error_id] += 1
    request_id = request_id_of(message)
    return _prepared(error_id, request_id is not None)(request_id)


def request_id_of(message: bytes) -> str | None:
    """The request id of a message, None when it has none or none that could be echoed."""
    try:
        request_id = read_correlation(message).requestId
    except (msgspec.DecodeError, UnicodeDecodeError):
        return find_request_id(message)
    return request_id if isinstance(request_id, str) else None


def unexpected_response(request: Request, error: Exception) -> Response:
    """The answer to a request whose handling broke; the log gets the stack, the caller the text."""
    logger.error("Request %s of %s:%s broke", request.id, request.controller, request.action, exc_info=error)
    refused = unexpected(error)
    return Response(request, status=refused.status, error=refused)


@functools.cache
def _prepared(error_id: str, room: bool) -> Callable[[str | None], bytes]:
    return refusal_encoder(api_error(error_id), room=room)
