"""The reference of ingestion: an application that makes the same documents of a payload and hands them to a store.

It knows nothing but what one payload of each device became (`TEMPLATES`): no rights, no checks, no reads, no links.
Requests that arrive while a write is under way share the next one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import orjson
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk

TEMPLATES = "BARE_INGESTION_TEMPLATES"
STORE = "BARE_INGESTION_STORE"
"""Variables of the environment: a file, see `benchmarks.ingestion`; and `sqlite:FILE` or `elasticsearch:URL`."""
ANSWER = b'{"status":200,"error":null,"result":{"valid":true}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
BULK_DOCUMENTS = 1000


class Written(NamedTuple):
    """One document: its table or index, the version if it is the newest of a slot, and the terms that find it."""

    place: Any
    id: str
    source: dict[str, Any]
    version: int | None
    terms: list[tuple[int, Any]]


Write = Callable[[Sequence[Written]], Awaitable[None]]


def documents(template: dict[str, Any], payload: dict[str, Any]) -> list[Written]:
    """Everything that a payload becomes: the archive, a measure for each slot, and the records of newest measures."""
    at, uuid = payload["measuredAt"], payload["uuid"]
    info = {"author": None, "createdAt": time.time_ns() // 1_000_000, "updatedAt": None, "updater": None}
    archive = template["archive"]
    source = archive["source"] | {"uuid": uuid, "payload": payload, "_kuzzle_info": info}
    varying = {"$at": at, "$uuid": uuid, "$created": info["createdAt"]}
    written = [Written(archive["place"], uuid, source, None, _terms(archive, varying))]
    for slot, value in payload["measures"].items():
        values = {slot: value}
        digest = hashlib.sha256(orjson.dumps([uuid, slot, at, values])).digest()
        id = base64.urlsafe_b64encode(digest[:15]).decode()
        measure = template["measures"][slot]
        source = measure["source"]
        source = source | {
            "measuredAt": at,
            "values": values,
            "origin": source["origin"] | {"payloadUuids": [uuid]},
            "_kuzzle_info": info,
        }
        written.append(Written(measure["place"], id, source, None, _terms(measure, varying | {"$value": value})))
        changed = {"measureId": id, "measuredAt": at, "payloadUuids": [uuid], "values": values}
        version = at << 20 | int.from_bytes(digest[:3]) >> 4
        for record in template["records"][slot]:
            written.append(Written(record["place"], record["id"], record["source"] | changed, version, []))
    return written


def _terms(template: dict[str, Any], varying: dict[str, Any]) -> list[tuple[int, Any]]:
    return [(f, varying.get(v, v)) for f, v in template["terms"]]


class Grouped:
    """Writes what has come in since the last write, all together."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[tuple[list[Written], asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, written: list[Written]) -> None:
        """Return once `written` is stored."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((written, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await self._write([written for documents, _ in group for written in documents])
            for _, future in group:
                future.set_result(None)
        self._running = None


def write_sqlite(file: Path) -> Write:
    """Into the tables of our store, by a thread of its own."""
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    rid = connection.execute("SELECT coalesce(max(rid), 0) FROM doc").get
    insert = "INSERT INTO doc (rid, cid, id, version, seq, revision, source) VALUES (?, ?, ?, ?, 1, 1, jsonb(?))"
    replace = "UPDATE doc SET version = ?, source = jsonb(?) WHERE cid = ? AND id = ? AND version <= ?"

    def commit(group: list[tuple[Written, bytes]]) -> None:
        nonlocal rid
        rows, terms, updates = [], [], []
        for written, source in group:
            if written.version is None:
                rid += 1
                rows.append((rid, written.place, written.id, 1, source))
                terms += [(f, v, rid) for f, v in written.terms]
            else:
                updates.append((written.version, source, written.place, written.id, written.version))
        with connection:
            connection.executemany(insert, rows)
            connection.executemany("INSERT INTO term (f, v, rid) VALUES (?, ?, ?)", terms)
            connection.executemany(replace, updates)

    async def write(group: Sequence[Written]) -> None:
        encoded = [(written, orjson.dumps(written.source)) for written in group]
        await asyncio.to_thread(commit, encoded)

    return write


def write_elasticsearch(url: str) -> Write:
    """Into the indices of the templates, by the client's own `async_bulk`."""
    client = AsyncElasticsearch(url)

    async def write(group: Sequence[Written]) -> None:
        actions = [_action(written) for written in group]
        await async_bulk(client, actions, chunk_size=BULK_DOCUMENTS, raise_on_error=False)  # older than the newest

    return write


def _action(written: Written) -> dict[str, Any]:
    action = {"_op_type": "index", "_index": written.place, "_id": written.id, "_source": written.source}
    if written.version is not None:
        action |= {"version": written.version, "version_type": "external_gte"}
    return action


class Application:
    """The ASGI application."""

    def __init__(self) -> None:
        self._templates: dict[str, Any] = orjson.loads(Path(os.environ[TEMPLATES]).read_bytes())
        kind, _, place = os.environ[STORE].partition(":")
        self._grouped = Grouped(write_sqlite(Path(place)) if kind == "sqlite" else write_elasticsearch(place))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Store the payload of each POST."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["method"] == "POST":
            payload = orjson.loads(await _body(receive))
            await self._grouped.add(documents(self._templates[payload["reference"]], payload))
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message["body"])
        if not message.get("more_body"):
            return body


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return


def application() -> Application:
    """The factory that uvicorn calls."""
    return Application()
