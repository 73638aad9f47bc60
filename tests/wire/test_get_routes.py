"""Every GET route takes its arguments from path and query string, as the SDK writes them (router-protocol 1.10).

What comes out has to be what the same request gives as a message with typed arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from device_manager.controllers.memory_storage.commands import COMMANDS

ENGINE = "harbour"
HEAVY: dict[str, Any] = {"query": {"range": {"metadata.weight": {"gt": 5}}}, "sort": [{"metadata.weight": "desc"}]}
EQUALS = {"query": {"equals": {"model": "Container"}}}

ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "server:healthCheck": [{}, {"services": "storageEngine"}],
    "server:openapi": [{}, {"format": "json", "scope": "app"}],
    "server:publicApi": [{}],
    "server:adminExists": [{}],
    "server:capabilities": [{}],
    "server:getConfig": [{}],
    "server:getStats": [{"startTime": 7_258_118_400_000}, {"stopTime": "1970-01-02"}, {"startTime": "some day"}],
    "server:pipes": [{}, {"event": "document:beforeGet"}],
    "debug:nodeVersion": [{}],
    "auth:getStrategies": [{}],
    "device-manager/credentials:list": [{}, {"engineId": "nowhere"}],
    "auth:getCurrentUser": [{}],
    "auth:getMyRights": [{}],
    "auth:getMyCredentials": [{"strategy": "local"}],
    "auth:credentialsExist": [{"strategy": "local"}],
    "security:getRole": [{"_id": "anonymous"}, {"_id": "nobody"}],
    "security:getProfile": [{"_id": "anonymous"}],
    "security:getProfileRights": [{"_id": "anonymous"}],
    "security:getUserRights": [{"_id": "ada"}],
    "security:getUser": [{"_id": "ada"}],
    "security:mGetUsers": [{"ids": ["ada", "nobody"]}],
    "security:getUserStrategies": [{"_id": "ada"}],
    "security:hasCredentials": [{"strategy": "local", "_id": "ada"}],
    "security:getCredentials": [{"strategy": "local", "_id": "ada"}],
    "security:getCredentialsById": [{"strategy": "local", "_id": "ada"}],
    "security:getCredentialFields": [{"strategy": "local"}],
    "security:getAllCredentialFields": [{}],
    "security:scrollUsers": [{"scrollId": "nothing"}],
    "security:scrollProfiles": [{"scrollId": "nothing", "scroll": "5s"}],
    "security:getUserMapping": [{}],
    "security:getProfileMapping": [{}],
    "security:getRoleMapping": [{}],
    "realtime:list": [{}],
    "index:exists": [{"index": ENGINE}, {"index": "nowhere"}],
    "index:list": [{}, {"countCollection": True}, {"countCollection": False}],
    "index:stats": [{}],
    "collection:getSettings": [{"index": ENGINE, "collection": "assets"}],
    "collection:getSpecifications": [{"index": ENGINE, "collection": "assets"}],
    "collection:scrollSpecifications": [{"scrollId": "nothing", "scroll": "5s"}],
    "collection:exists": [{"index": ENGINE, "collection": "assets"}],
    "collection:getMapping": [{"index": ENGINE, "collection": "assets", "includeKuzzleMeta": True}],
    "collection:list": [{"index": ENGINE}, {"index": ENGINE, "from": 1, "size": 1, "type": "stored"}],
    "document:get": [{"index": ENGINE, "collection": "assets", "_id": "Container-1"}],
    "document:exists": [{"index": ENGINE, "collection": "assets", "_id": "Container-1"}],
    "document:mGet": [{"index": ENGINE, "collection": "assets", "ids": ["Container-1", "Container-9"]}],
    "document:scroll": [{"scrollId": "nothing"}, {"scrollId": "nothing", "scroll": "an hour"}],
    "document:search": [
        {"index": ENGINE, "collection": "assets", "searchBody": HEAVY, "size": 1, "from": 1},
        {"index": ENGINE, "collection": "assets", "searchBody": EQUALS, "lang": "koncorde"},
        {"index": ENGINE, "collection": "assets", "searchBody": EQUALS},
    ],
    "device-manager/decoders:list": [{}],
    "device-manager/engine:exists": [{"index": ENGINE}],
    "device-manager/engine:check": [{"index": ENGINE}],
    "device-manager/engine:list": [{}, {"group": "commons"}],
    "device-manager/groups:get": [{"engineId": ENGINE, "_id": "site"}, {"engineId": ENGINE, "_id": "nowhere"}],
    "device-manager/groups:search": [{"engineId": ENGINE, "searchBody": {"query": {"term": {"name": "Site"}}}}],
    "device-manager/groups:listItems": [
        {"engineId": ENGINE, "_id": "site"},
        {"engineId": ENGINE, "_id": "site", "includeChildren": True, "from": 0, "size": 1},
    ],
    "device-manager/models:getAsset": [{"model": "Container", "engineGroup": "commons"}, {"model": "Nothing"}],
    "device-manager/models:getDevice": [{"model": "Thermometer"}],
    "device-manager/models:getMeasure": [{"type": "temperature"}],
    "device-manager/models:getGroup": [{"model": "Yard"}, {"model": "Yard", "engineGroup": "commons"}],
    "device-manager/models:listAssets": [{"engineGroup": "commons"}, {}],
    "device-manager/models:listDevices": [{}],
    "device-manager/models:listGroups": [{"engineGroup": "commons"}],
    "device-manager/models:listMeasures": [{}],
    "device-manager/tasks:get": [{"_id": "{task}"}],
    "device-manager/teos:verifyLedger": [{"engineId": ENGINE}, {"engineId": ENGINE, "from": 2, "to": 1}],
    "device-manager/teos:exportLedger": [{"engineId": ENGINE}, {"engineId": "nowhere", "from": 1, "to": 9}],
    "device-manager/tasks:list": [{}, {"engineId": ENGINE}, {"state": "finished", "size": 1}, {"state": "asleep"}],
    "device-manager/assets:get": [{"engineId": ENGINE, "_id": "Container-1"}],
    "device-manager/assets:search": [{"engineId": ENGINE, "searchBody": HEAVY, "size": 5}],
    "device-manager/assets:getMeasures": [
        {"engineId": ENGINE, "_id": "Container-1", "searchBody": {"sort": [{"measuredAt": "asc"}]}, "size": 5},
        {"engineId": ENGINE, "_id": "Container-1", "startAt": "yesterday"},
    ],
    "device-manager/assets:getLastMeasures": [{"engineId": ENGINE, "_id": "Container-1", "measureCount": 5}],
    "device-manager/assets:getLastMeasuredAt": [{"engineId": ENGINE, "_id": "Container-1"}],
    "device-manager/assets:getStateAt": [
        {"engineId": ENGINE, "_id": "Container-1", "timestamp": "2200-01-01T00:00:00Z"},
        {"engineId": ENGINE, "_id": "Container-1", "timestamp": 7_258_118_400_000},
        {"engineId": ENGINE, "_id": "Container-1", "timestamp": 1000},
    ],
    "device-manager/devices:getMeasures": [{"engineId": ENGINE, "_id": "Thermometer-1"}],
    "device-manager/devices:getLastMeasures": [{"engineId": ENGINE, "_id": "Thermometer-1"}],
    "device-manager/devices:getLastMeasuredAt": [{"engineId": ENGINE, "_id": "Thermometer-1"}],
    "device-manager/devices:get": [{"engineId": ENGINE, "_id": "Thermometer-1"}],
    "cluster:status": [{}],
    **{
        f"ms:{command.name}": [dict(command.example)]
        for command in COMMANDS
        if command.verb == "GET" and command.name != "time"
    },
}
CHANGING = frozenset(
    {
        "server:getAllStats",
        "server:getLastStats",
        "server:metrics",
        "server:prometheus",
        "server:now",
        "server:info",
        "auth:login",
        "ms:time",
        "kuzzle-plugin-auth-passport-local/password:getResetPasswordToken",
    }
)
"""Two answers of these are never the same."""
EXPORTS = {
    f"device-manager/{kind}:{action}" for kind in ("assets", "devices") for action in ("export", "exportMeasures")
} | {"document:export"}
"""Their GET routes answer files: see `tests/exports` and `tests/controllers/native/test_exports.py`."""
BLOCKS = {"device-manager/teos:getBlock"}
"""There is no ledger here: see `tests/facades/teos/test_ledger.py`."""


@pytest.fixture
def client(start_server: Any) -> Iterator[httpx.Client]:
    """A server with one of everything."""
    server = start_server()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        measures = [{"name": "t", "type": "temperature"}]
        user = {
            "content": {"profileIds": ["admin"]},
            "credentials": {"local": {"username": "ada", "password": "secret"}},
        }
        models = "device-manager/models"
        container = {"engineGroup": "commons", "metadataMappings": {"weight": {"type": "integer"}}}
        for controller, action, arguments, body in (
            (models, "writeMeasure", {}, {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}),
            (models, "writeAsset", {}, {"model": "Container", "measures": measures, **container}),
            (models, "writeDevice", {}, {"model": "Thermometer", "measures": measures}),
            (models, "writeGroup", {}, {"model": "Yard", "engineGroup": "commons"}),
            ("device-manager/engine", "create", {"index": ENGINE}, None),
            *(
                ("device-manager/assets", "create", {"engineId": ENGINE}, asset | {"metadata": {"weight": weight}})
                for weight, asset in enumerate({"model": "Container", "reference": f"{n}"} for n in range(9))
            ),
            ("device-manager/devices", "create", {"engineId": ENGINE}, {"model": "Thermometer", "reference": "1"}),
            ("device-manager/groups", "create", {"engineId": ENGINE, "_id": "site"}, {"name": "Site"}),
            (
                "device-manager/groups",
                "addAssets",
                {"engineId": ENGINE},
                {"path": "site", "assetIds": ["Container-1", "Container-2"]},
            ),
            (
                "device-manager/assets",
                "measureIngest",
                {"engineId": ENGINE, "assetId": "Container-1", "slotName": "t"},
                {"dataSource": {"id": "station"}, "measuredAt": 1_772_323_200_000, "values": {"temperature": 20}},
            ),
            (
                "device-manager/devices",
                "receiveMeasures",
                {"engineId": ENGINE, "_id": "Thermometer-1"},
                {"measures": [{"measureName": "t", "type": "temperature", "values": {"temperature": 20}}]},
            ),
            ("security", "createUser", {"_id": "ada"}, user),
            (
                "collection",
                "updateSpecifications",
                {"index": ENGINE, "collection": "assets"},
                {"fields": {"model": {"type": "string"}}},
            ),
        ):  # fmt: skip
            answer = ask(client, controller, action, {**arguments, "refresh": "wait_for"}, body)
            assert answer["error"] is None, answer
        yield client


def ask(client: httpx.Client, controller: str, action: str, arguments: dict[str, Any], body: Any = None) -> Any:
    """The answer to a whole message."""
    return client.post("/_query", json={"controller": controller, "action": action, "body": body, **arguments}).json()


def sdk_url(path: str, arguments: dict[str, Any]) -> str:
    """The target of a request as the SDK makes it."""
    left = dict(arguments)
    segments = [
        quote(str(left.pop(segment[1:])), safe="") if segment.startswith(":") else segment
        for segment in path.split("/")
    ]
    query = []
    for name, value in left.items():
        if value is True:
            query.append(name)
        elif isinstance(value, list):
            query.append(urlencode({name: ",".join(map(str, value))}))
        elif value is not False:
            query.append(urlencode({name: json.dumps(value) if isinstance(value, dict) else value}))
    return "/".join(segments) + ("?" + "&".join(query) if query else "")


def test_get_routes(client: httpx.Client) -> None:
    check_changing_answers(client)
    check_members_of_a_body(client)
    check_declared_routes(client)


def check_declared_routes(client: httpx.Client) -> None:
    """Each route of each action against the message."""
    api = client.get("/_publicApi").json()["result"]
    aliases = {
        "memoryStorage",
        "device-manager/asset",
        "device-manager/device",
        "device-manager/decoder",
        "device-manager/payload",
    }
    declared = {
        f"{controller}:{action}": [route["path"] for route in declaration["http"] if route["verb"] == "GET"]
        for controller, actions in api.items()
        for action, declaration in actions.items()
        if controller not in aliases and any(route["verb"] == "GET" for route in declaration.get("http", []))
    }
    assert declared.keys() - CHANGING - EXPORTS - BLOCKS == ARGUMENTS.keys(), "name each action with a GET route"
    login = ask(client, "auth", "login", {"strategy": "local"}, {"username": "ada", "password": "secret"})
    client.headers["Authorization"] = f"Bearer {login['result']['jwt']}"
    task = ask(client, "device-manager/tasks", "list", {"state": "finished"}, None)["result"]["tasks"][0]["_id"]
    for name, cases in ARGUMENTS.items():
        controller, _, action = name.rpartition(":")
        for number, arguments in enumerate(cases):
            arguments = {key: task if value == "{task}" else value for key, value in arguments.items()}
            typed = dict(arguments)
            body = typed.pop("searchBody", None)
            expected = ask(client, controller, action, typed, body)
            for path in declared[name]:
                got = client.get(sdk_url(path, arguments)).json()
                if name == "server:openapi":
                    assert got == expected
                    continue
                assert expected["status"] == 200 or number or "scrollId" in arguments, (name, expected)
                assert (got["controller"], got["action"]) == (controller, action)
                assert (got["status"], got["error"]) == (expected["status"], expected["error"]), (name, arguments)
                assert got["result"] == expected["result"], (name, arguments)


def check_members_of_a_body(client: httpx.Client) -> None:
    """The SDK spreads a search over the query string."""
    path = f"/_/device-manager/{ENGINE}/assets/_search"
    expected = client.post(path, json={**HEAVY, "_source": ["metadata"], "search_after": [8]}).json()["result"]
    assert [hit["_source"]["metadata"]["weight"] for hit in expected["hits"]] == [7, 6]
    for sort in (HEAVY["sort"], HEAVY["sort"][0]):
        spread = {"query": json.dumps(HEAVY["query"]), "sort": json.dumps(sort), "search_after": "[8]"}
        answer = client.get(path, params={**spread, "_source": '["metadata"]'}).json()
        assert answer["result"] == expected
    for query in ("nonsense", "[]"):
        answer = client.get(path, params={"query": query}).json()
        assert (answer["status"], answer["error"]["id"]) == (400, "api.assert.invalid_type")


def check_changing_answers(client: httpx.Client) -> None:
    """What is never the same twice."""
    assert client.get("/_now").json()["result"].keys() == {"now"}
    assert client.get("/").json()["result"].keys() == client.get("/_serverInfo").json()["result"].keys()
