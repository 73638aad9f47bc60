"""What the signature of an action says to an OpenAPI document: arguments, body and result as JSON Schema (design 4)."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from device_manager.router import parameters
from device_manager.router.binding import camel
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.values import MAX_SAFE_INTEGER, without_none

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
FLAG: Schema = {"type": "boolean", "enum": [True]}
"""Over HTTP a flag is true by being there, whatever its text, so false is said by leaving it out."""
SPECIAL: dict[Any, Schema] = {
    parameters.REFRESH: {"type": "string", "enum": ["wait_for", "false"]},
    parameters.LANG: {"type": "string", "enum": ["elasticsearch", "koncorde"], "default": "elasticsearch"},
}


class Argument(NamedTuple):
    """One parameter of an action as clients see it.

    Attributes:
        name: on the wire.
        kind: `body` for the body, `search` for a body that GET takes from the query string.
        annotation: its type; for special ones the mark of `parameters`.
        required: a request without it is refused.
    """

    name: str
    kind: Literal["argument", "body", "search"]
    annotation: Any
    required: bool


def arguments_of(method: Callable[..., Any]) -> list[Argument]:
    """The parameters of an action, without the request itself."""
    hints = typing.get_type_hints(method, include_extras=True)
    found = []
    for parameter in inspect.signature(method).parameters.values():
        annotation = hints[parameter.name]
        if annotation is Request:
            continue
        mark = typing.get_args(annotation)[1] if typing.get_origin(annotation) is typing.Annotated else None
        optional = parameter.default is not inspect.Parameter.empty
        if mark == parameters.SEARCH_BODY:
            found.append(Argument("searchBody", "search", mark, False))
        elif mark in SPECIAL:
            found.append(Argument(camel(parameter.name), "argument", mark, False))
        elif parameter.name == "body":
            inner, nullable = without_none(annotation)
            found.append(Argument("body", "body", inner, not optional and not nullable and inner is not Any))
        else:
            inner, _ = without_none(annotation)
            found.append(Argument(camel(parameter.name), "argument", inner, not optional and inner is not bool))
    return found


def result_type(method: Callable[..., Any]) -> Any:
    """What an action returns; `Any` where the method builds the response itself."""
    annotation = typing.get_type_hints(method, include_extras=True).get("return", Any)
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return Any if Response in members else annotation


class Schemas:
    """JSON Schemas of Python types, those of Structs once and by reference.

    Args:
        annotations: every type that will be asked for.
    """

    def __init__(self, annotations: Iterable[Any]) -> None:
        known = [annotation for annotation in dict.fromkeys(annotations) if _is_known(annotation)]
        schemas, self.components = msgspec.json.schema_components(known, ref_template=REFERENCE)
        self._schemas: dict[Any, Schema] = dict(zip(known, schemas, strict=True))

    def of(self, annotation: Any) -> Schema:
        """The schema of a type; everything is allowed where msgspec does not know it."""
        if annotation is bool:
            return FLAG
        if annotation is int:
            return {"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER}
        if annotation in SPECIAL:
            return SPECIAL[annotation]
        return self._schemas.get(annotation, {})

    def of_result(self, annotation: Any) -> Schema:
        """The schema of what an action returns."""
        return self._schemas.get(annotation, {})


def _is_known(annotation: Any) -> bool:
    if annotation is Any or isinstance(annotation, str):
        return False
    try:
        msgspec.json.schema_components([annotation], ref_template=REFERENCE)
    except TypeError:
        return False
    return True
