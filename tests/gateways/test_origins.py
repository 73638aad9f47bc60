"""Pages of which origins may call, over HTTP and WebSocket (router-protocol 1.9 and 3.1 step 4)."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from device_manager.gateways.origins import Origins
from device_manager.settings import Settings

ALLOWED = ("https://app.example", "https://*.tenants.example", "http://localhost:*")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        (b"https://app.example", True),
        (b"https://APP.example", True),
        (b"http://app.example", False),
        (b"https://app.example.evil", False),
        (b"https://appXexample", False),
        (b"https://a.tenants.example", True),
        (b"https://a.b.tenants.example", True),
        (b"https://tenants.example", False),
        (b"https://evil.example/.tenants.example", False),
        (b"https://evil.example?.tenants.example", False),
        (b"https://evil:1@x.tenants.example", False),
        (b"http://localhost:3000", True),
        (b"http://localhost", False),
        (b"null", False),
        (b"", False),
    ],
)
def test_patterns(origin: bytes | None, allowed: bool) -> None:
    assert (Origins(Settings(allowed_origins=ALLOWED)).refusal(origin) is None) is allowed
    assert Origins(Settings()).refusal(origin) is None
    assert (Origins(Settings(allowed_origins=())).refusal(origin) is None) is (origin is None)


async def test_http(start: Any) -> None:
    server = await start(allowed_origins=ALLOWED, allow_credentials=False, allowed_headers=("X-Mine",))
    async with httpx.AsyncClient(base_url=server.url) as client:
        for verb in ("GET", "POST", "OPTIONS"):
            response = await client.request(verb, "/_now", headers={"Origin": "https://evil.example"})
            error = response.json()["error"]
            assert (response.status_code, error["id"]) == (401, "api.process.unauthorized_origin")
            assert error["props"] == ["https://evil.example"]
            assert "access-control-allow-origin" not in response.headers
            assert response.headers["vary"] == "Origin"
        assert server.router.requests == []
        response = await client.get("/_now", headers={"Origin": "https://app.example"})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert response.headers["access-control-allow-headers"] == "X-Mine"
        assert "access-control-allow-credentials" not in response.headers
        assert (await client.get("/_now")).status_code == 200
        assert (await client.get("/_healthcheck", headers={"Origin": "https://evil.example"})).status_code == 200


async def test_preflight(server: Any) -> None:
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, x-kuzzle-volatile",
    }
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.options("/_/device-manager/e/devices/d/_link", headers=headers)
    assert (response.status_code, response.json()["result"]) == (200, {})
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-max-age"] == "600"
    assert "PUT" in response.headers["access-control-allow-methods"]
    assert {"Authorization", "X-Kuzzle-Volatile"} <= set(response.headers["access-control-allow-headers"].split(", "))


async def test_vary_names_both_reasons(server: Any) -> None:
    server.router.answer_with = {"result": "x" * 5000}
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.get("/_given", headers={"Origin": "https://app.example"})
    assert response.headers.get_list("vary") == ["Origin", "Accept-Encoding"]


async def test_upgrades(start: Any, raw: Any, upgrade: bytes) -> None:
    server = await start(allowed_origins=ALLOWED)
    client = await raw.connect(server.port)
    client.send(upgrade % b"Origin: https://evil.example\r\n")
    status, headers, body = await client.response()
    assert (status, headers["connection"]) == (401, "close")
    assert orjson.loads(body)["error"]["id"] == "api.process.unauthorized_origin"
    for headers in ("Origin: https://app.example\r\n", ""):
        assert await raw.websocket(server.port, headers) is not None


async def test_pages_can_read_why_a_body_was_refused(start: Any) -> None:
    server = await start(max_message_bytes=1000)
    async with httpx.AsyncClient(base_url=server.url, headers={"Origin": "https://app.example"}) as client:
        response = await client.post("/_now", content=b"x" * 2000)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (413, "https://app.example")


async def test_options_of_the_whole_server(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    status, headers, _ = await client.response()
    assert (status, "access-control-allow-methods" in headers) == (200, True)
