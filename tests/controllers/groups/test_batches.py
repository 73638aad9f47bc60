"""Many groups in one call; on both stores (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def batch(groups: Any, action: str, *items: Any, **more: Any) -> Any:
    return await groups.do(f"groups:{action}", body={"groups": list(items)}, **more)


def reasons(result: Any) -> list[tuple[Any, str, int]]:
    return [(error["document"]["_id"], error["reason"], error["status"]) for error in result["errors"]]


async def test_many_are_created_each_on_top_of_those_before(groups: Any) -> None:
    await groups.create("old")
    result = await batch(
        groups,
        "mCreate",
        {"_id": "a", "name": "A"},
        {"_id": "b", "name": "B", "path": "a"},
        {"_id": "c", "name": "C", "path": "a.b.c", "model": "Parking", "metadata": {"places": 0}},
        {"_id": "d", "name": "a"},
        {"_id": "e"},
        {"_id": "f", "name": ""},
        {"_id": "g", "name": 5},
        {"_id": "h", "name": "H", "path": "x.h"},
        {"_id": "i", "name": "I", "path": 5},
        {"_id": "j", "name": "J", "model": "Nope"},
        {"_id": "old", "name": "New"},
        {"_id": 5, "name": "Number"},
        {"_id": "k", "name": "K", "metadata": []},
        {"_id": "l", "name": "L", "model": 5},
        {"_id": "m", "name": "M", "model": "Parking", "metadata": {"places": "many"}},
        {"name": "generated", "path": "a"},
        {"_id": "n", "name": "h"},
    )
    assert [success["_id"] for success in result["successes"][:3]] == ["a", "b", "c"]
    made = result["successes"][2]
    assert (made["created"], made["status"], made["_version"]) == (True, 201, 1)
    assert (made["_source"]["path"], made["_source"]["metadata"]["places"]) == ("a.b.c", 0)
    (generated, last) = result["successes"][3:]
    assert generated["_source"]["path"] == f"a.{generated['_id']}"
    assert last["_id"] == "n"
    refused = reasons(result)
    assert refused[:-1] == [
        ("d", 'A group with name "a" already exist', 400),
        ("e", "A group must have a name", 400),
        ("f", "A group must have a name", 400),
        ("g", "A group name must be a non-empty string", 400),
        ("h", 'The closest parent group "x" does not exist', 400),
        ("i", "The path property should be a string", 400),
        ("j", 'Unknown Group model "Nope".', 404),
        ("old", "document already exists", 400),
        (5, 'Wrong type for argument "_id" (expected: string)', 400),
        ("k", 'Wrong type for argument "metadata" (expected: object)', 400),
        ("l", 'Wrong type for argument "model" (expected: string)', 400),
    ]
    assert refused[-1][::2] == ("m", 400)
    assert result["errors"][0] == {
        "document": {"_id": "d", "body": {"metadata": None, "model": None, "name": "a", "path": None}},
        "reason": 'A group with name "a" already exist',
        "status": 400,
        "id": "device_manager.groups.name_taken",
    }
    await groups.do("groups:create", body={"name": "M"})
    await groups.check()


async def test_many_are_changed_in_order(groups: Any) -> None:
    await groups.create("a", "a.b", "a.b.c", "d")
    asset = await groups.platform.asset("1")
    await groups.add("a.b.c", asset)
    result = await batch(
        groups,
        "mUpdate",
        {"_id": "a", "name": "other"},
        {"_id": "d", "name": "a"},
        {"_id": "b", "path": "d.b"},
        {"_id": "d", "path": "a.d"},
        {"_id": "b", "path": "a.d.c.b"},
        {"name": "nobody"},
        {"_id": "x", "name": "X"},
        {"_id": "c", "name": ""},
        {"_id": "c", "name": "OTHER"},
        {"_id": "c", "path": "a.d.c"},
    )
    assert [success["_id"] for success in result["successes"]] == ["a", "d", "b", "d", "c"]
    assert {(success["created"], success["status"]) for success in result["successes"]} == {(False, 200)}
    assert reasons(result) == [
        ("b", "The parent path does not match", 400),
        (None, "A group must have an _id", 400),
        ("x", f'Document "x" not found in "{groups.engine}":"groups".', 404),
        ("c", "A group name must be a non-empty string", 400),
        ("c", 'A group with name "OTHER" already exist', 400),
    ]
    assert await groups.paths() == {"a": "a", "d": "a.d", "b": "a.d.b", "c": "a.d.c"}
    assert await groups.of(asset) == ["a.d.c"]
    await groups.check()


async def test_very_many_move_in_one_call(groups: Any) -> None:
    ids = [f"g{number}" for number in range(250)]
    await groups.create("a")
    result = await batch(groups, "mCreate", *({"_id": id, "name": id} for id in ids))
    assert len(result["successes"]) == 250
    asset = await groups.platform.asset("1")
    await groups.add("g249", asset)
    result = await batch(groups, "mUpdate", *({"_id": id, "path": f"a.{id}"} for id in ids))
    assert (len(result["successes"]), result["errors"]) == (250, [])
    assert set((await groups.paths()).values()) == {"a", *(f"a.{id}" for id in ids)}
    assert await groups.of(asset) == ["a.g249"]


async def test_names_are_exchanged_in_one_call(groups: Any) -> None:
    await groups.create("a", "b")
    result = await batch(
        groups, "mUpdate", {"_id": "a", "name": "x"}, {"_id": "b", "name": "A"}, {"_id": "a", "name": "B"}
    )
    assert result["errors"] == []
    stored = {id: (await groups.do("groups:get", _id=id))["_source"]["name"] for id in ("a", "b")}
    assert stored == {"a": "B", "b": "A"}
    await groups.do("groups:create", body={"name": "x"})
    for name in ("a", "b"):
        assert (await groups.refusal("groups:create", body={"name": name}))[0] == 400


async def test_many_are_created_or_changed(groups: Any) -> None:
    await groups.create("a", "b")
    result = await batch(
        groups,
        "mUpsert",
        {"_id": "c", "name": "C", "path": "a"},
        {"_id": "c", "name": "Sea"},
        {"_id": "a", "path": "b.a"},
        {"_id": "d", "name": "D", "path": "b.a.c"},
        {"_id": "c", "path": "b.c"},
        {"name": "E", "path": "b"},
        {"name": "sea"},
        {"_id": "f"},
    )
    written = [(success["_id"], success["created"]) for success in result["successes"]]
    generated = written[-1][0]
    assert written == [("c", True), ("c", False), ("a", False), ("d", True), ("c", False), (generated, True)]
    assert [reason for _, reason, _ in reasons(result)] == [
        'A group with name "sea" already exist',
        "A group must have a name",
    ]
    assert await groups.paths() == {
        "b": "b",
        "a": "b.a",
        "c": "b.c",
        "d": "b.c.d",
        generated: f"b.{generated}",
    }
    await groups.check()


async def test_what_a_whole_call_is_refused_for(groups: Any, make_platform: Any) -> None:
    small = await make_platform(bulk_records=2)
    for action in ("mCreate", "mUpdate", "mUpsert"):
        name = f"groups:{action}"
        assert await groups.refusal(name, body=...) == (400, "The request must specify a body.")
        assert await groups.refusal(name, body={}) == (400, 'Missing argument "body.groups".')
        assert (await groups.refusal(name, body={"groups": ["a"]}))[0] == 400
        assert await groups.refusal(name, engineId="nowhere", body={"groups": []}) == groups.platform.unknown_engine()
        error = await small.refused(name, body={"groups": [{"_id": "a", "name": "a"}] * 3})
        assert error["id"] == "services.storage.write_limit_exceeded"
        assert await groups.do(name, body={"groups": []}) == {"successes": [], "errors": []}


async def test_a_retry_with_the_same_key_is_answered_the_same(groups: Any) -> None:
    for action, body, more in (
        ("mUpsert", {"groups": [{"_id": "a", "name": "A"}, {"_id": "b"}]}, {}),
        ("create", {"name": "C", "path": "a"}, {"_id": "c"}),
        ("update", {"path": "c"}, {"_id": "c"}),
        ("delete", None, {"_id": "a"}),
    ):
        request = {"body": body, "idempotencyKey": f"{groups.engine}-{action}", **more}
        first = await groups.do(f"groups:{action}", **request)
        assert await groups.do(f"groups:{action}", **request) == first
    assert await groups.paths() == {"c": "c"}
