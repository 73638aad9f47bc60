"""Small messages that would cost much are refused or cost little; bystanders do not notice."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import zlib
from typing import Any

import pytest

STATIONS = {"index": "ours", "collection": "stations"}
SOON = 20.0
"""Seconds within which any of these is answered."""


def nested(depth: int, leaf: Any, *names: str) -> Any:
    """`leaf` inside `depth` objects whose only members are called by `names` in turn."""
    for _, name in zip(range(depth), itertools.cycle(names), strict=False):
        leaf = {name: leaf}
    return leaf


def test_compression_bombs(fortress: Any) -> None:
    """40 MB of spaces, in one layer and in three; the body that comes out is past the limit."""
    packed = gzip.compress(b'{"controller":"server","action":"now","x":"' + b" " * (40 << 20) + b'"}')
    for layers in (1, 2, 3, 4):
        body = packed
        for _ in range(layers - 1):
            body = gzip.compress(body)
        headers = {"content-type": "application/json", "content-encoding": ", ".join(["gzip"] * layers)}
        response = fortress.http.post("/_query", content=body, headers=headers)
        assert response.status_code in (400, 413), response.text
        headers["content-encoding"] = "deflate"
    response = fortress.http.post("/_query", content=zlib.compress(b" " * (40 << 20)), headers=headers)
    assert response.status_code == 413


def test_header_floods(fortress: Any) -> None:
    for head in (
        b"".join(b"X-%d: 1\r\n" % number for number in range(20_000)),
        b"X: " + b"a" * (4 << 20) + b"\r\n",
        b"Cookie: " + b"authToken=x; " * 20_000 + b"\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ):
        with socket.create_connection(("127.0.0.1", fortress.server.port), timeout=SOON) as connection:
            try:
                connection.sendall(b"POST /_query HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
                answer = connection.recv(65_536)
            except (ConnectionError, BrokenPipeError):
                continue
            assert not answer or answer.split(b" ")[1] in (b"400", b"431"), answer[:200]


SEARCHES: dict[str, dict[str, Any]] = {
    "deep bool": {"query": nested(180, {"term": {"name": "x"}}, "must", "bool")},
    "deep not": {"query": nested(190, {"term": {"name": "x"}}, "must_not", "bool")},
    "wide bool": {"query": {"bool": {"should": [{"term": {"name": f"v{n}"}} for n in range(50_000)]}}},
    "wide bool of prefixes": {"query": {"bool": {"should": [{"prefix": {"name": f"v{n}"}} for n in range(3000)]}}},
    "many terms": {"query": {"terms": {"name": [f"v{n}" for n in range(200_000)]}}},
    "many ids": {"query": {"ids": {"values": [f"v{n}" for n in range(200_000)]}}},
    "stars": {"query": {"wildcard": {"name": {"value": "*a" * 2000 + "b"}}}},
    "a catastrophic expression": {"query": {"regexp": {"name": {"value": "(a+)+(b+)+(a*)*" * 20 + "$"}}}},
    "a wide expression": {"query": {"regexp": {"name": {"value": "[a-z]{1,999}" * 20}}}},
    "words without end": {"query": {"match": {"text": "word " * 50_000}}},
    "a query of text": {"query": {"query_string": {"query": "name:" + "(" * 5000}}},
    "another one": {"query": {"query_string": {"query": "*:* AND " * 3000 + "*:*"}}},
    "a simple one": {"query": {"simple_query_string": {"query": "+(" * 5000, "fields": ["name"]}}},
    "deep aggregations": {"aggs": nested(60, {"terms": {"field": "name"}}, "a", "aggs")},
    "aggregations in each other": {
        "aggs": {"a": {"terms": {"field": "name", "size": 10_000}, "aggs": {"b": {"terms": {"field": "n"}}}}}
    },
    "many aggregations": {"aggs": {f"a{n}": {"terms": {"field": "name"}} for n in range(5000)}},
    "buckets without end": {"aggs": {"a": {"histogram": {"field": "n", "interval": 1e-9}}}},
    "an interval of nothing": {"aggs": {"a": {"histogram": {"field": "n", "interval": 0}}}},
    "more buckets": {"aggs": {"a": {"terms": {"field": "name", "size": 2**31 - 1}}}},
    "many hits of a bucket": {"aggs": {"a": {"top_hits": {"size": 1_000_000}}}},
    "many sorts": {"sort": [{"n": "asc"}] * 5000},
    "a far page": {"from": 2**31 - 1, "size": 10},
    "a huge page": {"size": 2**31 - 1},
    "negative pages": {"from": -5, "size": -5},
    "a script": {"query": {"script": {"script": {"source": "while(true){}"}}}},
    "a script for scores": {
        "query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "while(true){}"}}}
    },
    "a script as a field": {"script_fields": {"a": {"script": {"source": "while(true){}"}}}},
    "a runtime field": {"runtime_mappings": {"a": {"type": "long", "script": "emit(1)"}}},
    "a script in an aggregation": {"aggs": {"a": {"terms": {"script": {"source": "1"}}}}},
    "a highlight of everything": {"highlight": {"fields": {"*": {}}, "fragment_size": 10**9}},
    "paths without end": {"query": {"exists": {"field": "a." * 20_000 + "a"}}},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches(fortress: Any, name: str) -> None:
    start = time.monotonic()
    for action in ("search", "count"):
        answer = fortress.ask(
            "tenant", {"controller": "document", "action": action, **STATIONS, "body": SEARCHES[name]}
        )
        assert answer["status"] in (200, 400, 413), answer["error"]
        assert "nobodyelse" not in str(answer)
    assert time.monotonic() - start < SOON


def pairs(count: int) -> list[dict[str, Any]]:
    return [
        {"and": [{"equals": {f"a{n}": 1}}, {"or": [{"equals": {f"b{n}": 1}}, {"equals": {f"c{n}": 1}}]}]}
        for n in range(count)
    ]


EQUALS = {"equals": {"name": "x"}}
FILTERS: dict[str, Any] = {
    "two to the eighth": {"or": pairs(8)},
    "two to the fortieth": {"or": pairs(40)},
    "three to the thirtieth": {
        "and": [{"or": [{"equals": {f"f{n}": value}} for value in range(3)]} for n in range(30)]
    },
    "negated": {"not": {"or": [{"and": [{"equals": {f"f{n}": 1}}, {"exists": f"g{n}"}]} for n in range(30)]}},
    "should not": {"bool": {"should_not": pairs(20), "must": pairs(10)}},
    "deep and": nested(90, EQUALS, "not"),
    "deeper": nested(190, EQUALS, "not"),
    "deep lists": {"and": [nested(60, {"or": [EQUALS, {"exists": "a"}]}, "not")] * 50},
    "wide or": {"or": [{"equals": {"name": f"v{n}"}} for n in range(20_000)]},
    "wide in": {"in": {"name": [f"v{n}" for n in range(100_000)]}},
    "many ids": {"ids": {"values": [f"v{n}" for n in range(100_000)]}},
    "catastrophic": {"regexp": {"name": "^(a+)+$"}},
    "more so": {"regexp": {"name": "(.*a){25}"}},
    "a wide expression": {"regexp": {"name": "(((a{1,100}){1,100}){1,100}){1,100}"}},
    "a long expression": {"regexp": {"name": "a?" * 30_000 + "a" * 30_000}},
    "a polygon of many corners": {"geoPolygon": {"place": {"points": [[n % 90, n % 180] for n in range(50_000)]}}},
    "a deep match": {"match": nested(150, 1, "a")},
    "a wide match": {"match": {"a": list(range(50_000))}},
    "deep select": nested(40, EQUALS, "query"),
    "a long path": {"exists": "a." * 50_000 + "a"},
    "a list": [EQUALS],
    "a text": "x",
    "a prototype": {"__proto__": {"equals": {"a": 1}}},
}
VICTIM = {"name": "a" * 40_000 + "!", "tags": [1] * 2000, "a": list(range(2000))}


@pytest.mark.parametrize("name", FILTERS)
async def test_filters(fortress: Any, name: str) -> None:
    """A filter is subscribed to, or refused; documents that it is held against do not hold anybody up."""
    token = fortress.tokens["tenant"]
    realtime = {"controller": "realtime", **STATIONS, "jwt": token}
    start = time.monotonic()
    async with fortress.line() as line:
        answer = await line.ask(realtime | {"action": "subscribe", "body": FILTERS[name]})
        assert answer["status"] in (200, 400, 413), answer["error"]
        for _ in range(3):
            said = await line.ask(realtime | {"action": "publish", "body": VICTIM})
            assert said["error"] is None
        search = {"controller": "document", "action": "search", "lang": "koncorde", "body": {"query": FILTERS[name]}}
        answer = await line.ask(realtime | search)
        assert answer["status"] in (200, 400, 413), answer["error"]
    assert time.monotonic() - start < SOON


async def test_documents_that_are_large(fortress: Any) -> None:
    """Deep, wide and long documents are stored or refused."""
    token = fortress.tokens["tenant"]
    bodies = {
        "deep": nested(150, 1, "a"),
        "wide": {f"k{n}": n for n in range(20_000)},
        "long": {"free": "x" * (8 << 20)},
        "keyword": {"name": "x" * 40_000},
        "list": {"n": list(range(100_000))},
        "lists of lists": {"n": [[[[n]]] for n in range(1000)]},
    }
    create = {"controller": "document", "action": "create", **STATIONS, "jwt": token}
    async with fortress.line() as line:
        for name, body in bodies.items():
            answer = await line.ask(create | {"body": body})
            assert answer["status"] in (200, 400, 413), (name, answer["error"])
        documents = [{"body": {"n": n}} for n in range(100_000)]
        answer = await line.ask(create | {"action": "mCreate", "body": {"documents": documents}})
        assert answer["error"]["id"] == "services.storage.write_limit_exceeded"
