"""From the raw body of an HTTP request to its value (router-protocol 1.8, body reading)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import api_error
from device_manager.gateways.http_exchange import Exchange
from device_manager.gateways.json_text import UnreadableJson, read_json

SHOWN_CHARACTERS = 50
MOST_ENCODINGS = 3
UTF_8 = ("utf-8", "utf8")


def read_body(exchange: Exchange, max_depth: int) -> Any:
    """The value of the body, None for an empty one.

    Raises:
        ApiError: `network.http.` `unsupported_content`, `unsupported_charset`, `unsupported_compression`,
            `too_many_encodings` or `body_parse_failed`.
    """
    if not exchange.body:
        return None
    content_type = exchange.header(b"content-type")
    if content_type is not None and content_type != b"application/json":
        _check_content_type(content_type.decode("latin-1"))
    encoding = exchange.header(b"content-encoding")
    if encoding is not None:
        _check_encoding(encoding.decode("latin-1"))
    text = bytes(exchange.body)
    try:
        return read_json(text, max_depth)
    except UnreadableJson as error:
        shown = text[: 4 * SHOWN_CHARACTERS].decode(errors="replace")[:SHOWN_CHARACTERS]
        refused = api_error("network.http.body_parse_failed", shown)
        refused.message += f" ({error})"
        raise refused from error


def _check_content_type(content_type: str) -> None:
    media, *parameters = content_type.split(";")
    if media.strip().lower() != "application/json":
        raise api_error("network.http.unsupported_content", media.strip())
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in UTF_8:
            raise api_error("network.http.unsupported_charset", charset)


def _check_encoding(encoding: str) -> None:
    layers = [layer.strip().lower() for layer in encoding.split(",")]
    if len(layers) > MOST_ENCODINGS:
        raise api_error("network.http.too_many_encodings")
    for layer in layers:
        if layer != "identity":
            raise api_error("network.http.unsupported_compression", layer)
