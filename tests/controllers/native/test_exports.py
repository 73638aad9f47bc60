"""Documents as files (router-protocol 5.6, `export`)."""

from __future__ import annotations

import csv
import inspect
import io
import json
from typing import Any

import orjson
import pytest

from device_manager.router.envelope import encode
from device_manager.router.parse import parse
from device_manager.router.request import Connection
from device_manager.router.response import Response

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def answer(stations: Any, body: Any = None, **args: Any) -> Response:
    """The answer to an export over HTTP."""
    message = {"controller": "document", "action": "export", "index": stations.index, "collection": stations.collection}
    request = parse(message | args | {"body": body}, Connection("test", "http"))
    outcome = stations.platform.router.handle(request)
    response: Response = await outcome if inspect.isawaitable(outcome) else outcome
    store = stations.platform.settings.store.partition(":")[0]
    stations.platform.note(store, orjson.loads(encode(response, room=False)))
    return response


async def chunks(stations: Any, body: Any = None, **args: Any) -> list[bytes]:
    """The chunks of a file."""
    response = await answer(stations, body, **args)
    assert response.error is None, response.error
    assert response.stream is not None
    return [chunk async for chunk in response.stream]


async def test_json_lines(stations: Any) -> None:
    head = {"collection": "stations", "index": stations.index, "type": "collection"}
    assert [orjson.loads(chunk) for chunk in await chunks(stations)] == [head]
    await stations.add("a", "b", "c", height=3, place={"city": "Here", "street": "First"})
    response = await answer(stations)
    assert response.headers == {
        "content-type": "application/x-ndjson",
        "content-disposition": f'attachment; filename="{stations.index}-stations.jsonl"',
    }
    lines = [orjson.loads(chunk) for chunk in await chunks(stations, {"sort": [{"name": "desc"}]})]
    assert (lines[0], [line["_id"] for line in lines[1:]]) == (head, ["c", "b", "a"])
    assert lines[1]["body"].keys() == {"name", "height", "place", "_kuzzle_info"}
    chosen = await chunks(stations, {"query": {"term": {"name": "b"}}, "fields": ["place.city"]})
    assert [orjson.loads(chunk) for chunk in chosen[1:]] == [{"_id": "b", "body": {"place": {"city": "Here"}}}]
    koncorde = await chunks(stations, {"query": {"equals": {"name": "b"}}}, lang="koncorde", size=1, scroll="5s")
    assert len(koncorde) == 2


async def test_comma_separated_values_are_quoted_and_harmless(stations: Any) -> None:
    names = ["plain", 'with, comma and "quotes"', "two\nlines", "=1+1", "+1", "-1", "@sum", "\ttab", "semi;colon"]
    documents = [
        {"_id": f"d{n}", "body": {"name": name, "height": -n, "tags": ["x", "y"]}} for n, name in enumerate(names)
    ]
    await stations.do("mCreate", body={"documents": documents}, strict=True, refresh="wait_for")
    wanted = {
        "fields": ["name", "height", "tags", "place.city"],
        "fieldsName": {"name": "=Station", "place.city": "City"},
    }
    for separator in (",", ";", "\t"):
        lines = await chunks(stations, wanted | {"sort": "name"}, format="csv", separator=separator)
        assert len(lines) == len(names) + 1
        head, *rows = csv.reader(io.StringIO(b"".join(lines).decode(), newline=""), delimiter=separator)
        assert head == ["_id", "'=Station", "height", "tags", "City"]
        shown = {row[0]: row[1:] for row in rows}
        for number, name in enumerate(names):
            harmless = f"'{name}" if name[0] in "=+-@\t" else name
            assert shown[f"d{number}"] == [harmless, str(-number), '["x","y"]', ""]
    everything = await chunks(stations, format="csv")
    assert everything[0] == b"_id,height,name,place.city,place.street,tags\n"
    arguments = {name: json.dumps(value) if name != "fields" else ",".join(value) for name, value in wanted.items()}
    assert (await chunks(stations, format="csv", **arguments))[0] == b"_id,'=Station,height,tags,City\n"
    assert await chunks(stations, {"query": {"ids": {"values": []}}, "fields": ["name"]}, format="csv") == [
        b"_id,name\n"
    ]


async def test_what_is_no_export(stations: Any) -> None:
    for body, args, id in (
        (None, {"format": "xml"}, "api.assert.invalid_argument"),
        (None, {"separator": ",,"}, "api.assert.invalid_argument"),
        (None, {"separator": '"'}, "api.assert.invalid_argument"),
        (None, {"collection": "nowhere"}, "services.storage.unknown_collection"),
        (None, {"index": "nowhere"}, "services.storage.unknown_index"),
        (None, {"collapse": "{}"}, "services.storage.invalid_search_query"),
        ({"collapse": {"field": "name"}}, {}, "services.storage.invalid_search_query"),
        ({"query": {"unheard": {}}}, {}, None),
        ({"fields": 3}, {}, "api.assert.invalid_type"),
        ([], {}, "api.assert.invalid_type"),
    ):
        error = (await answer(stations, body, **args)).error
        assert error is not None
        assert error.status in (400, 412)
        assert id is None or error.id == id, error
    error = await stations.refused("export")
    assert (error["id"], error["props"]) == ("api.assert.unsupported_protocol", ["websocket", "document:export"])
