"""Streams over HTTP: one item, one chunk, at the client's pace, and ends that clients notice (router-protocol 1.9)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import orjson
import pytest

from device_manager.errors import api_error

GET = b"GET /_stream HTTP/1.1\r\nHost: a\r\n\r\n"
NOW = b"GET /_now HTTP/1.1\r\nHost: a\r\n\r\n"


class Rows:
    """Produces rows and remembers how far it came and how it ended."""

    def __init__(self, count: int, row: bytes = b"row\n", *, pause_after: int | None = None) -> None:
        self.count = count
        self.row = row
        self.pause_after = pause_after
        self.go_on = asyncio.Event()
        self.produced = 0
        self.ended = ""

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self.count):
                if number == self.pause_after:
                    await self.go_on.wait()
                self.produced += 1
                yield self.row
            self.ended = "done"
        finally:
            self.ended = self.ended or "closed"


async def failing_late() -> AsyncIterator[bytes]:
    yield b"good row\n"
    raise RuntimeError("the source broke")


async def failing_early() -> AsyncIterator[bytes]:
    if asyncio.get_running_loop().is_running():
        raise RuntimeError("the source broke")
    yield b""


async def refusing() -> AsyncIterator[bytes]:
    if asyncio.get_running_loop().is_running():
        raise api_error("services.storage.unknown_collection", "e", "c")
    yield b""


async def texts() -> AsyncIterator[Any]:
    yield "text"


def of(*items: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def produce() -> AsyncIterator[bytes]:
        for item in items:
            yield item

    return produce


async def test_each_item_is_one_chunk_and_the_connection_goes_on(server: Any, raw: Any) -> None:
    rows = server.router.produce = Rows(1000)
    server.router.answer_with = {"headers": {"Content-Type": "text/csv", "content-disposition": "attachment"}}
    client = await raw.connect(server.port)
    client.send(GET + NOW)
    status, headers, _ = await client.response()
    assert (status, headers["transfer-encoding"], headers["content-type"]) == (200, "chunked", "text/csv")
    assert headers["content-disposition"] == "attachment"
    assert "content-length" not in headers
    assert await client.chunks() == [b"row\n"] * 1000
    assert rows.ended == "done"
    assert (await client.response())[0] == 200


async def test_empty_items_do_not_end_the_body(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    for items in ((b"", b"a", b"", b"b"), (b"a", b""), (b"",), ()):
        server.router.produce = of(*items)
        client.send(GET)
        await client.response()
        assert await client.chunks() == [item for item in items if item]


async def test_streams_are_never_compressed(server: Any) -> None:
    server.router.produce = Rows(1, b"x" * 100_000)
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.get("/_stream", headers={"Accept-Encoding": "gzip"})
    assert (response.headers.get("content-encoding"), len(response.content)) == (None, 100_000)
    assert response.headers["content-type"] == "application/octet-stream"


async def test_known_size(server: Any, raw: Any) -> None:
    server.router.produce = of(b"abc", b"de")
    server.router.answer_with = {"total_bytes": 5}
    client = await raw.connect(server.port)
    client.send(GET + NOW)
    _, headers, body = await client.response()
    assert (headers["content-length"], body) == ("5", b"abcde")
    assert "transfer-encoding" not in headers
    assert (await client.response())[0] == 200


@pytest.mark.parametrize("items", [(b"abc",), (b"abc", b"def")], ids=["too little", "too much"])
async def test_a_size_that_is_not_kept_breaks_the_connection(server: Any, raw: Any, items: tuple[bytes, ...]) -> None:
    server.router.produce = of(*items)
    server.router.answer_with = {"total_bytes": 5}
    client = await raw.connect(server.port)
    client.send(GET + NOW)
    await client.head()
    assert await client.closed() == b"abc"


async def test_http_1_0_gets_the_plain_body_and_the_end_of_the_connection(server: Any, raw: Any) -> None:
    server.router.produce = Rows(3)
    client = await raw.connect(server.port)
    client.send(b"GET /_stream HTTP/1.0\r\n\r\n")
    head = (await client.head()).lower()
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert await client.closed() == b"row\n" * 3


async def test_head_gets_no_body_and_nothing_is_produced(server: Any, raw: Any) -> None:
    rows = server.router.produce = Rows(3)
    client = await raw.connect(server.port)
    client.send(GET.replace(b"GET", b"HEAD") + NOW)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert (await client.response())[0] == 200
    assert rows.produced == 0


async def test_connection_close_is_honoured(server: Any, raw: Any) -> None:
    server.router.produce = Rows(3)
    client = await raw.connect(server.port)
    client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    _, headers, _ = await client.response()
    assert headers["connection"] == "close"
    assert await client.chunks() == [b"row\n"] * 3
    assert await client.closed() == b""


async def test_a_slow_reader_stops_the_producer(server: Any, raw: Any, eventually: Any) -> None:
    rows = server.router.produce = Rows(100_000, b"x" * 10_000)
    client = await raw.connect(server.port, receive_buffer=4096)
    client.send(GET)
    await client.head()
    seen = -1

    def stopped() -> bool:
        nonlocal seen
        before, seen = seen, rows.produced
        return before == seen

    await eventually(stopped)
    assert rows.produced < 1000
    client.leave()
    await eventually(lambda: bool(rows.ended))
    assert rows.ended == "closed"


async def test_a_slow_reader_gets_everything(server: Any, raw: Any) -> None:
    server.router.produce = Rows(300, b"x" * 10_000)
    client = await raw.connect(server.port, receive_buffer=4096)
    client.send(GET)
    await client.response()
    assert sum(map(len, await client.chunks())) == 3_000_000


async def test_a_reader_that_stalls_is_cut(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(stalled_reader_timeout=1.0)
    rows = server.router.produce = Rows(100_000, b"x" * 10_000)
    client = await raw.connect(server.port, receive_buffer=4096)
    client.send(GET)
    await eventually(lambda: rows.ended == "closed")
    assert server.connections == 0


async def test_a_client_that_leaves_ends_a_waiting_producer(server: Any, raw: Any, eventually: Any) -> None:
    rows = server.router.produce = Rows(5, pause_after=2)
    client = await raw.connect(server.port)
    client.send(GET)
    await eventually(lambda: rows.produced == 2)
    client.leave()
    await eventually(lambda: rows.ended == "closed")
    assert (rows.produced, server.connections) == (2, 0)


async def test_a_client_that_leaves_before_the_first_row(server: Any, raw: Any, eventually: Any) -> None:
    rows = server.router.produce = Rows(5, pause_after=0)
    client = await raw.connect(server.port)
    client.send(GET)
    await eventually(lambda: len(server.router.requests) == 1)
    client.leave()
    await eventually(lambda: rows.ended == "closed")
    assert rows.produced == 0


async def test_ready_rows_do_not_keep_other_connections_waiting(server: Any, raw: Any) -> None:
    rows = server.router.produce = Rows(10**9)
    greedy, other = await raw.connect(server.port), await raw.connect(server.port)

    async def read() -> None:
        while await greedy.reader.read(1 << 20):
            pass

    reading = asyncio.create_task(read())
    greedy.send(GET)
    for _ in range(20):
        other.send(NOW)
        async with asyncio.timeout(2):
            assert (await other.response())[0] == 200
    assert 0 < rows.produced < 10**9
    reading.cancel()


async def test_an_error_before_the_first_item_is_an_answer(server: Any, raw: Any) -> None:
    client = await raw.connect(server.port)
    server.router.produce = failing_early
    client.send(GET)
    status, _, body = await client.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (500, "network.http.stream_errored")
    assert b"the source broke" not in body
    server.router.produce = refusing
    client.send(GET)
    status, _, body = await client.response()
    assert (status, orjson.loads(body)["error"]["id"]) == (412, "services.storage.unknown_collection")
    server.router.produce = texts
    client.send(GET + NOW)
    assert (await client.response())[0] == 500
    assert (await client.response())[0] == 200


async def test_a_later_error_breaks_the_connection(server: Any, raw: Any, caplog: Any) -> None:
    server.router.produce = failing_late
    client = await raw.connect(server.port)
    client.send(GET + NOW)
    await client.response()
    with pytest.raises(asyncio.IncompleteReadError):
        await client.chunks()
    assert "The stream of test:stream failed: the source broke" in caplog.text
    async with httpx.AsyncClient(base_url=server.url) as checked:
        with pytest.raises(httpx.RemoteProtocolError):
            await checked.get("/_stream")


async def test_a_later_error_is_a_reset_for_http_1_0(server: Any, raw: Any) -> None:
    server.router.produce = failing_late
    client = await raw.connect(server.port)
    client.send(b"GET /_stream HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(10):
            while await client.reader.read(1 << 16):
                pass


async def test_curl_notices_a_broken_stream(server: Any) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    partial_transfer = 18
    for produce, status in ((of(b"a", b"b"), 0), (failing_late, partial_transfer)):
        server.router.produce = produce
        process = await asyncio.create_subprocess_exec(
            curl, "-sN", f"{server.url}/_stream", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == status
        assert output == (b"ab" if status == 0 else b"good row\n")


NODE = """
require('http').get(process.argv[1], answer => {
  let events = 0
  answer.on('data', () => events++)
  answer.on('end', () => console.log(events))
})
"""


async def test_node_sees_one_data_event_for_each_row(server: Any) -> None:
    node = shutil.which("node")
    assert node is not None
    server.router.produce = Rows(5001, b"a;b;c\n")
    process = await asyncio.create_subprocess_exec(
        node, "-e", NODE, f"{server.url}/_stream", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output == b"5001\n"


async def test_a_stopping_server_lets_streams_finish(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(shutdown_timeout=10.0)
    rows = server.router.produce = Rows(4, pause_after=2)
    client, idle = await raw.connect(server.port), await raw.connect(server.port)
    client.send(GET)
    await client.response()
    stopping = asyncio.create_task(server.gateway.stop())
    assert await idle.closed() == b""
    rows.go_on.set()
    assert await client.chunks() == [b"row\n"] * 4
    assert await client.closed() == b""
    await stopping


async def test_a_stopping_server_cuts_endless_streams(start: Any, raw: Any) -> None:
    server = await start(shutdown_timeout=0.3)
    rows = server.router.produce = Rows(4, pause_after=2)
    client = await raw.connect(server.port)
    client.send(GET)
    await client.response()
    async with asyncio.timeout(5):
        await server.gateway.stop()
    with pytest.raises(asyncio.IncompleteReadError):
        await client.chunks()
    assert rows.ended == "closed"
