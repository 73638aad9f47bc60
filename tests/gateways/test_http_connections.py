"""HTTP connections: limits, deadlines, order, smuggling, declined upgrades (gateway traps)."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

NOW = b"GET /_now HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_keep_alive_and_pipelining_in_order(server: Any, raw: Any, eventually: Any) -> None:
    client = await raw.connect(server.port)
    client.send(
        NOW
        + b"GET /_wait HTTP/1.1\r\nHost: a\r\nX-Kuzzle-Request-Id: second\r\n\r\n"
        + NOW
        + b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
        + NOW
    )
    assert (await client.response())[0] == 200
    await eventually(lambda: server.router.started == 1)
    assert len(server.router.requests) == 2
    server.router.gate.set()
    bodies = [orjson.loads((await client.response())[2]) for _ in range(4)]
    assert [body["action"] for body in bodies] == ["wait", "now", "echo", "now"]
    client.send(NOW)
    assert (await client.response())[0] == 200


async def test_nothing_is_served_after_connection_close(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + NOW)
    status, headers, _ = await client.response()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.closed() == b""
    assert len(server.router.requests) == 1


async def test_http_1_0_closes(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.0\r\n\r\n")
    assert (await client.response())[0] == 200
    assert await client.closed() == b""


async def test_many_pipelined_requests(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(NOW * 5000)
    for _ in range(5000):
        assert (await client.response())[0] == 200


GET = b"GET /_now HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /_now HTTP/1.1\r\nHost: a\r\n"
SMUGGLING = {
    "length and chunked": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "space before colon": b"GET /_now HTTP/1.1\r\nHost : a\r\n\r\n",
    "folded header": GET + b"X: b\r\n c\r\n\r\n",
    "bare LF": b"GET /_now HTTP/1.1\nHost: a\n\n",
    "bare CR": b"GET /_now HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "NUL in header": GET + b"X: \x00\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "LF in chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "huge chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "two hosts": GET + b"Host: b\r\n\r\n",
    "no host": b"GET /_now HTTP/1.1\r\n\r\n",
    "two authorizations": GET + b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
    "HTTP/0.9": b"GET /_now\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bytes in the target": b"GET /_now\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_ambiguous_messages_are_refused_and_the_connection_closed(server: Any, raw: Any, name: str) -> None:
    client = await raw.connect(server.port)
    client.send(SMUGGLING[name] + NOW)
    status, headers, body = await client.response()
    assert status in (400, 505), (status, body)
    assert headers["connection"] == "close"
    assert orjson.loads(body)["error"]["id"].startswith("network.http.")
    assert server.router.requests == []
    client.writer.write_eof()
    assert await client.closed() == b""


async def test_declared_body_over_the_limit_is_refused_at_once(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\nExpect: 100-continue\r\n\r\n")
    status, _, body = await client.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (413, "network.http.request_too_large")


async def test_a_client_that_sends_20_mb_reads_the_413(server: Any) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.post("/_echo/e/d", content=b"x" * 20_000_000)
    assert response.status_code == 413
    assert response.json()["error"]["id"] == "network.http.request_too_large"
    assert server.router.requests == []


async def test_chunks_are_counted_while_they_arrive(start: Any, raw: Any) -> None:
    server = await start(max_message_bytes=10_000)
    client = await raw.connect(server.port)
    client.send(b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(11):
        client.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    status, headers, _ = await client.response()
    assert (status, headers["connection"]) == (413, "close")
    assert server.router.requests == []


async def test_chunked_body_with_extensions_and_trailers(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(
        b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5;name=value\r\n{"a":\r\n2\r\n1}\r\n0\r\nTrailer: x\r\n\r\n'
    )
    assert orjson.loads((await client.response())[2])["result"]["body"] == {"a": 1}


async def test_expect_continue(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 100 ")
    client.send(b"{}")
    assert (await client.response())[0] == 200


async def test_header_flood_is_refused(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\nX: ")
    answer = b""
    for _ in range(2000):
        client.send(b"x" * 65_536)
        try:
            await client.writer.drain()
        except ConnectionError:
            break
        if client.reader._buffer:
            answer = await client.head()
            break
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("headers", [b"X: y\r\n" * 200, b"X: " + b"y" * 40_000 + b"\r\n"], ids=["many", "large"])
async def test_large_heads_are_refused(server: Any, raw: Any, headers: bytes) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n")
    assert (await client.response())[0] == 431


async def test_silent_and_slow_heads_are_closed(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(header_timeout=0.5)
    silent = await raw.connect(server.port)
    half = await raw.connect(server.port)
    half.send(b"GET /_now HTTP/1.1\r\nHo")
    dripping = await raw.connect(server.port)

    async def drip() -> None:
        for byte in NOW[:-1] * 100:
            dripping.send(bytes((byte,)))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    assert await silent.closed() == b""
    assert (await half.response())[0] == 408
    assert (await dripping.response())[0] == 408
    task.cancel()


async def test_the_second_head_has_a_deadline_too(start: Any, raw: Any) -> None:
    server = await start(header_timeout=0.5)
    client = await raw.connect(server.port)
    client.send(NOW)
    assert (await client.response())[0] == 200
    client.send(b"GET /")
    assert (await client.response())[0] == 408


async def test_slow_body_is_refused(start: Any, raw: Any) -> None:
    server = await start(body_timeout=0.5)
    client = await raw.connect(server.port)
    client.send(b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    status, _, body = await client.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (408, "network.http.unexpected_error")
    assert server.router.requests == []


async def test_idle_keep_alive_is_closed_but_not_a_running_request(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(keep_alive=1, header_timeout=0.5, body_timeout=0.5)
    idle, busy = await raw.connect(server.port), await raw.connect(server.port)
    busy.send(b"GET /_wait HTTP/1.1\r\nHost: a\r\n\r\n")
    idle.send(NOW)
    assert (await idle.response())[0] == 200
    assert await idle.closed() == b""
    assert server.connections == 1
    server.router.gate.set()
    assert (await busy.response())[0] == 200


async def test_connections_are_capped(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_connections=2)
    first = await raw.websocket(server.port)
    second = await raw.connect(server.port)
    await eventually(lambda: server.connections == 2)
    third = await raw.connect(server.port)
    third.send(NOW)
    status, _, body = await third.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (503, "api.process.overloaded")
    first.leave()
    third.leave()
    await eventually(lambda: server.connections == 1)
    second.send(NOW)
    assert (await second.response())[0] == 200
    assert (await raw.websocket(server.port)) is not None


async def test_stalled_http_reader_is_bounded_and_cut(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(stalled_reader_timeout=1.0)
    client = await raw.connect(server.port, receive_buffer=4096)
    client.send(b"GET /_large HTTP/1.1\r\nHost: a\r\n\r\n" * 3000)
    await eventually(lambda: server.connections == 0)
    assert len(server.router.requests) < 100


async def test_slow_http_reader_gets_everything(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port, receive_buffer=4096)
    client.send(b"GET /_large HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    for _ in range(100):
        assert (await client.response())[0] == 200


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.mark.parametrize("split", [False, True], ids=["one segment", "body later"])
async def test_declined_http2_upgrade_keeps_its_body(server: Any, raw: Any, split: bool) -> None:
    client = await raw.connect(server.port)
    expect = b"Expect: 100-continue\r\n" if split else b""
    client.send(b"POST /_echo/e/d HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n" + expect + H2C + b"\r\n")
    if split:
        assert (await client.head()).startswith(b"HTTP/1.1 100 ")
    client.send(b'{"a":[1]}' + NOW)
    assert orjson.loads((await client.response())[2])["result"]["body"] == {"a": [1]}
    assert (await client.response())[0] == 200
    assert server.router.requests[0].http.target == b"/_echo/e/d"


async def test_curl_that_offers_http2(server: Any) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    process = await asyncio.create_subprocess_exec(
        curl, "-s", "--http2", "-d", '{"a":1}', "-H", "Content-Type: application/json", f"{server.url}/_echo/e/d",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert orjson.loads(output)["result"]["body"] == {"a": 1}


JAVA = """
import java.net.URI;
import java.net.http.*;
class Post {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(arguments[0]))
        .POST(HttpRequest.BodyPublishers.ofString("{\\"a\\":1}")).build();
    System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}
"""


async def test_java_client_with_its_defaults(server: Any, tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java is not None
    source = tmp_path / "Post.java"
    source.write_text(JAVA)
    process = await asyncio.create_subprocess_exec(
        java, str(source), f"{server.url}/_echo/e/d", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert orjson.loads(output)["result"]["body"] == {"a": 1}


async def test_other_upgrades_are_ignored(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_now HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: TLS/1.0\r\n\r\n")
    status, headers, _ = await client.response()
    assert (status, headers["connection"]) == (200, "close")


async def test_an_upgrade_cannot_overtake_an_answer(server: Any, raw: Any, upgrade: bytes) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_wait HTTP/1.1\r\nHost: a\r\n\r\n" + upgrade % b"")
    server.router.gate.set()
    assert orjson.loads((await client.response())[2])["action"] == "wait"
    assert (await client.response())[0] == 400


async def test_tokens_and_malformed_requests_leave_no_trace_in_the_log(server: Any, raw: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    client = await raw.connect(server.port)
    client.send(b"GET /_now?jwt=secret HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.response())[0] == 200
    await raw.websocket(server.port, "X-Unused: 1\r\n")
    for _ in range(20):
        broken = await raw.connect(server.port)
        broken.send(b"nonsense\r\n\r\n")
        assert (await broken.response())[0] == 400
    shown = [record for record in caplog.records if record.name.startswith(("uvicorn", "device_manager"))]
    assert not [record for record in shown if "secret" in record.getMessage() or record.levelno >= logging.WARNING]


async def test_departed_client(server: Any, raw: Any, eventually: Any) -> None:
    client = await raw.connect(server.port)
    client.send(b"GET /_wait HTTP/1.1\r\nHost: a\r\n\r\n")
    await eventually(lambda: server.router.started == 1)
    client.leave()
    await eventually(lambda: server.connections == 0)
    assert not server.router.requests[0].connection.alive
    server.router.gate.set()
    await eventually(lambda: server.router.finished == 1)
