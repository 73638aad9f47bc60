"""Pipes on messages and requests before the router gets them (router-protocol 1.3, 1.7, 1.8 and 3.1 step 0)."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.router.request import Request

NOW = '{"controller":"server","action":"now","requestId":"r"}'


async def test_http_verbs(start: Any) -> None:
    seen: list[str] = []

    def note(request: Request) -> None:
        assert request.http is not None
        seen.append(f"{request.http.verb} {request.controller}")
        request.args["added"] = "1"

    def refuse(request: Request) -> None:
        raise api_error("api.process.too_many_requests")

    def listen(events: EventBus) -> None:
        for verb in ("get", "post", "options"):
            events.add_pipe(f"http:{verb}", note, owner="test", inline=True)
        events.add_pipe("http:delete", refuse, owner="test", inline=True)
        events.add_pipe("http:put", lambda request: "nonsense", owner="test", inline=True)

    server = await start(listen)
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/_echo/e/d")).json()["result"]["args"]["added"] == "1"
        assert (await client.post("/_query", json={"controller": "test", "action": "echo"})).status_code == 200
        assert (await client.options("/_echo/e/d")).json()["result"] == {}
        assert (await client.patch("/_echo/e/d", content=b"[1]")).json()["result"]["body"] == [1]
        assert seen == ["GET test", "POST test", "OPTIONS "]
        assert (await client.delete("/_echo/e/d")).status_code == 429
        assert (await client.put("/_echo/e/d")).json()["error"]["id"] == "plugin.runtime.unexpected_error"
        assert (await client.get("/_nowhere")).status_code == 404
        assert len(server.router.requests) == 3


async def test_http_bodies(start: Any) -> None:
    def decode(message: dict[str, Any]) -> dict[str, Any]:
        assert message["connection"].protocol == "http"
        assert message["message"].verb == "POST"
        if message["payload"] == b"refuse":
            raise api_error("network.http.body_parse_failed", "refuse")
        payload = message["payload"]
        return {**message, "payload": {"csv": payload.decode()} if payload.startswith(b"a,") else payload}

    def complete(message: dict[str, Any]) -> None:
        message["payload"]["completed"] = True

    def listen(events: EventBus) -> None:
        events.add_pipe("protocol:http:beforeParsingPayload", decode, owner="test", inline=True)
        events.add_pipe("protocol:http:afterParsingPayload", complete, owner="test", inline=True)

    server = await start(listen, additional_content_types=("text/csv",))
    async with httpx.AsyncClient(base_url=server.url) as client:
        headers = {"Content-Type": "text/csv"}
        for content, body in ((b"a,b", {"csv": "a,b"}), (b'{"x":1}', {"x": 1})):
            response = await client.post("/_echo/e/d", content=content, headers=headers)
            assert response.json()["result"]["body"] == {**body, "completed": True}
        for content in (b"refuse", b"nonsense"):
            response = await client.post("/_echo/e/d", content=content, headers=headers)
            assert (response.status_code, response.json()["error"]["id"]) == (400, "network.http.body_parse_failed")
        response = await client.post("/_query", json={"controller": "test", "action": "echo"})
        assert response.json()["result"]["args"]["completed"] is True
        assert (await client.get("/_echo/e/d")).json()["result"]["body"] is None


async def test_websocket_messages(start: Any, raw: Any) -> None:
    def translate(message: dict[str, Any]) -> dict[str, Any]:
        assert message["connection"].protocol == "websocket"
        return {**message, "payload": message["payload"].replace("jetzt", "now")}

    def complete(message: dict[str, Any]) -> None:
        if message["payload"].get("refuse"):
            raise api_error("api.process.too_many_requests")
        message["payload"]["requestId"] = "given"

    def listen(events: EventBus) -> None:
        events.add_pipe("protocol:websocket:beforeParsingPayload", translate, owner="test", inline=True)
        events.add_pipe("protocol:websocket:afterParsingPayload", complete, owner="test", inline=True)

    server = await start(listen)
    client = await raw.websocket(server.port)
    client.send_text(NOW.replace("now", "jetzt"))
    answer = await client.answer()
    assert (answer["status"], answer["room"], answer["action"]) == (200, "given", "now")
    client.send_text('{"refuse":true,"requestId":"mine"}')
    answer = await client.answer()
    assert (answer["status"], answer["room"]) == (429, "mine")
    client.send_text('{"broken","requestId":"mine"}')
    assert (await client.answer())["error"]["id"] == "network.websocket.unexpected_error"
    client.send_text('{"p":1}')
    assert await client.answer() == {"p": 2}
    client.send_text('{"controller":"test","action":"wait"}')
    server.router.gate.set()
    assert (await client.answer())["result"] == "waited"
    client.send_text(b"\xff")
    assert await client.close_code() == 1007


@pytest.mark.parametrize("returned", ["text", {"connection": None}])
async def test_a_pipe_that_loses_the_payload(start: Any, raw: Any, returned: Any) -> None:
    def listen(events: EventBus) -> None:
        for protocol in ("http", "websocket"):
            events.add_pipe(
                f"protocol:{protocol}:beforeParsingPayload", lambda message: returned, owner="test", inline=True
            )

    server = await start(listen)
    client = await raw.websocket(server.port)
    client.send_text(NOW)
    assert (await client.answer())["error"]["id"] == "plugin.runtime.unexpected_error"
    client = await raw.connect(server.port)
    client.send(b"POST /_now HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    status, _, body = await client.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (500, "plugin.runtime.unexpected_error")
