"""From a response to the bytes of an HTTP answer, its head here (router-protocol 1.9)."""

from __future__ import annotations

import functools
import http
import re
from collections.abc import Mapping
from typing import Any

import orjson

from device_manager.gateways.http_exchange import Exchange
from device_manager.gateways.service import Service
from device_manager.router.envelope import NODE
from device_manager.router.response import HeaderValue

JSON = b"application/json"
BYTES = b"application/octet-stream"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that an action cannot set: they belong to the connection."""


class Heads:
    """Writes the heads of answers.

    Args:
        service: has the settings and the current date.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._always = b"x-kuzzle-node: %b\r\n%b" % (NODE.encode(), service.origins.always)
        if service.settings.compression:
            self._always += b"accept-encoding: gzip,deflate,identity\r\n"

    def write(
        self,
        exchange: Exchange,
        status: int,
        framing: bytes,
        *,
        request_id: str | None = None,
        content_type: bytes = JSON,
        headers: Mapping[str, HeaderValue] | None = None,
        varies: bool = False,
    ) -> list[bytes]:
        """The pieces of status line, headers and the empty line behind them.

        Args:
            exchange: what is answered; says whether the connection goes on.
            status: any three digits.
            framing: the header lines that say how the body comes and where it ends.
            request_id: told as `X-Kuzzle-Request-Id` when it can stand in a header.
            content_type: of the body.
            headers: set by the action, names in lower case; they win over ours, except those that frame the message.
            varies: whether other callers would get the body in another encoding.

        Raises:
            ValueError: a header of the action that would break the message.
        """
        parts = [_status_line(status), b"date: ", self._service.date, b"\r\n", self._always]
        if not headers or "content-type" not in headers:
            parts += [b"content-type: ", content_type, b"\r\n"]
        if headers:
            for name, value in headers.items():
                _write_header(parts, name, value)
        if request_id is not None and request_id.isascii() and request_id.isprintable():
            parts += [b"x-kuzzle-request-id: ", request_id.encode(), b"\r\n"]
        origin = exchange.header(b"origin")
        if origin is not None:
            parts.append(self._service.origins.echo(origin))
        if varies:
            parts.append(b"vary: Accept-Encoding\r\n")
        if not exchange.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += [framing, b"\r\n"]
        return parts


def raw_body(result: Any) -> tuple[bytes, bytes]:
    """A raw result and its content type: nothing for null, bytes and text as they are, JSON for the rest."""
    if result is None:
        return b"", JSON
    if isinstance(result, bytes | bytearray):
        return bytes(result), BYTES
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


def _write_header(parts: list[bytes], name: str, value: HeaderValue) -> None:
    """Append the line of a header, or its lines: cookies cannot be joined, everything else can."""
    if name.lower() in FRAMING:
        return
    values = [value] if isinstance(value, str) else value if name.lower() == "set-cookie" else [", ".join(value)]
    for one in values:
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(one):
            raise ValueError(f"The response header {name!r} cannot be sent: {one!r}")
        parts.append(f"{name}: {one}\r\n".encode("latin-1"))
