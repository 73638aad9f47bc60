"""From HTTP messages to requests and back (router-protocol 1.7 to 1.9)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest


@pytest.fixture
async def client(server: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


async def test_query_becomes_arguments(server: Any, client: httpx.AsyncClient) -> None:
    answer = (await client.get("/_echo/e1/d%2F1?a=1&a=2&flag&empty=&text=%C3%A9+x&engineId=other&_id=other")).json()
    assert answer["result"]["args"] == {
        "a": ["1", "2"],
        "flag": "",
        "empty": "",
        "text": "é x",
        "engineId": "e1",
        "_id": "d/1",
    }
    assert (answer["controller"], answer["action"], answer["status"], answer["error"]) == ("test", "echo", 200, None)


async def test_query_cannot_replace_what_belongs_elsewhere(server: Any, client: httpx.AsyncClient) -> None:
    answer = (
        await client.get("/_echo/e/d?controller=auth&action=login&body=x&requestId=q&volatile=v&jwt=token&keep=1")
    ).json()
    assert (answer["controller"], answer["action"]) == ("test", "echo")
    assert answer["result"] == {"args": {"keep": "1", "engineId": "e", "_id": "d"}, "body": None, "jwt": "token"}
    assert answer["requestId"] != "q"
    assert answer["volatile"] is None


@pytest.mark.parametrize(
    ("headers", "query", "token"),
    [
        ({"Authorization": "Bearer abc"}, "", "abc"),
        ({"Authorization": "bEaReR   abc"}, "?jwt=other", "abc"),
        ({"Authorization": "Basic abc"}, "", None),
        ({"Authorization": "Basic abc"}, "?jwt=other", "other"),
        ({}, "?jwt=", None),
    ],
)
async def test_token(client: httpx.AsyncClient, headers: dict[str, str], query: str, token: str | None) -> None:
    assert (await client.get("/_echo/e/d" + query, headers=headers)).json()["result"]["jwt"] == token


async def test_headers_of_the_request(server: Any, client: httpx.AsyncClient) -> None:
    headers = {"X-Kuzzle-Volatile": '{"a":1}', "X-Kuzzle-Request-Id": "mine", "X-Forwarded-For": "1.1.1.1, 2.2.2.2"}
    response = await client.get("/_echo/e/d", headers=headers)
    assert response.json()["volatile"] == {"a": 1}
    assert response.json()["requestId"] == response.headers["x-kuzzle-request-id"] == "mine"
    connection = server.router.requests[0].connection
    assert connection.ips == ("127.0.0.1", "1.1.1.1", "2.2.2.2")
    assert connection.protocol == "http"
    assert connection.headers["x-kuzzle-volatile"] == '{"a":1}'


async def test_the_message_stays_reachable_as_it_came(server: Any, client: httpx.AsyncClient) -> None:
    body = b'{ "a" : 1 }'
    await client.post(
        "/_echo/e%2f/d?x=%20&x", content=body, headers=[("X-Twice", "1"), ("x-twice", "2"), ("X-Case", "V")]
    )
    message = server.router.requests[0].http
    assert message.verb == "POST"
    assert message.target == b"/_echo/e%2f/d?x=%20&x"
    assert message.body == body
    assert [value for name, value in message.headers if name == b"x-twice"] == [b"1", b"2"]
    assert server.router.requests[0].connection.headers["x-twice"] == "1, 2"


async def test_headers_of_the_answer(client: httpx.AsyncClient) -> None:
    response = await client.get("/_now", headers={"Origin": "http://a.example"})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-kuzzle-node"] == response.json()["node"]
    assert response.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"
    assert "Authorization" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-allow-origin"] == "http://a.example"
    assert response.headers["vary"] == "Origin"
    assert response.headers["date"].endswith("GMT")
    assert "server" not in response.headers
    assert "access-control-allow-origin" not in (await client.get("/_now")).headers


async def test_pretty(client: httpx.AsyncClient) -> None:
    assert '\n  "action": "now"' in (await client.get("/_now?pretty")).text


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_bodies_of_all_verbs(client: httpx.AsyncClient, verb: str) -> None:
    response = await client.request(verb, "/_echo/e/d", content=b'{"a":[1]}')
    assert response.json()["result"]["body"] == {"a": [1]}


@pytest.mark.parametrize(
    ("content_type", "body", "parsed"),
    [
        ("application/json", b"[1]", [1]),
        ("application/JSON ; charset=UTF-8", b"{}", {}),
        ('application/json; charset="utf8"', b"null", None),
        ("text/plain", b"", None),
    ],
)
async def test_accepted_bodies(client: httpx.AsyncClient, content_type: str, body: bytes, parsed: Any) -> None:
    response = await client.post("/_echo/e/d", content=body, headers={"Content-Type": content_type})
    assert response.status_code == 200
    assert response.json()["result"]["body"] == parsed


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("identity", b'{"a":1}'),
        ("deflate, GZIP", gzip.compress(zlib.compress(b'{"a":1}'), mtime=0)),
    ],
)
async def test_compressed_bodies(server: Any, client: httpx.AsyncClient, encoding: str, body: bytes) -> None:
    response = await client.post("/_echo/e/d", content=body, headers={"Content-Encoding": encoding})
    assert response.json()["result"]["body"] == {"a": 1}
    assert server.router.requests[0].http.body == body


BOMB = gzip.compress(gzip.compress(bytes(1 << 26), 9, mtime=0), 9, mtime=0)
"""64 MB in a few hundred bytes."""


@pytest.mark.parametrize(
    ("headers", "body", "status", "error_id"),
    [
        ({"Content-Type": "text/csv"}, b"a", 400, "network.http.unsupported_content"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"a", 400, "network.http.body_parse_failed"),
        ({"Content-Type": "application/json; charset=latin1"}, b"{}", 400, "network.http.unsupported_charset"),
        ({"Content-Encoding": "br"}, b"{}", 400, "network.http.unsupported_compression"),
        ({"Content-Encoding": "gzip"}, b"{}", 400, "network.http.body_parse_failed"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}", mtime=0)[:-3], 400, "network.http.body_parse_failed"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}", mtime=0) + b"x", 400, "network.http.body_parse_failed"),
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(17 << 20), mtime=0), 413, "network.http.request_too_large"),
        ({"Content-Encoding": "gzip, gzip"}, BOMB, 413, "network.http.request_too_large"),
        ({"Content-Encoding": "gzip,gzip,gzip,gzip"}, b"{}", 400, "network.http.too_many_encodings"),
        ({}, b'{"a":', 400, "network.http.body_parse_failed"),
        ({}, b"\xff\xfe", 400, "network.http.body_parse_failed"),
        ({}, b"[" * 100_000, 400, "network.http.body_parse_failed"),
        ({}, b"[" * 300 + b"]" * 300, 400, "network.http.body_parse_failed"),
        ({}, b"5", 400, "api.assert.invalid_type"),
        ({}, b'"text"', 400, "api.assert.invalid_type"),
        ({"X-Kuzzle-Volatile": "{"}, b"", 400, "network.http.volatile_parse_failed"),
        ({"X-Kuzzle-Volatile": "[]"}, b"", 400, "network.http.volatile_parse_failed"),
    ],
)
async def test_refused_messages_get_the_envelope(
    server: Any, client: httpx.AsyncClient, headers: dict[str, str], body: bytes, status: int, error_id: str
) -> None:
    response = await client.post("/_echo/e/d", content=body, headers=headers | {"X-Kuzzle-Request-Id": "r"})
    answer = response.json()
    assert response.status_code == answer["status"] == answer["error"]["status"] == status
    assert answer["error"]["id"] == error_id
    assert answer["requestId"] == "r"
    assert answer["result"] is None
    assert server.router.requests == []
    assert (await client.get("/_now")).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path", "status", "error_id"),
    [
        ("GET", "/_nowhere", 404, "network.http.url_not_found"),
        ("HEAD", "/_now", 404, None),
        ("TRACE", "/_now", 400, "network.http.unsupported_verb"),
        ("PURGE", "/_now", 400, "network.http.unsupported_verb"),
        ("INVENTED", "/_now", 400, "network.http.unsupported_verb"),
        ("GET", "/_echo/%ff/d", 400, "network.http.unexpected_error"),
        ("GET", "/_echo/%00/d", 400, "network.http.unexpected_error"),
        ("GET", "/_echo/e/d?a=%ff", 400, "network.http.unexpected_error"),
        ("GET", "/_echo/e/d?a=%00", 400, "network.http.unexpected_error"),
        ("GET", "/_echo/e/d?jwt=a&jwt=b", 400, "api.assert.invalid_type"),
        ("GET", "/_echo/e/d?" + "a&" * 2000, 400, "network.http.unexpected_error"),
    ],
)
async def test_refused_targets(
    client: httpx.AsyncClient, verb: str, path: str, status: int, error_id: str | None
) -> None:
    response = await client.request(verb, path)
    assert response.status_code == status
    if error_id is None:
        assert response.content == b""
    else:
        assert response.json()["error"]["id"] == error_id


async def test_options_and_head(client: httpx.AsyncClient) -> None:
    for path in ("/", "/_now", "/_nowhere"):
        response = await client.options(path)
        assert (response.status_code, response.json()["result"]) == (200, {})
    response = await client.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0


async def test_query_route_takes_a_whole_request(server: Any, client: httpx.AsyncClient) -> None:
    payload = {"controller": "test", "action": "echo", "requestId": "r", "engineId": "e", "body": {"a": 1}}
    answer = (await client.post("/_query", json=payload, headers={"Authorization": "Bearer head"})).json()
    assert answer["requestId"] == "r"
    assert answer["result"] == {"args": {"requestId": "r", "engineId": "e"}, "body": {"a": 1}, "jwt": "head"}
    answer = (
        await client.post("/_query", json=payload | {"jwt": "own"}, headers={"Authorization": "Bearer head"})
    ).json()
    assert answer["result"]["jwt"] == "own"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"5", b'{"controller":1}'])
async def test_query_route_refuses_what_is_no_request(server: Any, client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/_query", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["id"] in ("network.http.unexpected_error", "api.assert.invalid_type")
    assert server.router.requests == []


async def test_health_routes(server: Any, client: httpx.AsyncClient) -> None:
    response = await client.get("/_healthcheck")
    assert (response.status_code, response.json()["result"]) == (200, None)
    assert (await client.get("/_ready")).status_code == 200
    server.ready = False
    assert (await client.get("/_ready")).status_code == 503
    assert (await client.get("/_healthcheck")).status_code == 200
    assert server.router.requests == []


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("text", "text/csv", b"plain"),
        ("bytes", "application/octet-stream", b"\x00\xff"),
        ("null", "application/json", b""),
        ("object", "application/json", b'{"a":1}'),
    ],
)
async def test_raw_results_are_the_body(client: httpx.AsyncClient, kind: str, content_type: str, body: bytes) -> None:
    response = await client.get(f"/_raw/{kind}")
    assert (response.headers["content-type"], response.content) == (content_type, body)
    assert response.headers["x-own"] == "1"


async def test_failures_of_the_handler(client: httpx.AsyncClient) -> None:
    response = await client.get("/_broken")
    assert response.status_code == response.json()["status"] == 500
    response = await client.post("/_query", json={"controller": "test", "action": "unserializable"})
    assert response.status_code == response.json()["status"] == 500


async def test_a_request_id_cannot_inject_headers(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    body = orjson.dumps({"controller": "test", "action": "echo", "requestId": "a\r\nX-Evil: 1"})
    client.send(b"POST /_query HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    status, headers, _ = await client.response()
    assert status == 200
    assert "x-evil" not in headers
