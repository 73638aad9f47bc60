"""Answers are bounded before the values are fetched, however often a request names them."""

from __future__ import annotations

import tracemalloc
from typing import Any

TOO_LARGE = (413, "services.cache.answer_too_large")
LARGE = 1 << 20


def together(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The body of `mexecute`."""
    return {"actions": [{"action": action, "args": args} for action, args in calls]}


async def fill(memory: Any) -> None:
    """Values of a megabyte."""
    text = "x" * LARGE
    await memory.storage.run("SET", "text", text)
    await memory.storage.run("HSET", "hash", "field", text)
    await memory.storage.run("SADD", "set", text, "small")
    await memory.storage.run("RPUSH", "list", *[text] * 20)
    await memory.storage.run("RPUSH", "same", *["t"] * 20)
    await memory.storage.run("SET", "xt", text)
    await memory.storage.run("HSET", "ht", "field", text)


async def test_answers_are_bounded(memory: Any) -> None:
    await fill(memory)
    requests: list[tuple[str, dict[str, Any]]] = [
        ("mget", {"keys": ["text"] * 1000}),
        ("hmget", {"_id": "hash", "fields": ["field"] * 1000}),
        ("srandmember", {"_id": "set", "count": -1000}),
        ("lrange", {"_id": "list", "start": 0, "stop": -1}),
        ("sort", {"_id": "list", "body": {"alpha": True}}),
        ("sort", {"_id": "same", "body": {"alpha": True, "get": ["x*"]}}),
        ("sort", {"_id": "same", "body": {"alpha": True, "get": ["h*->field"]}}),
        ("sort", {"_id": "same", "body": {"alpha": True, "get": ["x*"], "store": "stored"}}),
        ("mexecute", {"body": together(*[("get", {"_id": "text"})] * 100)}),
        ("mexecute", {"body": together(*[("hgetall", {"_id": "hash"})] * 100)}),
        ("mexecute", {"body": together(*[("lpop", {"_id": "list"})] * 20)}),
    ]
    tracemalloc.start()
    try:
        for action, message in requests:
            assert await memory.refused(action, **message) == TOO_LARGE, action
        assert tracemalloc.get_traced_memory()[1] < 16 * LARGE
    finally:
        tracemalloc.stop()
    # What fits is answered, of large values too, and nothing was done by what was refused.
    assert await memory.do("llen", _id="list") == 20
    assert await memory.do("exists", keys=["stored"]) == 0
    assert len(await memory.do("lrange", _id="list", start=0, stop=4)) == 5
    assert len(await memory.do("mget", keys=["text"] * 5)) == 5
    assert len(await memory.do("sort", _id="same", body={"alpha": True, "get": ["#"]})) == 20
    assert len(await memory.do("srandmember", _id="set", count=5)) == 2


async def test_what_is_written_together_with_what_reads_it_counts_too(memory: Any) -> None:
    text = "x" * LARGE
    write = ("set", {"_id": "new", "body": {"value": text}})
    reads = [("get", {"_id": "new"})] * 20
    assert await memory.refused("mexecute", body=together(write, *reads)) == TOO_LARGE
    assert await memory.do("exists", keys=["new"]) == 0
    assert len(await memory.do("mexecute", body=together(write, *reads[:3]))) == 4
    rename = ("rename", {"_id": "new", "body": {"newkey": "other"}})
    renamed = [("get", {"_id": "other"})] * 20
    assert await memory.refused("mexecute", body=together(rename, *renamed)) == TOO_LARGE
    many = [("set", {"_id": f"key{at}", "body": {"value": "x" * 10_000}}) for at in range(300)]
    found = [("get", {"_id": f"key{at}"}) for at in range(300)]
    assert len(await memory.do("mexecute", body=together(*many, *found))) == 600
