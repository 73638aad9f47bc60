"""The OpenAPI document of a server: valid, complete, served in both formats."""

from __future__ import annotations

import re
from typing import Annotated, Any

import httpx
import msgspec
import openapi_spec_validator
import pytest
import yaml

from device_manager.app import Application
from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import ServerProcess
from device_manager.events import EventBus
from device_manager.router.controller import Controller, action
from device_manager.router.openapi import openapi_document
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.registry import Registry
from device_manager.router.request import Request
from device_manager.router.response import Response


def test_the_document_is_valid_and_has_every_route(application: Application) -> None:
    registry = application.router.registry
    document = openapi_document(registry, version="1.2.3")
    openapi_spec_validator.validate(document)
    assert document["info"]["version"] == "1.2.3"
    described = {
        (verb.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, item in document["paths"].items() for verb in item
    }
    routes = {
        (route["verb"], re.sub(r":\w+", "{}", route["path"]))
        for actions in registry.public_api().values()
        for action in actions.values()
        for route in action.get("http", ())
    }
    assert described == routes


class Colour(msgspec.Struct, rename="camel"):
    """A colour."""

    base_name: str
    shade: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0


class Paints(Controller):
    """Paint of all colours."""

    name = "acme/paints"

    @action(http=["PUT acme/:engineId/paints/:_id", "POST /acme/:_id"], writes=True)
    async def mix_paint(
        self,
        request: Request,
        _id: str,
        engine_id: str,
        body: Colour,
        refresh: Refresh,
        coats: int,
        glossy: bool,
        tools: list[str] | None = None,
    ) -> Colour:
        """Mix a paint.

        Slowly.

        Example request:

            {"controller": "acme/paints", "action": "mixPaint", "engineId": "e", "_id": "p", "coats": 2,
             "body": {"baseName": "red"}}

        Example result:

            {"baseName": "red", "shade": 0}

        Raises:
            ApiError: `services.storage.not_found`, `unknown_index`, what `find` raises.
        """
        return body

    @action(http=["GET acme/paints/_search", "POST acme/paints/_search"])
    def find(self, search_body: SearchBody, lang: Lang, from_: int | None = None) -> dict[str, int]:
        """Find paints.

        Example request:

            {"this": is not JSON}

        Raises:
            ApiError: `api.assert.invalid_type`.
        """
        return {}

    @action(http=["GET acme/:engine/paints/:name", "DELETE acme/:engineId/paints/:_id"])
    def other(self, request: Request, _id: str = "") -> Response:
        """Paths that differ in names alone are one path."""
        return Response(request)

    @action()
    def unreachable(self) -> None:
        """Has no route."""


@pytest.fixture
def paints() -> dict[str, Any]:
    registry = Registry(EventBus())
    registry.register(Paints())
    document = openapi_document(registry, version="1")
    openapi_spec_validator.validate(document)
    return document


def test_what_an_operation_says(paints: dict[str, Any]) -> None:
    assert list(paints["paths"]) == ["/_/acme/{engineId}/paints/{_id}", "/acme/{_id}", "/_/acme/paints/_search"]
    assert paints["tags"] == [{"name": "acme/paints", "description": "Paint of all colours."}]
    item = paints["paths"]["/_/acme/{engineId}/paints/{_id}"]
    assert list(item) == ["put", "get", "delete"]
    put = item["put"]
    assert (put["operationId"], put["summary"], put["description"]) == (
        "acme/paints:mixPaint",
        "Mix a paint.",
        "Slowly.",
    )
    parameters = {parameter["name"]: parameter for parameter in put["parameters"]}
    assert [(name, found["in"], found["required"]) for name, found in parameters.items()] == [
        ("engineId", "path", True),
        ("_id", "path", True),
        ("refresh", "query", False),
        ("coats", "query", True),
        ("glossy", "query", False),
        ("tools", "query", False),
        ("dryRun", "query", False),
        ("Idempotency-Key", "header", False),
    ]
    assert parameters["coats"]["schema"]["type"] == "integer"
    assert parameters["coats"]["example"] == 2
    assert parameters["glossy"]["schema"] == {"type": "boolean", "enum": [True]}
    assert "application/json" in parameters["tools"]["content"]
    body = put["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Colour"},
        "example": {"baseName": "red"},
    }
    colour = paints["components"]["schemas"]["Colour"]
    assert (colour["required"], list(colour["properties"])) == (["baseName"], ["baseName", "shade"])
    assert list(put["responses"]) == ["200", "400", "404", "412", "default"]
    answer = put["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["allOf"][1]["properties"]["result"] == {"$ref": "#/components/schemas/Colour"}
    assert answer["example"]["result"] == {"baseName": "red", "shade": 0}
    assert paints["paths"]["/acme/{_id}"]["post"]["operationId"] == "acme/paints:mixPaint:2"


def test_searches_take_their_body_where_the_verb_allows(paints: dict[str, Any]) -> None:
    item = paints["paths"]["/_/acme/paints/_search"]
    assert [parameter["name"] for parameter in item["get"]["parameters"]] == ["searchBody", "lang", "from"]
    assert "requestBody" not in item["get"]
    assert [parameter["name"] for parameter in item["post"]["parameters"]] == ["lang", "from"]
    assert item["post"]["requestBody"]["required"] is False


async def test_it_is_served(server: ServerProcess) -> None:
    """Over HTTP as the body itself, over WebSocket in the envelope."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        served = await http.get("/_openapi")
        assert served.headers["content-type"] == "application/json"
        document = served.json()
        assert document["openapi"] == "3.1.0"
        assert "/_/device-manager/engine/{index}" in document["paths"]
        assert "/_now" in document["paths"]
        as_yaml = await http.get("/_openapi", params={"format": "yaml"})
        assert as_yaml.headers["content-type"] == "application/yaml"
        assert yaml.load(as_yaml.text, yaml.CSafeLoader) == document
        own = (await http.get("/_openapi", params={"scope": "app"})).json()
        native = (await http.get("/_openapi", params={"scope": "kuzzle"})).json()
        assert own["paths"].keys() | native["paths"].keys() == document["paths"].keys()
        assert "/_now" not in own["paths"]
        assert "/_now" in native["paths"]
        for wrong in ({"format": "xml"}, {"scope": "all"}):
            error = (await http.get("/_openapi", params=wrong)).json()["error"]
            assert (error["status"], error["id"]) == (400, "api.assert.unexpected_argument")
    async with Client(server.url) as client:
        assert await client.call("server", "openapi") == document
        assert await client.call("server", "openapi", format="yaml") == as_yaml.text
        with pytest.raises(CallRefused, match="Unexpected argument"):
            await client.call("server", "openapi", format="html")
