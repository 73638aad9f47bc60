"""The reference of `server:now`: an ASGI application that sends the same envelope, built beforehand, for anything."""

from __future__ import annotations

from typing import Any

ENVELOPE = (
    b'{"action":"now","controller":"server","error":null,"headers":{},"node":"knode-calm-otter-12345",'
    b'"requestId":"benchmark","status":200,"volatile":null,"result":{"now":1700000000000}'
)
HTTP_BODY = ENVELOPE + b"}"
WEBSOCKET_TEXT = (ENVELOPE + b',"room":"benchmark"}').decode()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer HTTP and WebSocket messages without looking at them."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(HTTP_BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": HTTP_BODY})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": WEBSOCKET_TEXT})
    else:
        await _lifespan(receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return
