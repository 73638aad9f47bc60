"""The bytes of answers (router-protocol 2.2 and 2.3)."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson
import pytest

from device_manager.errors import ApiError, api_error
from device_manager.router.envelope import NODE, encode, refusal_encoder
from device_manager.router.request import Connection, Request
from device_manager.router.response import ABSENT, Response

KEYS = {"action", "controller", "error", "headers", "node", "requestId", "result", "status", "volatile"}


def make(**args: Any) -> Request:
    return Request("server", "now", args=args, id="r1", connection=Connection("c1", "websocket"))


def test_keys_are_exactly_those_of_the_protocol() -> None:
    envelope = orjson.loads(encode(Response(make(), result={"now": 1})))
    assert set(envelope) == KEYS
    assert envelope["error"] is None
    assert envelope["headers"] == {}
    assert envelope["volatile"] is None
    assert re.fullmatch(r"knode-[a-z]+-[a-z]+-\d+", envelope["node"])


def test_room_index_and_collection_are_echoed_when_there_are_any() -> None:
    envelope = orjson.loads(encode(Response(make(index="e1", collection=None)), room=True))
    assert set(envelope) == KEYS | {"index", "collection", "room"}
    assert (envelope["room"], envelope["index"], envelope["collection"]) == ("r1", "e1", None)


def test_absent_results_have_no_member_and_empty_names_are_null() -> None:
    request = Request("", "", args={}, id="r1", connection=Connection("c1", "http"))
    envelope = orjson.loads(encode(Response(request, result=ABSENT)))
    assert "result" not in envelope
    assert envelope["controller"] is envelope["action"] is None


def test_structs_are_written_by_their_wire_names() -> None:
    class Item(msgspec.Struct, rename="camel"):
        asset_id: str

    assert orjson.loads(encode(Response(make(), result=[Item("a")])))["result"] == [{"assetId": "a"}]


def test_pretty_indents_by_two_spaces() -> None:
    assert b'\n  "status": 200' in encode(Response(make()), pretty=True)


@pytest.mark.parametrize("result", [object(), 2**70, {"key": {5: 1}}, "\ud800"])
def test_results_that_json_cannot_express_become_an_error(result: Any) -> None:
    response = Response(make(), result=result, headers={"x-a": "b"})
    envelope = orjson.loads(encode(response, room=True))
    assert envelope["status"] == 500
    assert envelope["error"]["id"] == "plugin.controller.unserializable_response"
    assert envelope["error"]["props"][:2] == ["server", "now"]
    assert envelope["result"] is None
    assert response.status == 500


def test_errors_made_by_hand_have_neither_id_nor_code() -> None:
    envelope = orjson.loads(encode(Response(make(), status=400, error=ApiError("No.", status=400))))
    assert envelope["error"] == {"message": "No.", "status": 400}


def test_extra_members_stand_in_the_error() -> None:
    error = api_error("api.process.incomplete_multiple_request", "mCreate", errors=[{"status": 400}], count=1)
    envelope = orjson.loads(encode(Response(make(), status=400, error=error)))
    assert envelope["error"]["errors"] == [{"status": 400}]
    assert envelope["error"]["count"] == 1
    assert envelope["error"]["code"] == 33685514


@pytest.mark.parametrize("request_id", ["r1", 'quo"te\\', "ünï\n"])
def test_refusals_are_written_without_looking_at_the_message(request_id: str) -> None:
    error = api_error("api.process.overloaded")
    envelope = orjson.loads(refusal_encoder(error, room=True)(request_id))
    assert envelope["room"] == envelope["requestId"] == request_id
    assert set(envelope) == KEYS | {"room"}
    assert (envelope["status"], envelope["error"]["id"], envelope["node"]) == (503, "api.process.overloaded", NODE)
    assert set(orjson.loads(refusal_encoder(error)(request_id))) == KEYS
