"""The OpenAPI 3.1 document of an API, made from the declarations of its actions (design 4).

Routes come from `@action`, parameters and bodies from signatures, results from return types, texts and examples from
docstrings, errors from what `Raises:` names.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from device_manager.errors import CATALOGUE
from device_manager.router.action_text import ActionText, read_action_text
from device_manager.router.controller import HttpRoute
from device_manager.router.openapi_parts import FLAG, Argument, Schema, Schemas, arguments_of, result_type
from device_manager.router.registry import BoundAction, Registry, full_routes

_PLACEHOLDER = re.compile(r":(\w+)")
_ANSWER = {"$ref": "#/components/schemas/Answer"}
_REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_ENVELOPE: Schema = {
    "status": {"type": "integer"},
    "controller": {"type": ["string", "null"]},
    "action": {"type": ["string", "null"]},
    "requestId": {"type": ["string", "null"]},
    "node": {"type": "string"},
    "volatile": {"type": ["object", "null"]},
    "headers": {"type": "object"},
    "index": {},
    "collection": {},
    "result": {},
}
_ERROR: Schema = {
    "type": "object",
    "required": ["message", "status"],
    "properties": {
        "message": {"type": "string"},
        "status": {"type": "integer"},
        "id": {"type": "string", "description": "A name from the catalogue of errors."},
        "code": {"type": "integer"},
        "props": {"type": "array", "description": "The values that the message tells of."},
    },
}
_REQUIRED = ["status", "error", "controller", "action", "requestId", "node"]
COMPONENTS: Schema = {
    "Answer": {
        "type": "object",
        "description": "A request that was carried out.",
        "required": _REQUIRED,
        "properties": _ENVELOPE | {"error": {"type": "null"}},
    },
    "Refusal": {
        "type": "object",
        "description": "A request that failed.",
        "required": _REQUIRED,
        "properties": _ENVELOPE | {"error": _ERROR},
    },
}
KEY: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
TOKEN: Schema = {"type": "http", "scheme": "bearer", "description": "A token of `auth:login`, or an API key."}


def openapi_document(registry: Registry, *, version: str, controllers: Collection[str] | None = None) -> Schema:
    """The OpenAPI document of the routes of a registry.

    Args:
        registry: knows the actions.
        version: of the product.
        controllers: names of those to describe; None describes all.
    """
    actions = [
        bound
        for name, named in registry.table.items()
        if controllers is None or name in controllers
        for action, bound in named.items()
        if (bound.controller, bound.action) == (name, action)
    ]
    return _Document(registry, actions).build(version)


class _Document:
    def __init__(self, registry: Registry, actions: list[BoundAction]) -> None:
        self._registry = registry
        self._actions = [bound for bound in actions if bound.declaration.http]
        self._arguments = {bound: arguments_of(bound.method) for bound in self._actions}
        annotations = [argument.annotation for given in self._arguments.values() for argument in given]
        self._schemas = Schemas([*annotations, *(result_type(bound.method) for bound in self._actions)])
        self._paths: dict[str, Schema] = {}
        self._templates: dict[str, str] = {}

    def build(self, version: str) -> Schema:
        for bound in self._actions:
            text = read_action_text(bound.method.__doc__)
            for number, route in enumerate(full_routes(bound.declaration), 1):
                path, renamed = self._path(route)
                self._paths.setdefault(path, {})[route.verb.lower()] = self._operation(
                    bound, text, route, number, renamed
                )
        return {
            "openapi": "3.1.0",
            "info": {"title": "Device manager", "version": version, "description": "Generated from the actions."},
            "servers": [{"url": "/"}],
            "tags": self._tags(),
            "security": [{}, {"token": []}],
            "paths": self._paths,
            "components": {
                "schemas": COMPONENTS | self._schemas.components,
                "securitySchemes": {"token": TOKEN},
            },
        }

    def _tags(self) -> list[Schema]:
        tags = {}
        for bound in self._actions:
            controller = getattr(bound.method, "__self__", None)
            summary = read_action_text(type(controller).__doc__).summary
            tags[bound.controller] = {"name": bound.controller, "description": summary}
        return list(tags.values())

    def _path(self, route: HttpRoute) -> tuple[str, dict[str, str]]:
        """The templated path, and how its placeholders are called: paths that differ in names alone are one path."""
        names = _PLACEHOLDER.findall(route.path)
        path = _PLACEHOLDER.sub(r"{\1}", route.path)
        template = self._templates.setdefault(_PLACEHOLDER.sub("{}", route.path), path)
        return template, dict(zip(names, re.findall(r"\{(\w+)\}", template), strict=True))

    def _operation(
        self, bound: BoundAction, text: ActionText, route: HttpRoute, number: int, renamed: dict[str, str]
    ) -> Schema:
        request = _parsed(text.request)
        example = request if isinstance(request, dict) else {}
        name = f"{bound.controller}:{bound.action}"
        operation: Schema = {
            "operationId": name if number == 1 else f"{name}:{number}",
            "tags": [bound.controller],
            "summary": text.summary,
        }
        if text.description:
            operation["description"] = text.description
        operation["parameters"] = self._parameters(bound, route, renamed, example)
        body = self._body(bound, route, example)
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = self._responses(bound, text)
        return operation

    def _parameters(
        self, bound: BoundAction, route: HttpRoute, renamed: dict[str, str], example: Schema
    ) -> list[Schema]:
        by_name = {argument.name: argument for argument in self._arguments[bound]}
        found = []
        for name, shown in renamed.items():
            argument = by_name.get(name)
            schema = self._schemas.of(argument.annotation) if argument is not None else {}
            parameter = _parameter(shown, "path", schema or {"type": "string"}, True, example.get(name))
            if shown != name:  # another action has the same path, and with it the say on its names
                parameter |= {"description": f"The argument `{name}`.", "x-argument": name}
            found.append(parameter)
        for argument in by_name.values():
            if argument.kind == "argument" and argument.name not in renamed:
                found.append(self._query(argument, example))
            elif argument.kind == "search" and route.verb == "GET":
                found.append(_json_parameter("searchBody", {"type": "object"}, False, example.get("body")))
        if bound.declaration.writes:
            found.append(_parameter("dryRun", "query", FLAG, False, None))
            if not bound.declaration.secret:
                found.append(_parameter("Idempotency-Key", "header", KEY, False, None))
        return found

    def _query(self, argument: Argument, example: Schema) -> Schema:
        schema = self._schemas.of(argument.annotation)
        given = example.get(argument.name)
        if schema.get("type") in ("array", "object") or "$ref" in schema:
            return _json_parameter(argument.name, schema, argument.required, given)
        return _parameter(argument.name, "query", schema, argument.required, given)

    def _body(self, bound: BoundAction, route: HttpRoute, example: Schema) -> Schema | None:
        for argument in self._arguments[bound]:
            if argument.kind == "body" or (argument.kind == "search" and route.verb != "GET"):
                schema = {"type": "object"} if argument.kind == "search" else self._schemas.of(argument.annotation)
                content: Schema = {"schema": schema}
                if "body" in example:
                    content["example"] = example["body"]
                return {"required": argument.required, "content": {"application/json": content}}
        return None

    def _responses(self, bound: BoundAction, text: ActionText) -> Schema:
        responses: Schema = {"200": self._answer(bound, text)}
        refusal = _REFUSAL | (_PLAIN if bound.declaration.plain_errors else {})
        refusals: dict[int, list[str]] = defaultdict(list)
        for id in self._errors(bound, text):
            if id in CATALOGUE:
                refusals[CATALOGUE[id].status].append(f"`{id}`")
        for status, ids in sorted(refusals.items()):
            responses[str(status)] = {"description": ", ".join(ids), "content": refusal}
        return responses | {"default": {"description": "Any other refusal.", "content": refusal}}

    def _errors(self, bound: BoundAction, text: ActionText) -> list[str]:
        ids = dict.fromkeys(text.errors)
        for pattern in text.patterns:
            ids |= dict.fromkeys(id for id in CATALOGUE if id.startswith(pattern.removesuffix("*")))
        for name in text.raises_like:
            other = self._registry.table[bound.controller].get(name)
            if other is not None and other is not bound:
                ids |= dict.fromkeys(self._errors(other, read_action_text(other.method.__doc__)))
        return list(ids)

    def _answer(self, bound: BoundAction, text: ActionText) -> Schema:
        annotation = result_type(bound.method)
        if annotation is Any:
            return {"description": "The result.", "content": {"*/*": {"schema": {}}}}
        schema = self._schemas.of_result(annotation)
        if bound.declaration.writes and schema.get("type") == "object":
            schema = schema | {"properties": {"dryRun": FLAG}}
        envelope = {"type": "object", "required": ["result"], "properties": {"result": schema}}
        content: Schema = {"schema": {"allOf": [_ANSWER, envelope]}}
        if text.result is not None:
            content["example"] = {
                "status": 200,
                "error": None,
                "controller": bound.controller,
                "action": bound.action,
                "requestId": "1",
                "node": "knode-calm-heron-1",
                "volatile": None,
                "headers": {},
                "result": _parsed(text.result),
            }
        return {"description": "The result in the envelope of all answers.", "content": {"application/json": content}}


def _parsed(example: str | None) -> Any:
    """The content of an example; a plugin's that is not JSON is left out."""
    try:
        return json.loads(example or "null")
    except json.JSONDecodeError:
        return None


def _parameter(name: str, place: str, schema: Schema, required: bool, example: Any) -> Schema:
    found = {"name": name, "in": place, "required": required, "schema": schema}
    return found if example is None else found | {"example": example}


def _json_parameter(name: str, schema: Schema, required: bool, example: Any) -> Schema:
    """A parameter that carries JSON text."""
    content: Schema = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"name": name, "in": "query", "required": required, "content": {"application/json": content}}
