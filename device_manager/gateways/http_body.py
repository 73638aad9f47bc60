"""From the raw body of an HTTP request to its value (router-protocol 1.8, body reading)."""

from __future__ import annotations

import zlib
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.gateways.http_exchange import Exchange, body_too_large
from device_manager.gateways.http_forms import UnreadableForm, read_multipart, read_pairs
from device_manager.gateways.json_text import UnreadableJson, read_json
from device_manager.settings import Settings

SHOWN_CHARACTERS = 50
MOST_ENCODINGS = 3
UTF_8 = ("utf-8", "utf8")
JSON, URL_ENCODED, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
WINDOWS = {"gzip": 31, "deflate": 15}
"""How zlib is told the format of each layer."""


def read_body(exchange: Exchange, settings: Settings) -> Any:
    """The value of the body, None for an empty one.

    Raises:
        ApiError: see `body_text` and `parse_body`.
    """
    return parse_body(body_text(exchange, settings), exchange, settings) if exchange.body else None


def body_text(exchange: Exchange, settings: Settings) -> bytes:
    """The body without its compression.

    Raises:
        ApiError: `network.http.` `unsupported_content`, `unsupported_charset`, `unsupported_compression`,
            `compression_disabled`, `too_many_encodings`, `request_too_large` (once decompressed) or
            `body_parse_failed` (when it cannot be decompressed).
    """
    content_type = exchange.header(b"content-type")
    if content_type is not None and content_type != b"application/json":
        _check_content_type(content_type.decode("latin-1"), settings)
    text = bytes(exchange.body)
    encoding = exchange.header(b"content-encoding")
    return text if encoding is None else _decompress(text, encoding.decode("latin-1"), settings)


def parse_body(text: bytes, exchange: Exchange, settings: Settings) -> Any:
    """The value of a body, by its content type.

    Raises:
        ApiError: `network.http.body_parse_failed`, or `network.http.file_too_large`.
    """
    content_type = exchange.header(b"content-type") or b""
    media = b"" if content_type == b"application/json" else content_type.partition(b";")[0].strip().lower()
    try:
        if media == URL_ENCODED.encode():
            return read_pairs(text)
        if media == MULTIPART.encode():
            return read_multipart(text, content_type, settings.max_form_file_bytes)
        return read_json(text, settings.max_depth)
    except (UnreadableForm, UnreadableJson) as error:
        raise _unreadable(text, str(error)) from error


def _unreadable(text: bytes, reason: str) -> ApiError:
    shown = text[: 4 * SHOWN_CHARACTERS].decode(errors="replace")[:SHOWN_CHARACTERS]
    refused = api_error("network.http.body_parse_failed", shown)
    refused.message += f" ({reason})"
    return refused


def _check_content_type(content_type: str, settings: Settings) -> None:
    media, *parameters = content_type.split(";")
    media = media.strip().lower()
    if media not in (JSON, URL_ENCODED, MULTIPART, *settings.additional_content_types):
        raise api_error("network.http.unsupported_content", media)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in UTF_8:
            raise api_error("network.http.unsupported_charset", charset)


def _decompress(data: bytes, encoding: str, settings: Settings) -> bytes:
    """Undo the layers of `Content-Encoding`, the last one first; no layer may exceed the limit on messages."""
    layers = [layer.strip().lower() for layer in encoding.split(",")]
    if len(layers) > MOST_ENCODINGS:
        raise api_error("network.http.too_many_encodings")
    for layer in reversed(layers):
        if layer == "identity":
            continue
        window = WINDOWS.get(layer)
        if window is None:
            raise api_error("network.http.unsupported_compression", layer)
        if not settings.compression:
            raise api_error("network.http.compression_disabled")
        data = _inflate(data, window, settings)
    return data


def _inflate(data: bytes, window: int, settings: Settings) -> bytes:
    """Decompress one layer without ever holding more than the limit and one byte."""
    inflater = zlib.decompressobj(window)
    try:
        text = inflater.decompress(data, settings.max_message_bytes + 1)
    except zlib.error as error:
        raise _unreadable(data, f"it cannot be decompressed: {error}") from error
    if len(text) > settings.max_message_bytes:
        raise body_too_large(settings)
    if not inflater.eof or inflater.unused_data:
        raise _unreadable(data, "the compressed body is cut off or followed by something else")
    return text
