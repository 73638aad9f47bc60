"""Typed values as JSON text and back, without being told the type: what steps return is kept in this form (design 9).

Plain values and lists stand for themselves; everything else is an object `{"$": kind, "v": content}`. The inside of a
dict is taken as plain JSON.
"""

from __future__ import annotations

import enum
import functools
import sys
from typing import Any

import msgspec
import orjson

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document

_PLAIN = (type(None), bool, int, float, str)
_DICT, _TUPLE, _DOCUMENT, _ERROR = "dict", "tuple", "document", "error"


def encode(value: Any) -> str:
    """The text of `value`. Raises TypeError for what is neither plain data, struct, enum, named tuple nor ApiError."""
    return orjson.dumps(_encoded(value)).decode()


def decode(text: str) -> Any:
    """The value behind a text that `encode` made.

    Raises:
        ApiError: `services.storage.unexpected_error` for types that another version of the product had.
    """
    try:
        return _decoded(orjson.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"what an earlier attempt recorded is of another version of the server: {error!r}"
        raise api_error("services.storage.unexpected_error", problem) from error


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [_encoded(item) for item in value]
    if kind is dict:
        return {"$": _DICT, "v": value}
    if kind is tuple:
        return {"$": _TUPLE, "v": [_encoded(item) for item in value]}
    if kind is Document:
        return {"$": _DOCUMENT, "v": [value.id, value.source, value.version]}
    if isinstance(value, ApiError):
        return {"$": _ERROR, "v": [value.message, value.status, value.id, value.code, list(value.props), value.extra]}
    if isinstance(value, enum.Enum):
        return {"$": _path(kind), "v": [_encoded(value.value)]}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return {"$": _path(kind), "v": [_encoded(item) for item in value]}
    if isinstance(value, msgspec.Struct):
        return {"$": _path(kind), "v": [_encoded(getattr(value, name)) for name in kind.__struct_fields__]}
    raise TypeError(f"a step cannot return a {kind.__name__}: it cannot be kept for a retry")


def _path(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise TypeError(f"a step cannot return a {kind.__qualname__}: a retry would not find this type")
    return f"{kind.__module__}:{kind.__qualname__}"


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, content = value["$"], value["v"]
    if kind == _DICT:
        return content
    if kind == _TUPLE:
        return tuple(_decoded(content))
    if kind == _DOCUMENT:
        return Document(*content)
    if kind == _ERROR:
        message, status, id, code, props, extra = content
        return ApiError(message, status=status, id=id, code=code, props=tuple(props), extra=extra)
    cls = _class(kind)
    values = _decoded(content)
    if issubclass(cls, msgspec.Struct):
        return cls(**dict(zip(cls.__struct_fields__, values, strict=True)))
    return cls(*values)


@functools.cache
def _class(path: str) -> type:
    """The type of that name. Raises TypeError for one that `encode` never writes."""
    module, _, name = path.partition(":")
    found: Any = functools.reduce(getattr, name.split("."), sys.modules[module])
    if not isinstance(found, type) or not issubclass(found, (msgspec.Struct, enum.Enum, tuple)):
        raise TypeError(f"{path} is no struct, enum or named tuple")
    return found
