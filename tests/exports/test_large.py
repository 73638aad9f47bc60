"""Exports that do not fit into memory: constant memory, an early first row, readers that leave, on both stores."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Put, PutKind
from device_manager.storage.opening import open_store

STORES = ("sqlite", "elasticsearch")
ENGINE = "silo"
ASSET = "Bin-1"
MOST = 250
"""Megabytes that a server may hold."""
FIRST_ROW = 1.0
"""Seconds until it has to begin to send."""
BATCH = 1000
VALUES = {"level": {"type": "float"}, "remark": {"type": "keyword"}}

Serve = Callable[..., ServerProcess]


def peak(pid: int) -> int:
    """The most memory that a process has held so far, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


def measure(number: int, remark: str) -> dict[str, Any]:
    """A measure as ingestion stores it, one a second, two of each moment."""
    return {
        "type": "level",
        "measuredAt": 1_700_000_000_000 + number // 2 * 1000,
        "values": {"level": number % 1000 / 8, "remark": remark},
        "asset": {
            "_id": ASSET,
            "model": "Bin",
            "reference": "1",
            "measureName": "level",
            "metadata": {"weight": number % 7},
            "groups": [],
        },
        "origin": {
            "type": "device",
            "_id": "Gauge-1",
            "deviceModel": "Gauge",
            "reference": "1",
            "measureName": "level",
            "payloadUuids": [f"0b5c1c52-6f2c-4f2c-9d1b-{number:012}"],
            "deviceMetadata": {},
            "groups": [],
        },
    }


async def fill(store_url: str, count: int, remark: str) -> None:
    """Put measures into the store, as fast as it takes them."""
    store = open_store(Settings(store=store_url, store_deadline=60))
    await store.start()
    batches = iter(range(0, count, BATCH))

    async def work() -> None:
        for start in batches:
            numbers = range(start, min(start + BATCH, count))
            puts = [Put(PutKind.INDEX, Key(ENGINE, "measures", f"m{n:07}"), measure(n, remark)) for n in numbers]
            await store.put(puts)

    await asyncio.gather(*(work() for _ in range(3)))
    await store.refresh(ENGINE, "measures")
    await store.close()


def prepare(server: ServerProcess) -> None:
    """Models, an engine, and an asset in it."""
    slot = [{"name": "level", "type": "level"}]
    weight = {"metadataMappings": {"weight": {"type": "integer"}}}
    for controller, action, args, body in (
        ("models", "writeMeasure", {}, {"type": "level", "valuesMappings": VALUES}),
        ("models", "writeAsset", {}, {"engineGroup": "commons", "model": "Bin", "measures": slot} | weight),
        ("engine", "create", {"index": ENGINE}, None),
        ("assets", "create", {"engineId": ENGINE}, {"model": "Bin", "reference": "1"}),
    ):
        message = {"controller": f"device-manager/{controller}", "action": action, "body": body, **args}
        answer = httpx.post(f"{server.url}/_query", json=message, timeout=60).json()
        assert answer["error"] is None, answer["error"]


@pytest.fixture
def serve_filled(start_server: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    """Starts a server on a store with many measures of one asset."""

    def serve(store: str, count: int, remark: str, **settings: Any) -> ServerProcess:
        if store == "sqlite":
            url = f"sqlite:{tmp_path / 'filled'}"
            server: ServerProcess = start_server(store=url, settings=settings)
        else:
            server = start_server(store=store, settings=settings)
            url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
        prepare(server)
        assert server.stop() == 0
        asyncio.run(fill(url, count, remark))
        server.start()
        return server

    return serve


def link_of(server: ServerProcess, **args: Any) -> str:
    """The link to a prepared export of the asset's measures."""
    path = f"/_/device-manager/{ENGINE}/assets/{ASSET}/measures/_export"
    answer = httpx.post(server.url + path, params=args, timeout=60).json()
    assert answer["error"] is None, answer["error"]
    return str(answer["result"]["link"])


@contextlib.contextmanager
def reading(server: ServerProcess, link: str, buffer: int | None = None) -> Iterator[Any]:
    """The bytes of a download behind its head."""
    with socket.socket() as connection:
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(f"GET {link} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        with connection.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            while stream.readline().strip():
                pass
            if status != 200:
                raise ConnectionError(status)
            yield stream


def chunks(stream: Any) -> Iterator[bytes]:
    """The chunks of a body. Raises EOFError when it breaks off."""
    while True:
        try:
            size = int(stream.readline(), 16)
        except (ValueError, ConnectionError):
            raise EOFError from None
        chunk = stream.read(size)
        stream.readline()
        if not size:
            return
        yield chunk


def check_whole(server: ServerProcess, count: int) -> tuple[float, float]:
    """Read an export of everything; seconds until the first row was there, and until the last one."""
    link = link_of(server)
    began = time.monotonic()
    with reading(server, link) as stream:
        rows = chunks(stream)
        assert next(rows).startswith(b"Measure Id,Measured At,")
        first_row = time.monotonic() - began
        order = []
        for number, row in enumerate(rows):
            id, at, _ = row.split(b",", 2)
            order.append((-int(at), id))
            if number % 2:
                assert order == sorted(order), "newest first, those of one moment by id"
                del order[:-1]
    assert number + 1 == count
    return first_row, time.monotonic() - began


@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", STORES)
def test_many_rows(serve_filled: Serve, store: str, request: pytest.FixtureRequest) -> None:
    server = serve_filled(store, 21_000, "r" * 500, streams_running=1)
    first_row, _ = check_whole(server, 21_000)
    assert first_row < FIRST_ROW
    with reading(server, link_of(server), buffer=4096) as stream:
        next(chunks(stream))
        answer = httpx.get(server.url + link_of(server), timeout=60)
        assert answer.status_code == 503, "there is one place for streams, and it is taken"
    link = link_of(server, format="parquet")
    deadline = time.monotonic() + 30
    while (answer := httpx.get(server.url + link, timeout=60)).status_code == 503:  # until it noticed that he left
        assert time.monotonic() < deadline
    assert answer.content.endswith(b"PAR1")
    assert peak(server.pid) < MOST
    if store == "sqlite":
        return
    with reading(server, link_of(server), buffer=4096) as stream:
        rows = chunks(stream)
        next(rows)
        delete_measures(request.getfixturevalue("elasticsearch_url"))
        with pytest.raises(EOFError):
            list(rows)
    assert httpx.get(f"{server.url}/_now").status_code == 200


def delete_measures(url: str) -> None:
    """Take the measures away behind the server's back, so that the rest of a download cannot be read."""
    indices = httpx.get(f"{url}/_cat/indices", params={"format": "json"}).json()
    [name] = [
        entry["index"]
        for entry in indices
        if ENGINE in entry["index"] and "measures" in entry["index"] and "last" not in entry["index"]
    ]
    httpx.delete(f"{url}/{name.replace('&', '%26')}").raise_for_status()


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("store", STORES)
def test_a_million_rows(serve_filled: Serve, store: str) -> None:
    server = serve_filled(store, 1_000_000, "")
    first_row, whole = check_whole(server, 1_000_000)
    print(f"{store}: first row after {first_row:.2f} s, a million after {whole:.0f} s, {peak(server.pid)} MB")
    assert first_row < FIRST_ROW
    assert peak(server.pid) < MOST
    link = link_of(server, format="parquet")
    with httpx.stream("GET", server.url + link, timeout=600) as answer:
        size = sum(map(len, answer.iter_bytes()))
    print(f"{store}: {size >> 20} MB of Parquet, {peak(server.pid)} MB")
    assert peak(server.pid) < MOST
