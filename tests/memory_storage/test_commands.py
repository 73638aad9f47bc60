"""Each command answers over a Redis and over the memory of the process what its declaration says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device_manager.controllers.memory_storage.commands import COMMANDS
from device_manager.router.action_text import read_action_text


def shape(value: Any) -> Any:
    """A reply without its content."""
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


async def test_every_example_answers_as_documented(memory: Any) -> None:
    table = memory.router.registry.table["ms"]
    wrong = []
    for command in COMMANDS:
        await memory.storage.run("FLUSHDB")
        for words in command.given:
            await memory.storage.run(*words.split(" "))
        text = read_action_text(table[command.name].method.__doc__)
        message = json.loads(text.request or "")
        envelope = await memory.ask(**message)
        reply = envelope["result"]
        expected: Any = shape(command.reply) if command.varies else command.reply
        if envelope["error"] is not None or (shape(reply) if command.varies else reply) != expected:
            wrong.append(f"{command.name}: {envelope['error'] or reply}")
    assert not wrong, "\n".join(wrong)


async def test_arguments_as_the_official_client_sends_them_over_http(memory: Any) -> None:
    """Lists are joined by commas, flags stand in the body."""
    await memory.do("mset", body={"entries": [{"key": "a", "value": 1}, {"key": "b", "value": 2.5}]})
    http = {"protocol": "http"}
    assert await memory.do("mget", keys="a,b", **http) == ["1", "2.5"]
    assert await memory.do("mget", keys='["a","b"]', **http) == ["1", "2.5"]
    assert await memory.do("mget", keys="a,b") == [None]
    elements = [{"score": 1, "member": "one"}, {"score": "2", "member": "two"}]
    await memory.do("zadd", _id="z", body={"elements": elements, "nx": True, "ch": False})
    ranges = {"_id": "z", "min": "-inf", "max": "+inf", "options": "withscores", "limit": "1,5"}
    assert await memory.do("zrangebyscore", **ranges, **http) == ["two", "2"]
    await memory.do("geoadd", _id="g", body={"points": [{"lon": 13.36, "lat": 38.11, "name": "here"}]})
    around = {"_id": "g", "lon": "13.36", "lat": "38.11", "distance": "5", "unit": "km"}
    found = await memory.do("georadius", **around, options="withcoord,withdist,count,1,asc", **http)
    assert found[0][0] == "here"
    assert len(found[0]) == 3
    assert await memory.do("exists", keys="a", **http) == 1
    assert await memory.do("scan", cursor="0", match="a", count="100", **http) == ["0", ["a"]]
    assert await memory.do("sort", _id="z", body={"alpha": True, "direction": "desc", "limit": [0, 1]}) == ["two"]
    assert await memory.do("sort", _id="z", body={"by": "nosort", "get": ["#", "x*"]}) is not None


async def test_what_is_missing_is_named(memory: Any) -> None:
    missing = (400, "api.assert.missing_argument")
    lacking: dict[str, dict[str, Any]] = {
        "get": {},
        "set": {"_id": "a", "body": {}},
        "getrange": {"_id": "a", "start": 0},
        "hget": {"_id": "a"},
        "mget": {},
        "zadd": {"_id": "a", "body": {"elements": [{"member": "x"}]}},
        "rpoplpush": {"body": {"source": "a"}},
    }
    for action, message in lacking.items():
        assert await memory.refused(action, **message) == missing, action
    assert await memory.refused("set", _id="a") == (400, "api.assert.body_required")
    wrong: dict[str, dict[str, Any]] = {
        "set": {"_id": "a", "body": {"value": {"an": "object"}}},
        "incrby": {"_id": "a", "body": {"value": True}},
        "lrange": {"_id": "a", "start": "x", "stop": 1},
    }
    for action, message in wrong.items():
        assert await memory.refused(action, **message) == (400, "api.assert.invalid_type"), action


async def test_what_the_storage_refuses_is_the_callers_fault(memory: Any) -> None:
    await memory.do("rpush", _id="queue", body={"values": ["a"]})
    error = (await memory.ask("get", _id="queue"))["error"]
    assert (error["status"], error["id"]) == (400, "services.cache.command_failed")
    assert "WRONGTYPE" in error["message"]
    assert await memory.refused("lset", _id="queue", body={"index": 9, "value": "x"}) == (400, error["id"])
    assert await memory.refused("object", _id="queue", subcommand="freq") == (400, error["id"])
    assert await memory.do("object", _id="queue", subcommand="idletime") == 0


async def test_what_would_cost_too_much_is_refused(memory: Any) -> None:
    invalid = (400, "api.assert.invalid_argument")
    assert await memory.refused("srandmember", _id="s", count=-1_000_000) == invalid
    assert await memory.refused("scan", cursor=0, count=1_000_000) == invalid
    assert (
        await memory.refused("georadius", _id="g", lon=1, lat=1, distance=1, unit="m", options=["store", "x"])
        == invalid
    )
    assert await memory.refused("zrange", _id="z", start=0, stop=1, options=["rev"]) == invalid
    assert await memory.refused("sort", _id="q", body={"direction": "DESC STORE x"}) == invalid
    assert await memory.refused("zrangebylex", _id="z", min="-", max="+", limit=[1]) == invalid
    assert await memory.refused("del", body={"keys": []}) == (400, "api.assert.empty_argument")
    for start in range(0, 12_000, 1000):
        entries = [{"key": f"key{number}", "value": 1} for number in range(start, start + 1000)]
        await memory.do("mset", body={"entries": entries})
    assert await memory.refused("keys", pattern="key*") == invalid
    assert sorted(await memory.do("keys", pattern="key[1-2]?[^0-8]")) == sorted(
        f"key{first}{second}9" for first in (1, 2) for second in range(10)
    )
    assert await memory.do("keys", pattern="*a*a*a*a*a*a*a*a*b") == []
    members = [f"m{number}" for number in range(50_000)]
    for part in ("a", "b", "c"):
        await memory.do("sadd", _id="large", body={"members": [part + member for member in members]})
    assert await memory.refused("sort", _id="large", body={"alpha": True}) == invalid


@pytest.mark.parametrize("promise", [{"dryRun": True}, {"idempotencyKey": "k"}])
async def test_what_cannot_be_kept_is_refused_before_anything_is_done(memory: Any, promise: dict[str, Any]) -> None:
    refused = (400, "api.assert.forbidden_argument")
    call: dict[str, Any] = {"action": "set", "args": {"_id": "a", "body": {"value": 1}}}
    promising = {**call, "args": {**call["args"], **promise}}
    assert await memory.refused("set", _id="a", body={"value": 1}, **promise) == refused
    assert await memory.refused("mexecute", body={"actions": [call]}, **promise) == refused
    assert await memory.refused("mexecute", body={"actions": [call, promising]}) == refused
    assert await memory.do("get", _id="a", **promise) is None
    await memory.do("set", _id="a", body={"value": 1}, dryRun=False)


async def test_several_at_once(memory: Any) -> None:
    calls = [
        {"action": "set", "args": {"_id": "list:a", "body": {"value": 1, "ex": 100, "nx": True}}},
        {"action": "get", "args": {"_id": "list:a"}},
        {"action": "hget", "args": {"_id": "list:a", "field": "x"}},
        {"action": "hmset", "args": {"_id": "h", "body": {"entries": [{"field": "f", "value": 1}]}}},
        {"action": "hgetall", "args": {"_id": "h"}},
        {"action": "del", "args": {"body": {"keys": ["list:a"]}}},
    ]
    replies = await memory.do("mexecute", body={"actions": calls})
    assert [reply for error, reply in replies if error is None] == ["OK", "1", "OK", {"f": "1"}, 1]
    assert replies[2][0]["id"] == "services.cache.command_failed"
    for action in ("mexecute", "keys", "nothing"):
        with_it = [{"action": "set", "args": {"_id": "b", "body": {"value": 1}}}, {"action": action}]
        assert await memory.refused("mexecute", body={"actions": with_it}) == (400, "api.assert.invalid_argument")
    assert await memory.do("get", _id="b") is None
    many = [{"action": "ping", "args": {}}] * 1001
    assert await memory.refused("mexecute", body={"actions": many}) == (400, "api.assert.too_many_arguments")


def test_what_changes_something_has_no_get_route() -> None:
    for command in COMMANDS:
        assert command.verb == "GET" or command.route.startswith(("POST /ms/_", "DELETE /ms"))
    assert len(COMMANDS) + len(["mexecute"]) == 118
