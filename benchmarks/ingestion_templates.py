"""What one payload of each device became, read from the store: from it the reference makes the documents of any other.

What differs from payload to payload stands in the terms as `$at`, `$uuid`, `$value` or `$created`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import httpx
import orjson

from benchmarks.bare_stores import all_documents, escaped, make_bare_index
from benchmarks.payloads import ENGINE
from device_manager.storage.contract import INTERNAL_INDEX
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.sqlite.layout import DATABASE, TABLES
from device_manager.twins.measures.last_measures import records_collection

PLATFORM = "device-manager"
MEASURES, PAYLOADS = (ENGINE, "measures"), (PLATFORM, "payloads")
RECORDS = (INTERNAL_INDEX, records_collection(ENGINE))

_DOCUMENTS = """
    SELECT rid, doc.cid, id, json(source) FROM doc JOIN collection USING (cid)
    WHERE "index" = ? AND name = ? AND NOT dropped
"""

Name = tuple[str, str]


class Stored(NamedTuple):
    """A document, where the reference is to write others like it, and by which terms it is found."""

    place: str | int
    id: str
    source: dict[str, Any]
    terms: list[tuple[int, Any]]

    def template(self) -> dict[str, Any]:
        """As the reference reads it."""
        return self._asdict()


def from_sqlite(folder: Path, bare: Path) -> dict[str, Any]:
    """Templates from the store in `folder`; the tables of the reference are made in the file `bare`."""
    source = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    target = apsw.Connection(str(bare))
    target.execute(TABLES)

    terms: dict[Any, list[tuple[int, Any]]] = {}
    for f, v, rid in source.execute("SELECT f, v, rid FROM term"):
        terms.setdefault(rid, []).append((int(f), v))

    def read(name: Name) -> Iterator[Stored]:
        for rid, cid, id, text in source.execute(_DOCUMENTS, name):
            if name == RECORDS:
                target.execute("INSERT INTO doc VALUES (?, ?, ?, 0, 1, 1, jsonb(?))", (rid, cid, id, text))
            yield Stored(cid, id, orjson.loads(text), terms.get(rid, []))

    with target:
        templates = _templates(read)
    source.close()
    target.close()
    return templates


def from_elasticsearch(url: str) -> dict[str, Any]:
    """Templates from the cluster, and indices of the same mappings and settings for the reference."""
    with httpx.Client(base_url=url, timeout=60) as client:

        def read(name: Name) -> Iterator[Stored]:
            alias = alias_name(*name)
            bare = make_bare_index(client, alias)
            for hit in all_documents(client, escaped(alias)):
                yield Stored(bare, hit["_id"], hit["_source"], [])

        return _templates(read)


def _templates(read: Callable[[Name], Iterable[Stored]]) -> dict[str, Any]:
    templates: dict[str, Any] = {}
    for archive in read(PAYLOADS):
        source = archive.source
        values = {"$uuid": source["uuid"], "$created": source["_kuzzle_info"]["createdAt"]}
        template = {"archive": _varying(archive, values), "measures": {}, "records": {}}
        templates[source["payload"]["reference"]] = template
    for measure in read(MEASURES):
        source = measure.source
        slot = source["origin"]["measureName"]
        values = {
            "$at": source["measuredAt"],
            "$uuid": source["origin"]["payloadUuids"][0],
            "$created": source["_kuzzle_info"]["createdAt"],
            "$value": source["values"][slot],
        }
        templates[source["origin"]["reference"]]["measures"][slot] = _varying(measure, values)
    for record in read(RECORDS):
        source = record.source
        if "measureId" not in source:
            continue
        slots = templates[source["id"].rpartition("-")[2]]["records"]
        slots.setdefault(source["slot"], []).append(_varying(record, {}))
    return templates


def _varying(stored: Stored, values: dict[str, Any]) -> dict[str, Any]:
    names = {value: name for name, value in values.items()}
    return stored._replace(terms=[(f, names.get(v, v)) for f, v in stored.terms]).template()
