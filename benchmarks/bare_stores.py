"""The references of the link measurements: the documents that our server wrote, written again without it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import orjson

from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.sqlite.layout import DATABASE, TABLES

COLLECTIONS = ("devices", "assets", "assets-history")
"""What a link writes to."""
COMMIT_DOCUMENTS = 3000
"""Documents that go into one commit or one bulk, as many as one chunk of `mLinkAssets` writes."""
PAGE = 5000

_DOCUMENTS = """
    SELECT rid, doc.cid, id, version, seq, doc.revision, json(source) FROM doc JOIN collection USING (cid)
    WHERE "index" = ? AND name IN (SELECT value FROM json_each(?)) AND NOT dropped
"""
_INSERT_DOCUMENT = "INSERT INTO doc (rid, cid, id, version, seq, revision, source) VALUES (?, ?, ?, ?, ?, ?, jsonb(?))"
_INSERT_TERM = "INSERT INTO term (f, v, rid) VALUES (?, ?, ?)"


def write_bare_sqlite(store: Path, engine: str) -> float:
    """Seconds to `executemany` an engine's devices, assets and history into empty tables of the same kind."""
    source = apsw.Connection(str(store / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    rows = source.execute(_DOCUMENTS, (engine, orjson.dumps(COLLECTIONS).decode())).fetchall()
    terms: dict[Any, list[tuple[Any, ...]]] = {row[0]: [] for row in rows}
    for term in source.execute("SELECT f, v, rid FROM term"):
        if term[2] in terms:
            terms[term[2]].append(term)
    source.close()
    with tempfile.TemporaryDirectory() as folder:
        target = apsw.Connection(str(Path(folder) / DATABASE))
        target.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        target.execute(TABLES)
        begin = time.perf_counter()
        for part in _parts(rows):
            with target:
                target.executemany(_INSERT_DOCUMENT, part)
                target.executemany(_INSERT_TERM, [term for row in part for term in terms[row[0]]])
        seconds = time.perf_counter() - begin
        target.close()
    return seconds


def write_bare_elasticsearch(url: str, engine: str) -> float:
    """Seconds to send an engine's documents to empty indices of the same mapping, one plain bulk after another."""
    with httpx.Client(base_url=url, timeout=60) as client:
        lines, bares = [], []
        for collection in COLLECTIONS:
            bare = make_bare_index(client, alias_name(engine, collection))
            bares.append(bare)
            for hit in all_documents(client, escaped(alias_name(engine, collection))):
                action = orjson.dumps({"index": {"_index": bare, "_id": hit["_id"]}})
                lines.append(action + b"\n" + orjson.dumps(hit["_source"]) + b"\n")
        seconds = 0.0
        headers = {"content-type": "application/x-ndjson"}
        for part in _parts(lines):
            begin = time.perf_counter()
            answer = client.post("/_bulk", content=b"".join(part), headers=headers).raise_for_status()
            seconds += time.perf_counter() - begin
            if orjson.loads(answer.content)["errors"]:
                raise RuntimeError("the bare bulk was refused in part")
        for bare in bares:
            client.delete(f"/{bare}").raise_for_status()
    return seconds


def make_bare_index(client: httpx.Client, alias: str) -> str:
    """Make an empty index with the mapping of the one behind `alias`; return its name."""
    mapping = next(iter(client.get(f"/{escaped(alias)}/_mapping").raise_for_status().json().values()))["mappings"]
    bare = "bare-" + alias.lstrip("@&%")
    client.put(f"/{bare}", json={"mappings": mapping, "settings": {"number_of_replicas": 0}}).raise_for_status()
    return bare


def all_documents(client: httpx.Client, alias: str) -> Iterator[dict[str, Any]]:
    """The hits of every document behind an escaped alias."""
    client.post(f"/{alias}/_refresh").raise_for_status()
    after: list[Any] | None = None
    while True:
        body: dict[str, Any] = {"size": PAGE, "sort": ["_doc"], "query": {"match_all": {}}}
        body |= {"search_after": after} if after else {}
        hits = client.post(f"/{alias}/_search", json=body).raise_for_status().json()["hits"]["hits"]
        if not hits:
            return
        yield from hits
        after = hits[-1]["sort"]


def _parts(items: list[Any]) -> Iterable[list[Any]]:
    return (items[start : start + COMMIT_DOCUMENTS] for start in range(0, len(items), COMMIT_DOCUMENTS))


def escaped(alias: str) -> str:
    """An alias as it stands in a path."""
    return alias.replace("%", "%25").replace("&", "%26")
