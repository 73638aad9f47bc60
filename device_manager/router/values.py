"""The rules by which single values are read (router-protocol 2.4): what each type accepts, and what it becomes."""

from __future__ import annotations

import functools
import math
import operator
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Union

import msgspec
import orjson

from device_manager.errors import ApiError, api_error

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that JavaScript clients can express."""

Reader = Callable[[Any, bool, str], Any]
"""From a value, whether it is an HTTP argument, and its name in errors, to the value as the declared type."""

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_EXPECTED = re.compile(r"Expected (.+?)(?:, got .+?)?(?: - at `\$(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`(?: - at `\$(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+?)`(?: - at `\$(.*)`)?$")


def wrong_type(name: str, expected: str) -> ApiError:
    """The error for a value of the wrong type."""
    return api_error("api.assert.invalid_type", name, expected)


def read_string(value: Any, http: bool, name: str) -> str:
    """Text, the empty one included; null is a wrong type."""
    if type(value) is str:
        return value
    raise wrong_type(name, "string")


def _number(value: Any, name: str, expected: str) -> int | float:
    if type(value) is int or type(value) is float:
        return value
    if type(value) is str and (match := _NUMBER.match(value)):
        text = match[1]
        number = float(text)
        if math.isfinite(number):
            return int(text) if text.lstrip("+-").isdigit() else number
    raise wrong_type(name, expected)


def read_number(value: Any, http: bool, name: str) -> float:
    """A number, or text that begins with one."""
    try:
        return float(_number(value, name, "number"))
    except OverflowError:
        raise wrong_type(name, "number") from None


def read_integer(value: Any, http: bool, name: str) -> int:
    """A whole number that JavaScript can express, or text that begins with one."""
    number = _number(value, name, "integer")
    if not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER or number != int(number):
        raise wrong_type(name, "integer")
    return int(number)


def read_boolean(value: Any, http: bool, name: str) -> bool:
    """A boolean; null is false. Arguments over HTTP are flags: text of any kind is true."""
    if type(value) is bool:
        return value
    if value is None:
        return False
    if http and (type(value) is str or type(value) is list):
        return True
    raise wrong_type(name, "boolean")


def json_text(value: Any) -> Any:
    """The content of JSON text, anything else as it is."""
    if type(value) is str:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def reader_for(annotation: Any) -> tuple[Reader, bool]:
    """How to read values of the type `annotation`, and whether null is one of them."""
    inner, nullable = without_none(annotation)
    return _reader(inner), nullable or inner is Any


def without_none(annotation: Any) -> tuple[Any, bool]:
    """The type without `| None`, and whether it had that."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
        return functools.reduce(operator.or_, members), len(members) < len(typing.get_args(annotation))
    return annotation, False


def _reader(annotation: Any) -> Reader:
    plain = {str: read_string, int: read_integer, float: read_number, bool: read_boolean}.get(annotation)
    if plain is not None:
        return plain
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Annotated:
        return _constrained(annotation)
    if origin is list or origin is tuple:
        return _container(annotation, list, "array")
    if origin is dict or (isinstance(origin, type) and issubclass(origin, msgspec.Struct)):
        return _container(annotation, dict, "object")

    def read(value: Any, http: bool, name: str) -> Any:
        return convert(value, annotation, name)

    return read


def _constrained(annotation: Any) -> Reader:
    """Read the bare type first, then check what `Annotated` adds to it."""
    bare = _reader(typing.get_args(annotation)[0])

    def read(value: Any, http: bool, name: str) -> Any:
        return convert(bare(value, http, name), annotation, name)

    return read


def _container(annotation: Any, json_type: type, expected: str) -> Reader:
    def read(value: Any, http: bool, name: str) -> Any:
        content = json_text(value) if http else value
        if type(content) is not json_type:
            raise wrong_type(name, expected)
        return convert(content, annotation, name)

    return read


def convert(value: Any, annotation: Any, name: str) -> Any:
    """`value` as `annotation`; what msgspec refuses becomes the error of router-protocol 2.4 with the inner path."""
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        raise _translate(str(error), annotation, name) from None


def _members(annotation: Any) -> tuple[str, ...]:
    """The members of the objects that `annotation` describes, or that it lists."""
    inner, _ = without_none(annotation)
    if typing.get_origin(inner) is list:
        (inner,) = typing.get_args(inner)
    is_struct = isinstance(inner, type) and issubclass(inner, msgspec.Struct)
    return tuple(field.encode_name for field in msgspec.structs.fields(inner)) if is_struct else ()


def _translate(message: str, annotation: Any, name: str) -> ApiError:
    if unknown := _UNKNOWN.match(message):
        accepted = ", ".join(_members(annotation)) or "what its description names"
        return api_error("api.assert.unexpected_argument", f"{name}{unknown[2] or ''}.{unknown[1]}", accepted)
    if missing := _MISSING.match(message):
        return api_error("api.assert.missing_argument", f"{name}{missing[2] or ''}.{missing[1]}")
    if expected := _EXPECTED.match(message):
        words, path = expected[1], expected[2] or ""
        bare = words.strip("`").split(" | ")[0]
        if ", got " in message:
            return wrong_type(f"{name}{path}", _TYPES.get(bare, bare))
        return api_error("api.assert.invalid_argument", f"{name}{path}", words.replace("`", ""))
    return api_error("api.assert.invalid_argument", name, message)
