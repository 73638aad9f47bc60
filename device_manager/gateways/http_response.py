"""From a response to the bytes of an HTTP answer, head and body in one piece (router-protocol 1.9)."""

from __future__ import annotations

import functools
import http
import re
from typing import Any

import orjson

from device_manager.gateways.http_exchange import Exchange
from device_manager.router.envelope import NODE

JSON = b"application/json"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that an action cannot set: they belong to the connection."""

ALWAYS = b"".join(
    b"%b: %b\r\n" % header
    for header in (
        (b"x-kuzzle-node", NODE.encode()),
        (b"access-control-allow-methods", b"GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"),
        (
            b"access-control-allow-headers",
            b"Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With, Content-Length, "
            b"Content-Encoding, X-Kuzzle-Volatile, X-Kuzzle-Request-Id, Idempotency-Key",
        ),
        (b"access-control-allow-credentials", b"true"),
    )
)


def http_answer(
    exchange: Exchange,
    status: int,
    body: bytes,
    *,
    date: bytes,
    request_id: str | None = None,
    content_type: bytes = JSON,
    headers: dict[str, str] | None = None,
) -> bytes:
    """Status line, headers and body.

    Args:
        exchange: what is answered; says whether the connection goes on and whether a body may follow.
        status: any three digits.
        body: left out of answers to HEAD, while its length is still told.
        date: value of the header `Date`.
        request_id: told as `X-Kuzzle-Request-Id` when it can stand in a header.
        content_type: of the body.
        headers: set by the action; they win over ours, except those that frame the message.

    Raises:
        ValueError: a header of the action that would break the message.
    """
    own = headers or {}
    parts = [_status_line(status), b"date: ", date, b"\r\n", ALWAYS]
    if "content-type" not in own:
        parts += [b"content-type: ", content_type, b"\r\n"]
    if request_id is not None and request_id.isascii() and request_id.isprintable():
        parts += [b"x-kuzzle-request-id: ", request_id.encode(), b"\r\n"]
    origin = exchange.header(b"origin")
    if origin is not None:
        parts += [b"access-control-allow-origin: ", origin, b"\r\nvary: Origin\r\n"]
    for name, value in own.items():
        parts.append(_header_line(name, value))
    if not exchange.keep_alive:
        parts.append(b"connection: close\r\n")
    if status not in (204, 304):
        parts.append(b"content-length: %d\r\n" % len(body))
    parts.append(b"\r\n")
    if exchange.verb != "HEAD" and status not in (204, 304):
        parts.append(body)
    return b"".join(parts)


def raw_body(result: Any) -> tuple[bytes, bytes]:
    """A raw result and its content type: nothing for null, bytes and text as they are, JSON for the rest."""
    if result is None:
        return b"", JSON
    if isinstance(result, bytes | bytearray):
        return bytes(result), b"application/octet-stream"
    if isinstance(result, str):
        return result.encode(), b"text/plain; charset=utf-8"
    return orjson.dumps(result), JSON


@functools.cache
def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def _header_line(name: str, value: str) -> bytes:
    if name.lower() in FRAMING:
        return b""
    if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
        raise ValueError(f"The response header {name!r} cannot be sent: {value!r}")
    return f"{name}: {value}\r\n".encode("latin-1")
