"""From a decoded message to a request, or to a refusal that still names it (router-protocol 1.3 and 2.1)."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, new_request_id, parse
from device_manager.router.request import Connection

SOCKET = Connection("c1", "websocket")


def test_unknown_members_stay_in_args_and_the_known_ones_leave() -> None:
    request = parse(
        {
            "controller": "server",
            "action": "now",
            "requestId": "r1",
            "jwt": None,
            "volatile": {"sdkName": "js@7.17.1"},
            "body": [],
            "timestamp": 1700000000000,
            "verb": "POST",
            "limit": 5,
        },
        SOCKET,
    )
    assert (request.controller, request.action, request.id, request.jwt) == ("server", "now", "r1", None)
    assert request.args == {"requestId": "r1", "timestamp": 1700000000000, "verb": "POST", "limit": 5}
    assert request.volatile == {"sdkName": "js@7.17.1"}
    assert request.body == []
    assert request.timestamp == 1700000000000


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("jwt", 5, "string"),
        ("controller", {}, "string"),
        ("action", 1, "string"),
        ("requestId", 7, "string"),
        ("body", "text", "object"),
        ("volatile", [], "object"),
    ],
)
def test_wrong_types_are_refused_and_keep_the_request_id(member: str, value: Any, expected: str) -> None:
    payload: dict[str, Any] = {"controller": "server", "action": "now", "requestId": "r1"} | {member: value}
    with pytest.raises(Refused) as caught:
        parse(payload, SOCKET)
    envelope = orjson.loads(encode(caught.value.response, room=True))
    assert envelope["status"] == 400
    assert envelope["error"]["id"] == "api.assert.invalid_type"
    assert envelope["error"]["props"] == [member, expected]
    assert envelope["room"] == envelope["requestId"] == ("" if member == "requestId" else "r1")


@pytest.mark.parametrize("payload", [None, [], 5, "text", True])
@pytest.mark.parametrize("protocol", ["websocket", "http"])
def test_anything_but_an_object_is_refused(payload: Any, protocol: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(payload, Connection("c1", protocol))
    error = caught.value.response.error
    assert error is not None
    assert (error.id, error.status) == (f"network.{protocol}.unexpected_error", 400)


def test_ids_are_made_where_none_is_given() -> None:
    ids = {parse({"requestId": given}, SOCKET).id for given in (None, "", None)} | {new_request_id()}
    assert len(ids) == 4
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", id) for id in ids)


def test_the_header_token_counts_unless_the_payload_has_one() -> None:
    assert parse({}, SOCKET, jwt="header").jwt == "header"
    assert parse({"jwt": "own"}, SOCKET, jwt="header").jwt == "own"
