"""Arguments and bodies bound from signatures, with the exact errors (router-protocol 2.4 and 2.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import pytest

from device_manager.errors import ApiError
from device_manager.router.controller import Controller, action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.router.router import Router

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]


class Slot(msgspec.Struct, rename="camel"):
    asset_slot: str
    weight: int = 1


class Link(msgspec.Struct, rename="camel"):
    asset_id: str
    count: int
    implicit: bool = False
    ratio: float = 0.5
    slots: list[Slot] = msgspec.field(default_factory=list)
    extra: dict[str, Any] | None = None
    level: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5


class Options(msgspec.Struct, rename="camel"):
    all_measures: bool = False
    names: list[str] = msgspec.field(default_factory=list)


class Flags(msgspec.Struct):
    wanted: bool


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Echo(Controller):
    name = "echo"

    @action()
    def text(self, engine_id: str, _id: str, note: str = "none", title: str | None = None) -> list[Any]:
        return [engine_id, _id, note, title]

    @action()
    def numbers(self, count: int = 0, ratio: float = 0.0) -> list[Any]:
        return [count, ratio]

    @action()
    def needs_number(self, count: int) -> int:
        return count

    @action()
    def page(self, from_: int = 0) -> int:
        return from_

    @action()
    def flag(self, strict: bool, loud: bool = False) -> list[bool]:
        return [strict, loud]

    @action()
    def containers(self, names: list[str], filters: dict[str, Any] | None = None) -> list[Any]:
        return [names, filters]

    @action()
    def options(self, refresh: Refresh, lang: Lang) -> list[Any]:
        return [refresh, lang]

    @action()
    def eager(self, lang: str, refresh: Refresh = True) -> list[Any]:
        return [refresh, lang]

    @action()
    def link(self, body: Link) -> Link:
        return body

    @action()
    def optional_fields(self, body: Options) -> Options:
        return body

    @action()
    def optional_body(self, body: Link | None = None) -> Link | None:
        return body

    @action()
    def flags(self, body: Flags) -> Flags:
        return body

    @action()
    def closed(self, body: Closed) -> Closed:
        return body

    @action()
    def document(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    @action()
    def documents(self, body: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return body

    @action()
    def anything(self, body: Any = None) -> Any:
        return body

    @action()
    def search(self, query: SearchBody) -> dict[str, Any]:
        return query

    @action(writes=True)
    def write(self, request: Request) -> dict[str, bool]:
        return {"wrote": not request.dry_run}

    @action()
    def generated_id(self, _id: str | None = None) -> str | None:
        return _id


@pytest.fixture
def router(open_router: OpenRouter) -> Router:
    return open_router(Echo())


ACCEPTED: list[tuple[str, dict[str, Any], Any]] = [
    ("text", {"engineId": "e", "_id": "x"}, ["e", "x", "none", None]),
    ("text", {"engineId": "", "_id": "x", "note": "", "title": None}, ["", "x", "", None]),
    ("generatedId", {"_id": None}, None),
    ("generatedId", {"_id": ""}, None),
    ("numbers", {}, [0, 0.0]),
    ("numbers", {"count": "12abc", "ratio": "1.5e1x"}, [12, 15.0]),
    ("numbers", {"count": 12.0, "ratio": 3}, [12, 3.0]),
    ("numbers", {"count": " -7", "ratio": ".5"}, [-7, 0.5]),
    ("numbers", {"count": 9007199254740991}, [9007199254740991, 0.0]),
    ("page", {"from": "3"}, 3),
    ("flag", {}, [False, False]),
    ("flag", {"strict": None, "loud": True}, [False, True]),
    ("containers", {"names": []}, [[], None]),
    ("containers", {"names": ["a"], "filters": {"a": 1}}, [["a"], {"a": 1}]),
    ("options", {}, [False, "elasticsearch"]),
    ("options", {"refresh": "false", "lang": "koncorde"}, [False, "koncorde"]),
    ("options", {"refresh": None}, [False, "elasticsearch"]),
    ("options", {"refresh": ""}, [True, "elasticsearch"]),
    ("options", {"refresh": "no"}, [True, "elasticsearch"]),
    ("eager", {}, [True, "elasticsearch"]),
    ("eager", {"refresh": False}, [False, "elasticsearch"]),
    ("optionalFields", {}, {"allMeasures": False, "names": []}),
    ("optionalFields", {"body": {"allMeasures": None, "unknown": 1}}, {"allMeasures": False, "names": []}),
    ("optionalBody", {}, None),
    ("flags", {}, {"wanted": False}),
    ("flags", {"body": {}}, {"wanted": False}),
    ("document", {"body": {"a": [1]}}, {"a": [1]}),
    ("documents", {"body": [{"a": 1}]}, [{"a": 1}]),
    ("anything", {}, None),
    ("anything", {"body": [1, {}]}, [1, {}]),
    ("search", {}, {}),
    ("search", {"body": {"query": {}}}, {"query": {}}),
]


@pytest.mark.parametrize(("name", "payload", "result"), ACCEPTED)
async def test_accepted(router: Router, ask: Ask, name: str, payload: dict[str, Any], result: Any) -> None:
    envelope = await ask(router, f"echo:{name}", **payload)
    assert envelope["error"] is None
    assert envelope["result"] == result


MISSING, WRONG, INVALID = "api.assert.missing_argument", "api.assert.invalid_type", "api.assert.invalid_argument"
REQUIRED = "api.assert.body_required"
REFUSED: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("text", {}, MISSING, ["engineId"]),
    ("text", {"engineId": None, "_id": "x"}, WRONG, ["engineId", "string"]),
    ("text", {"engineId": 3}, WRONG, ["engineId", "string"]),
    ("text", {"engineId": "e"}, MISSING, ["_id"]),
    ("text", {"engineId": "e", "_id": None}, MISSING, ["_id"]),
    ("text", {"engineId": "e", "_id": ""}, MISSING, ["_id"]),
    ("text", {"engineId": "e", "_id": 5}, WRONG, ["_id", "string"]),
    ("text", {"engineId": "e", "_id": "x", "note": None}, WRONG, ["note", "string"]),
    ("generatedId", {"_id": ["a"]}, WRONG, ["_id", "string"]),
    ("needsNumber", {}, MISSING, ["count"]),
    ("numbers", {"count": None}, WRONG, ["count", "integer"]),
    ("numbers", {"count": "abc"}, WRONG, ["count", "integer"]),
    ("numbers", {"count": 1.5}, WRONG, ["count", "integer"]),
    ("numbers", {"count": "1.5"}, WRONG, ["count", "integer"]),
    ("numbers", {"count": True}, WRONG, ["count", "integer"]),
    ("numbers", {"count": 9007199254740992}, WRONG, ["count", "integer"]),
    ("numbers", {"count": "9" * 400}, WRONG, ["count", "integer"]),
    ("numbers", {"ratio": "x1"}, WRONG, ["ratio", "number"]),
    ("numbers", {"ratio": [1]}, WRONG, ["ratio", "number"]),
    ("flag", {"strict": "true"}, WRONG, ["strict", "boolean"]),
    ("flag", {"strict": 1}, WRONG, ["strict", "boolean"]),
    ("containers", {}, MISSING, ["names"]),
    ("containers", {"names": "a,b"}, WRONG, ["names", "array"]),
    ("containers", {"names": '["a"]'}, WRONG, ["names", "array"]),
    ("containers", {"names": ["a", 1]}, WRONG, ["names[1]", "string"]),
    ("containers", {"names": [], "filters": []}, WRONG, ["filters", "object"]),
    ("options", {"lang": "sql"}, INVALID, ["lang", '"elasticsearch" or "koncorde"']),
    ("options", {"lang": None}, WRONG, ["lang", "string"]),
    ("link", {}, REQUIRED, []),
    ("link", {"body": []}, WRONG, ["body", "object"]),
    ("link", {"body": {}}, MISSING, ["body.assetId"]),
    ("link", {"body": {"assetId": "a"}}, MISSING, ["body.count"]),
    ("link", {"body": {"assetId": None, "count": 1}}, WRONG, ["body.assetId", "string"]),
    ("link", {"body": {"assetId": 3, "count": "x"}}, WRONG, ["body.assetId", "string"]),
    ("link", {"body": {"count": "x", "assetId": "a"}}, WRONG, ["body.count", "integer"]),
    ("link", {"body": {"assetId": "a", "count": 2**60}}, WRONG, ["body.count", "integer"]),
    ("link", {"body": {"assetId": "a", "count": 1, "implicit": "true"}}, WRONG, ["body.implicit", "boolean"]),
    ("link", {"body": {"assetId": "a", "count": 1, "ratio": None}}, WRONG, ["body.ratio", "number"]),
    ("link", {"body": {"assetId": "a", "count": 1, "slots": {}}}, WRONG, ["body.slots", "array"]),
    ("link", {"body": {"assetId": "a", "count": 1, "slots": [{}]}}, MISSING, ["body.slots[0].assetSlot"]),
    (
        "link",
        {"body": {"assetId": "a", "count": 1, "slots": [{"assetSlot": 1}]}},
        WRONG,
        ["body.slots[0].assetSlot", "string"],
    ),
    ("link", {"body": {"assetId": "a", "count": 1, "slots": [7]}}, WRONG, ["body.slots[0]", "object"]),
    ("link", {"body": {"assetId": "a", "count": 1, "extra": "[]"}}, WRONG, ["body.extra", "object"]),
    ("link", {"body": {"assetId": "a", "count": 1, "level": 10}}, INVALID, ["body.level", "int <= 9"]),
    ("optionalBody", {"body": {}}, MISSING, ["body.assetId"]),
    ("closed", {"body": {"name": "a", "age": 1}}, "api.assert.unexpected_argument", ["body.age", "name"]),
    ("document", {}, REQUIRED, []),
    ("document", {"body": []}, WRONG, ["body", "object"]),
    ("documents", {"body": {}}, WRONG, ["body", "array"]),
    ("documents", {"body": [1]}, WRONG, ["body[0]", "object"]),
    ("search", {"body": []}, WRONG, ["body", "object"]),
    ("write", {"dryRun": "yes"}, WRONG, ["dryRun", "boolean"]),
]


@pytest.mark.parametrize(("name", "payload", "id", "props"), REFUSED)
async def test_refused(router: Router, ask: Ask, name: str, payload: dict[str, Any], id: str, props: list[str]) -> None:
    envelope = await ask(router, f"echo:{name}", **payload)
    assert envelope["status"] == 400
    assert (envelope["error"]["id"], envelope["error"]["props"]) == (id, props)
    assert envelope["result"] is None


async def test_literal_texts(router: Router, ask: Ask) -> None:
    assert (await ask(router, "echo:link"))["error"]["message"] == "The request must specify a body."
    assert (await ask(router, "echo:link", body={}))["error"]["message"] == 'Missing argument "body.assetId".'


async def test_lax_values_in_a_body_take_the_slow_path(router: Router, ask: Ask) -> None:
    body = {"assetId": "a", "count": "12abc", "implicit": None, "ratio": "0.25", "slots": [{"assetSlot": "s"}]}
    result = (await ask(router, "echo:link", body=body))["result"]
    assert result == {
        "assetId": "a",
        "count": 12,
        "implicit": False,
        "ratio": 0.25,
        "slots": [{"assetSlot": "s", "weight": 1}],
        "extra": None,
        "level": 5,
    }


HTTP: list[tuple[str, dict[str, Any], Any]] = [
    ("flag", {"strict": "", "loud": "false"}, [True, True]),
    ("flag", {"strict": False}, [False, False]),
    ("containers", {"names": '["a","b"]', "filters": '{"a":1}'}, [["a", "b"], {"a": 1}]),
    ("containers", {"names": ["a", "b"]}, [["a", "b"], None]),
    ("numbers", {"count": "5", "ratio": "2.5"}, [5, 2.5]),
    ("search", {"searchBody": '{"query":{}}'}, {"query": {}}),
    ("search", {}, {}),
    ("write", {"dryRun": ""}, {"wrote": False, "dryRun": True}),
]


@pytest.mark.parametrize(("name", "payload", "result"), HTTP)
async def test_over_http(router: Router, ask: Ask, name: str, payload: dict[str, Any], result: Any) -> None:
    assert (await ask(router, f"echo:{name}", http="GET", **payload))["result"] == result


@pytest.mark.parametrize(
    ("name", "payload", "props"),
    [
        ("containers", {"names": "a,b"}, ["names", "array"]),
        ("containers", {"names": "{}"}, ["names", "array"]),
        ("containers", {"names": "[]", "filters": "[]"}, ["filters", "object"]),
        ("search", {"searchBody": "{"}, ["searchBody", "object"]),
        ("text", {"engineId": ["a", "b"]}, ["engineId", "string"]),
    ],
)
async def test_refused_over_http(
    router: Router, ask: Ask, name: str, payload: dict[str, Any], props: list[str]
) -> None:
    error = (await ask(router, f"echo:{name}", http="GET", **payload))["error"]
    assert (error["id"], error["props"]) == (WRONG, props)


async def test_dry_run_reaches_writing_actions_only(router: Router, ask: Ask) -> None:
    assert (await ask(router, "echo:write", dryRun=True))["result"] == {"wrote": False, "dryRun": True}
    assert (await ask(router, "echo:write", dryRun=False))["result"] == {"wrote": True}
    assert (await ask(router, "echo:write"))["result"] == {"wrote": True}
    assert (await ask(router, "echo:anything", dryRun=True, body={}))["result"] == {}


def test_unusable_signatures_stop_the_start(open_router: OpenRouter) -> None:
    class Bare(Controller):
        name = "bare"

        @action()
        def run(self, thing) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            """Without annotation."""

    class Variadic(Controller):
        name = "variadic"

        @action()
        def run(self, **things: str) -> None:
            """Without names."""

    for controller in (Bare(), Variadic()):
        with pytest.raises(ApiError) as caught:
            open_router(controller)
        assert caught.value.id == "plugin.controller.invalid_action"
