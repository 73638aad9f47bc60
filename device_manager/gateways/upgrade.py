"""The upgrade of an HTTP connection to a WebSocket: what it says of the client, and how a broken one is answered."""

from __future__ import annotations

from websockets.http11 import Request as Upgrade

from device_manager.gateways.http_exchange import add_header
from device_manager.router.parse import new_request_id
from device_manager.router.request import Connection

BAD_HANDSHAKE = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 41\r\n\r\n"
    b"This is no WebSocket upgrade by RFC 6455."
)


def connection_of(upgrade: Upgrade, client: tuple[str, int] | None) -> Connection:
    """What requests see of their connection; `X-Forwarded-For` does not count here (router-protocol 1.2)."""
    headers: dict[str, str] = {}
    for name, value in upgrade.headers.raw_items():
        add_header(headers, name.lower(), value)
    return Connection(new_request_id(), "websocket", (client[0],) if client else (), headers)
