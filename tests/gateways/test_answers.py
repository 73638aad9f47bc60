"""What answers over HTTP carry beside the envelope: compression, cookies, CORS headers (router-protocol 1.9)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from device_manager.gateways.compression import preferred_encoding


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate, br, zstd", b"gzip"),
        (b"deflate, gzip", b"gzip"),
        (b"gzip;q=0.5, deflate", b"deflate"),
        (b"gzip; Q=0.5, DEFLATE; q=0.4", b"gzip"),
        (b"*", b"gzip"),
        (b"gzip;q=0, *", b"deflate"),
        (b"gzip;q=0", b""),
        (b"identity", b""),
        (b"identity, gzip;q=0.5", b""),
        (b"br", b""),
        (b"gzip;q=nonsense", b""),
        (b"gzip;q=7", b"gzip"),
        (b";;,=,", b""),
    ],
)
def test_the_preferred_encoding(accepted: bytes, encoding: bytes) -> None:
    assert preferred_encoding(accepted) == encoding


INFLATE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


@pytest.mark.parametrize("size", [1024, 500_000])
@pytest.mark.parametrize("encoding", INFLATE)
async def test_answers_are_compressed_for_who_asks(server: Any, raw: Any, encoding: str, size: int) -> None:
    server.router.answer_with = {"result": "x" * size}
    client = await raw.connect(server.port)
    client.send(b"GET /_given HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %b\r\n\r\n" % encoding.encode() * 2)
    for _ in range(2):
        status, headers, body = await client.response()
        assert (status, headers["content-encoding"], headers["vary"]) == (200, encoding, "Accept-Encoding")
        assert len(body) < size
        assert len(orjson.loads(INFLATE[encoding](body))["result"]) == size


async def test_answers_that_are_not_compressed(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    compressed = b"GET /_given HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
    plain = b"GET /_given HTTP/1.1\r\nHost: a\r\n\r\n"
    large = b"x" * 5000
    cases: list[tuple[bytes, dict[str, Any], bool]] = [
        (compressed, {"result": "small"}, False),
        (plain, {"result": "x" * 5000}, True),
        (compressed, {"result": large, "raw": True}, False),
        (compressed, {"result": large, "raw": True, "headers": {"content-type": "image/png"}}, False),
        (compressed, {"result": gzip.compress(large, 0), "raw": True, "headers": {"Content-Encoding": "gzip"}}, False),
    ]
    for request, answer, varies in cases:
        server.router.answer_with = answer
        client.send(request)
        _, headers, _ = await client.response()
        given = answer.get("headers", {})
        assert headers.get("content-encoding") == given.get("Content-Encoding")
        assert ("vary" in headers) is varies
    server.router.answer_with = {"result": large, "raw": True, "headers": {"content-type": "text/csv"}}
    client.send(compressed)
    _, headers, body = await client.response()
    assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", large)


async def test_head_tells_the_length_of_the_compressed_body(server: Any, raw: Any) -> None:
    server.router.answer_with = {"result": "x" * 5000}
    server.router.routes.add("HEAD", "/_given", "test", "given")
    client = await raw.connect(server.port)
    client.send(b"HEAD /_given HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    head = await client.head()
    assert b"content-encoding: gzip" in head
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.response())[0] == 200


async def test_a_large_answer_that_cannot_be_sent(server: Any) -> None:
    server.router.answer_with = {"result": "x" * 500_000, "headers": {"x-broken": "a\r\nb"}}
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/_given", headers={"Accept-Encoding": "gzip"})).status_code == 500
        assert (await client.get("/_given", headers={"Accept-Encoding": "identity"})).status_code == 500


async def test_several_cookies_are_several_lines(server: Any) -> None:
    cookies = ["authToken=abc; Path=/; HttpOnly; SameSite=Strict", "other=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]
    server.router.answer_with = {"headers": {"Set-Cookie": cookies, "x-list": ["a", "b"], "X-Own": "1"}}
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.get("/_given")
        assert response.headers.get_list("set-cookie") == cookies
        assert response.headers["x-list"] == "a, b"
        assert response.json()["headers"] == {"x-list": ["a", "b"], "x-own": "1"}
        server.router.answer_with = {"headers": {"set-cookie": "a=1"}}
        response = await client.get("/_given")
        assert response.headers.get_list("set-cookie") == ["a=1"]
        assert response.json()["headers"] == {}


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", ["a=1", "b=2\nX-Evil: 1"], "a\0", "ł"])
async def test_headers_cannot_be_broken_out_of(server: Any, value: Any) -> None:
    server.router.answer_with = {"headers": {"set-cookie": value}}
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.get("/_given")
        assert (response.status_code, "x-evil" in response.headers) == (500, False)


async def test_cookies_reach_the_actions(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\nCookie: authToken=abc\r\nCookie: b=1, c\r\n\r\n")
    assert (await client.response())[0] == 200
    socket = await raw.websocket(server.port, "Cookie: authToken=abc\r\nCookie: b=1, c\r\n")
    socket.send_text('{"controller":"server","action":"now","requestId":"r"}')
    assert (await socket.answer())["status"] == 200
    for request in server.router.requests:
        assert request.connection.headers["cookie"] == "authToken=abc; b=1, c"
