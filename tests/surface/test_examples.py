"""Every action's docstring shows a request that the action accepts, and a result of the shape that it declares."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

from device_manager.app import Application
from device_manager.router.action_text import ActionText
from device_manager.router.openapi import openapi_document
from device_manager.router.openapi_parts import result_type
from device_manager.router.parse import parse
from device_manager.router.registry import BoundAction
from device_manager.router.request import Connection

TextOf = Callable[[BoundAction], ActionText]
IN_THE_MESSAGE = {"controller", "action", "body", "dryRun", "idempotencyKey", "jwt", "volatile"}


def mistakes(bound: BoundAction, text: ActionText, operation: dict[str, Any], components: Any) -> Iterator[str]:
    """What is wrong with the examples of an action."""
    if not text.summary.endswith((".", "`", ":")):
        yield f"the summary is no sentence: {text.summary!r}"
    annotation = result_type(bound.method)
    if text.request is None or (text.result is None) is not (annotation is NoReturn):
        yield "there is no example request or no example result, or a result of what never succeeds"
        return
    message = json.loads(text.request)
    if (message.get("controller"), message.get("action")) != (bound.controller, bound.action):
        yield "the example is one of another action"
    bound.bind(parse(json.loads(text.request), Connection("test", "websocket")))
    result = json.loads(text.result or "null")
    if annotation is not Any and _is_struct(annotation):
        msgspec.convert(result, annotation)
    if operation:
        yield from against_the_document(message, result, operation, components)


def _is_struct(annotation: Any) -> bool:
    members = typing.get_args(annotation) or (annotation,)
    return any(isinstance(member, type) and issubclass(member, msgspec.Struct) for member in members)


def against_the_document(message: Any, result: Any, operation: dict[str, Any], components: Any) -> Iterator[str]:
    """What the OpenAPI document of an action's first route does not allow of its examples."""
    parameters = {parameter.get("x-argument", parameter["name"]): parameter for parameter in operation["parameters"]}
    if unknown := message.keys() - parameters.keys() - IN_THE_MESSAGE:
        yield f"the document does not have the arguments {unknown}"
    for name, parameter in parameters.items():
        schema = parameter["schema"] if "schema" in parameter else parameter["content"]["application/json"]["schema"]
        if name in message:
            yield from (f"{name}: {error}" for error in errors(schema, message[name], components))
        elif parameter["required"]:
            yield f"the required argument {name} is not in the example"
    body = operation.get("requestBody")
    if body is not None and ("body" in message or body["required"]):
        schema = body["content"]["application/json"]["schema"]
        yield from (f"body: {error}" for error in errors(schema, message.get("body"), components))
    answer = operation["responses"]["200"]["content"].get("application/json")
    if answer is not None:
        schema = answer["schema"]["allOf"][1]["properties"]["result"]
        yield from (f"result: {error}" for error in errors(schema, result, components))


def errors(schema: dict[str, Any], value: Any, components: Any) -> list[str]:
    """Why a value does not fit a schema of the document."""
    return [str(error) for error in jsonschema_rs.iter_errors({**schema, "components": components}, value)]


def test_every_action_has_examples_that_fit(
    application: Application, actions: list[BoundAction], text_of: TextOf
) -> None:
    document = openapi_document(application.router.registry, version="1")
    operations = {
        operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()
    }
    wrong = []
    for bound in actions:
        name = f"{bound.controller}:{bound.action}"
        try:
            found = mistakes(bound, text_of(bound), operations.get(name, {}), document["components"])
            wrong += [f"{name}: {mistake}" for mistake in found]
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def test_a_bad_example_is_found(application: Application, actions: list[BoundAction], text_of: TextOf) -> None:
    """Each of the checks above can fail."""
    document = openapi_document(application.router.registry, version="1")
    [create] = [bound for bound in actions if (bound.controller, bound.action) == ("device-manager/assets", "create")]
    operation = document["paths"]["/_/device-manager/{engineId}/assets"]["post"]
    text = text_of(create)
    assert list(mistakes(create, text, operation, document["components"])) == []
    message = json.loads(text.request or "")
    for change in ({"engineId": ...}, {"colour": "red"}, {"body": {"model": "Container", "reference": 1}}):
        changed = {name: value for name, value in (message | change).items() if value is not ...}
        assert list(against_the_document(changed, {}, operation, document["components"])), change
    assert list(against_the_document(message, [], operation, document["components"]))
