"""Strange values in every argument of every action are refused or kept as they are; none is a fault of the server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device_manager.app import Application
from device_manager.router.action_text import read_action_text
from device_manager.settings import Settings

NASTY: dict[str, object] = {
    "null": None,
    "a number": 7,
    "a fraction": -0.5,
    "a huge number": 2**63,
    "true": True,
    "a list": [],
    "an object": {},
    "a long list": [0] * 2000,
    "nothing": "",
    "a space": " ",
    "a wildcard": "*",
    "a list of names": "ours,theirs",
    "everything": "_all",
    "a path": "../../theirs/stations",
    "a private index": "%kuzzle",
    "a zero byte": "a\x00b",
    "a lone surrogate": "\ud800",
    "a long text": "x" * 3000,
    "many bytes": "\U0001f600" * 200,
    "line ends": "a\r\nX-Evil: 1",
    "a prototype": {"__proto__": {"admin": True}, "constructor": {"prototype": {}}},
    "a name of a prototype": "__proto__",
    "a template": "${{<%[%'\"}}%\\",
    "an operator": {"$gt": ""},
    "a deep list": json.loads("[" * 150 + "]" * 150),
}
LEFT_OUT = frozenset({"auth:logout", "auth:refreshToken", "admin:shutdown", "document:export"})
"""They end the attack or its token, or answer HTTP alone."""
BUSY = 503
SHARE = 8
"""Every how many values a place gets."""
NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1E+99999999", "9" * 400, "-0", "1e-400",
           "18446744073709551616", "-9223372036854775809", "01", "+1", ".5", "0x10", "1_000"]  # fmt: skip
STATIONS = {"index": "ours", "collection": "stations"}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Each action with the example of its declaration, in our tenant."""
    folder: Path = tmp_path_factory.mktemp("declarations")
    table = Application(Settings(store=f"sqlite:{folder}")).router.registry.table
    found = []
    for controller, actions in table.items():
        for name, bound in actions.items():
            if (bound.controller, bound.action) != (controller, name) or f"{controller}:{name}" in LEFT_OUT:
                continue
            text = read_action_text(bound.method.__doc__).request or "{}"
            for placeholder in ("tenant-a", "weather", "harbour"):
                text = text.replace(f'"{placeholder}"', '"ours"')
            found.append({**json.loads(text), "controller": controller, "action": name, "dryRun": True})
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a message but what says which action it is for."""
    if path and path[0] not in ("controller", "action", "dryRun"):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def put(value: Any, path: tuple[Any, ...], member: object) -> Any:
    """A copy of a message with something else at a path."""
    if not path:
        return member
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], member)
    return copy


async def test_no_value_anywhere_is_a_fault(fortress: Any, examples: list[dict[str, Any]]) -> None:
    """Each place gets some of the values, neighbours others; as dry runs, nothing of it stays."""
    before = everything(fortress)
    values = itertools.cycle(NASTY.items())
    messages, labels = [], []
    for example in examples:
        for path in places(example):
            for name, value in itertools.islice(values, len(NASTY) // SHARE):
                messages.append(put(example, path, value) | {"jwt": fortress.tokens["root"]})
                labels.append(f"{example['controller']}:{example['action']} {path} is {name}")
    async with fortress.line() as line:
        answers = await line.ask_all(messages)
    wrong = [
        f"{label}: {answer['error']['id']} {answer['error']['message']}"
        for label, answer in zip(labels, answers, strict=True)
        if answer["status"] >= 500 and answer["status"] != BUSY
    ]
    assert len(messages) > 1000
    assert not wrong, "\n".join(wrong)
    assert everything(fortress) == before


def everything(fortress: Any) -> dict[str, Any]:
    """What a write that is not dry would change."""
    indices = fortress.do("root", "index:list")["indexes"]
    listed = {index: fortress.do("root", "collection:list", index=index, type="stored") for index in indices}
    for index, collections in listed.items():
        for collection in collections["collections"]:
            place = {"index": index, "collection": collection["name"]}
            fortress.do("root", "collection:refresh", **place)
            collection["count"] = fortress.do("root", "document:count", **place, body={})["count"]
    people = {}
    for kind in ("Users", "Profiles", "Roles"):
        hits = fortress.do("root", f"security:search{kind}", body={}, size=1000)["hits"]
        people[kind] = {hit["_id"]: hit["_source"] for hit in hits}
    return {"indices": listed, "people": people}


async def test_numbers_beyond_numbers(fortress: Any) -> None:
    """What is no JSON is refused; of what is, nothing comes back as another number without being a float."""
    token = fortress.tokens["tenant"]
    async with fortress.line() as line:
        for place, number in itertools.product(("body", "from", "timestamp"), NUMBERS):
            arguments = {"body": f'"body":{{"n":{number},"free":{number}}}'}.get(
                place, f'"{place}":{number},"body":{{}}'
            )
            for action in ("create", "search"):
                text = f'{{"controller":"document","action":"{action}","index":"ours","collection":"stations",'
                answer = await line.ask(f'{text}"requestId":"@@","jwt":"{token}",{arguments}}}')
                assert answer["status"] in (200, 400, 413), (action, place, number, answer["error"])
                if action == "create" and answer["status"] == 200:
                    id = answer["result"]["_id"]
                    assert fortress.do("tenant", "document:get", **STATIONS, _id=id)["_id"] == id


def test_the_last_of_two_members_counts(fortress: Any) -> None:
    """What is checked is what is done."""
    head = {"authorization": f"Bearer {fortress.tokens['tenant']}", "content-type": "application/json"}
    common = '"controller":"document","action":"get","collection":"stations","_id":"s1"'
    for first, last, status in (("ours", "theirs", 403), ("theirs", "ours", 200)):
        text = f'{{{common},"index":"{first}","index":"{last}"}}'
        assert fortress.http.post("/_query", content=text, headers=head).status_code == status
    path = "/ours/stations/s1"
    for query in ("index=theirs", "controller=security&action=getUser", "engineId=theirs", "body=x", "index[]=theirs"):
        response = fortress.http.get(f"{path}?{query}", headers=head)
        if response.status_code == 200:
            assert (response.json()["index"], response.json()["result"]["_source"]["name"]) == ("ours", "plain")
        else:
            assert response.status_code in (400, 403), (query, response.text)


KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__class__", "__dict__", "self", "$ref",
        "_source", "a.b", "..", ".a", "a.", " ", "\u0000", "\u202e", "é", "é", "_kuzzle_info.author",
        "x" * 1000]  # fmt: skip


def test_documents_keep_their_keys_or_are_refused(fortress: Any) -> None:
    for key in KEYS:
        source = {key: {"polluted": 1}, "n": 1}
        body = {"controller": "document", "action": "create", **STATIONS, "body": source}
        answer = fortress.ask("tenant", body)
        assert answer["status"] in (200, 400), (key, answer)
        if answer["status"] == 200:
            read = fortress.do("tenant", "document:get", **STATIONS, _id=answer["result"]["_id"])["_source"]
            read.pop("_kuzzle_info")
            assert read == source
            changed = {"controller": "document", "action": "update", **STATIONS, "_id": answer["result"]["_id"]}
            answer = fortress.ask("tenant", changed | {"body": {key: {"more": 2}}, "source": True})
            assert answer["status"] in (200, 400), (key, answer)
    assert fortress.do("tenant", "auth:getCurrentUser")["_id"] == "tenant"


LONG = ["x" * 512, "é" * 256, "\U0001f600" * 128]
TOO_LONG = ["x" * 513, "é" * 257, "x" * 100_000]
STRANGE = ["a/b", "..", ".", "_search", "%2e%2e", "a\x00b", "\ud800", "\u202e", "a\nb", " a ", "*",
           "'; DROP TABLE documents; --", "__proto__", "null", "0", "\ufeff", "\uffff", "é", "é"]  # fmt: skip


def test_ids_are_kept_or_refused(fortress: Any) -> None:
    """An accepted id is found again by each way, and no other document is."""
    for id in (*LONG, *TOO_LONG, *STRANGE):
        made = fortress.ask("tenant", {"controller": "document", "action": "create", **STATIONS, "_id": id, "body": {}})
        assert made["status"] in (200, 400), made
        assert (made["status"] == 200) <= (id not in TOO_LONG)
        if id in LONG:
            assert made["status"] == 200, made
        for action in ("get", "exists", "delete"):
            other = fortress.ask("tenant", {"controller": "document", "action": action, **STATIONS, "_id": id})
            if made["status"] == 200 and action != "delete" and id != "_search":
                assert other["status"] == 200, other
                assert other["result"] is True or other["result"]["_id"] == id
            assert other["status"] in (200, 400, 404), other
