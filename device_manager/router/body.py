"""Reads the body of a request as the type that an action declares (router-protocol 2.4, design 4).

Typed bodies take a fast path through msgspec; what it refuses is walked field by field, in declaration order, with the
rules that msgspec does not know, and ends in a value or in the exact error.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from device_manager.errors import api_error
from device_manager.router.values import MAX_SAFE_INTEGER, Reader, convert, reader_for, without_none, wrong_type

BodyReader = Callable[[Any], Any]


class _Field(NamedTuple):
    wire_name: str
    attribute: str
    read: Reader
    nullable: bool
    required: bool
    missing: Callable[[], Any]


def body_reader(annotation: Any, *, optional: bool, default: Any = None) -> BodyReader:
    """The function that turns a decoded body into a value of type `annotation`.

    Args:
        annotation: a Struct, a `dict` or `list` type, or `Any`; may include None.
        optional: an absent body gives `default`.
        default: see `optional`.
    """
    inner, nullable = without_none(annotation)
    if inner is Any:
        read: BodyReader = _identity
    elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        struct = StructBody(inner)
        if not (optional or nullable):
            return struct
        read = struct
    else:
        read = _plain(inner)
    if optional or nullable:
        return lambda body: default if body is None else read(body)
    return lambda body: read(_present(body))


def _identity(body: Any) -> Any:
    return body


def _present(body: Any) -> Any:
    if body is None:
        raise api_error("api.assert.body_required")
    return body


def _plain(annotation: Any) -> BodyReader:
    """Bodies without declared fields."""
    expected = list if typing.get_origin(annotation) is list or annotation is list else dict
    name = "array" if expected is list else "object"
    free = annotation in (list, dict, list[Any], dict[str, Any])

    def read(body: Any) -> Any:
        if type(body) is not expected:
            raise wrong_type("body", name)
        return body if free else convert(body, annotation, "body")

    return read


class StructBody:
    """Reads bodies with declared fields. Calling it takes the fast path first; `walk` is the slow one alone."""

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self._struct = struct
        self._closed = bool(struct.__struct_config__.forbid_unknown_fields)
        self._fields = [_field(info) for info in msgspec.structs.fields(struct)]
        self._names = {field.wire_name for field in self._fields}
        self._integers = tuple(field.attribute for field in self._fields if _holds_integer(struct, field.attribute))

    def __call__(self, body: Any) -> Any:
        """The body as its Struct.

        Raises:
            ApiError: `api.assert.body_required`, `missing_argument`, `invalid_type`, `invalid_argument` or
                `unexpected_argument`, for the first field in declaration order that is wrong.
        """
        try:
            value = msgspec.convert(body, self._struct)
        except msgspec.ValidationError:
            return self.walk(body)
        for attribute in self._integers:
            number = getattr(value, attribute)
            if number is not None and not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
                return self.walk(body)
        return value

    def walk(self, body: Any) -> Any:
        """The same by the rules of router-protocol 2.4 alone, field by field."""
        if body is not None and type(body) is not dict:
            raise wrong_type("body", "object")
        values: dict[str, Any] = {}
        for field in self._fields:
            if body is not None and field.wire_name in body:
                value = body[field.wire_name]
                if value is not None or not field.nullable:
                    value = field.read(value, False, f"body.{field.wire_name}")
                values[field.attribute] = value
            elif not field.required:
                values[field.attribute] = field.missing()
            elif body is None:
                raise api_error("api.assert.body_required")
            else:
                raise api_error("api.assert.missing_argument", f"body.{field.wire_name}")
        if self._closed and body is not None:
            self._refuse_unknown(body)
        return self._struct(**values)

    def _refuse_unknown(self, body: dict[str, Any]) -> None:
        for name in body:
            if name not in self._names:
                raise api_error("api.assert.unexpected_argument", f"body.{name}", ", ".join(sorted(self._names)))


def _field(info: msgspec.structs.FieldInfo) -> _Field:
    read, nullable = reader_for(info.type)
    # An absent boolean is false (getBodyBoolean), whether it has a default or not.
    required = info.required and info.type is not bool
    if info.default is not msgspec.NODEFAULT:
        default = info.default
        return _Field(info.encode_name, info.name, read, nullable, required, lambda: default)
    factory = bool if info.default_factory is msgspec.NODEFAULT else info.default_factory
    return _Field(info.encode_name, info.name, read, nullable, required, factory)


def _holds_integer(struct: type[msgspec.Struct], attribute: str) -> bool:
    annotation, _ = without_none(typing.get_type_hints(struct)[attribute])
    return annotation is int
