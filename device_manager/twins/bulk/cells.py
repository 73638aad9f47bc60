"""The values of metadata as cells of a CSV file, read and written by the model's mapping (the bulk imports). Pure.

Text stands as it is, numbers, booleans, dates and null as in JSON, a position as `lat,lon`, arrays and objects as JSON;
where that would be read as something else, a value stands as JSON. An empty cell is no value at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from device_manager.errors import ApiError, api_error

Source = dict[str, Any]

PREFIX = "metadata."
NULL = "null"
INTEGERS = frozenset({"integer", "long", "short", "byte"})
NUMBERS = INTEGERS | {"float", "double", "half_float", "scaled_float"}
OBJECTS = frozenset({"object", "nested", "geo_shape"})
TEXTS = frozenset({"keyword", "text"})
LONGS = range(-(2**63), 2**63)
"""What a whole number of a mapping may be."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d{1,32}")


class Field(NamedTuple):
    """A field of the metadata.

    Attributes:
        path: dotted.
        type: as the mapping names it; `object` for one with members.
        members: it has members that are fields of their own.
        is_default: new twins get a value here, or below, that the file does not give.
    """

    path: str
    type: str
    members: bool = False
    is_default: bool = False

    @property
    def column(self) -> str:
        """The name of its column."""
        return PREFIX + self.path


def fields_of(mappings: Mapping[str, Any], defaults: Iterable[str] = (), above: str = "") -> Iterator[Field]:
    """The fields of `metadataMappings`, every object before its members."""
    named = {path.partition(".")[0] for path in defaults}
    for name, definition in mappings.items():
        properties = definition.get("properties")
        type = definition.get("type", "object")
        members = bool(properties) and type != "nested"
        yield Field(above + name, type, members, name in named)
        if members:
            yield from fields_of(properties, (), f"{above}{name}.")


def read_metadata(cells: Iterable[tuple[Field, str]]) -> Source:
    """The metadata that the cells of one row hold; an object's own cell has to come before those of its members.

    Raises:
        ApiError: `api.assert.invalid_type` names the column and what its field takes.
    """
    metadata: Source = {}
    for field, text in cells:
        if text and "." in field.path:
            _put(metadata, field.path.split("."), read_cell(text, field))
        elif text:
            metadata[field.path] = read_cell(text, field)
    return metadata


def write_metadata(metadata: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, str]:
    """The cells, by path, that `read_metadata` reads back as `metadata`; empty ones are left out."""
    cells: dict[str, str] = {}
    grouped: dict[str, list[Field]] = {}
    for field in fields:
        grouped.setdefault(field.path.partition(".")[0], []).append(field)
    for name, (field, *below) in grouped.items():
        value = metadata.get(name)
        if value is None:
            cells |= {name: NULL} if field.is_default and name in metadata else {}
        elif below:
            cells |= _member_cells(value, field, below)
        else:
            cells[name] = write_cell(value, field)
    return cells


def _member_cells(value: Any, field: Field, below: list[Field]) -> dict[str, str]:
    """The cells of an object's members; the object as one cell where they do not say everything."""
    cells: dict[str, str] = {}
    leaves = [leaf for leaf in below if not leaf.members]
    for leaf in leaves:
        found, inner = _find(value, leaf.path.split(".")[1:])
        if found:
            cells[leaf.path] = write_cell(inner, leaf)
    read = read_metadata((leaf, cells[leaf.path]) for leaf in leaves if leaf.path in cells)
    return cells if _alike(read.get(field.path), value) else {field.path: orjson.dumps(value).decode()}


def read_cell(text: str, field: Field) -> Any:
    """The value that a cell holds, which is not empty.

    Raises:
        ApiError: `api.assert.invalid_type`.
    """
    if text == NULL:
        return None
    if text[0] in '["' or (text[0] == "{" and field.type not in TEXTS):
        return _json(text, field)
    return _PLAIN.get(field.type, _text)(text, field)


def _json(text: str, field: Field) -> Any:
    """The content of JSON; what only looks like it stays text where the field takes text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if field.type in NUMBERS or field.type in OBJECTS or field.type == "boolean":
            raise _refuse(field) from None
        return text


def _text(text: str, field: Field) -> str:
    return text


def _truth(text: str, field: Field) -> bool:
    if text.lower() not in ("true", "false"):
        raise _refuse(field)
    return text.lower() == "true"


def _date(text: str, field: Field) -> int | str:
    return int(text) if _WHOLE.fullmatch(text) and int(text) in LONGS else text


def _no_json(text: str, field: Field) -> Any:
    raise _refuse(field)


def write_cell(value: Any, field: Field) -> str:
    """The cell that `read_cell` reads as `value`; of a number or a boolean in a text field, the text."""
    plain = _plain(value)
    if plain and plain == plain.strip() and "\r" not in plain:
        try:
            if _alike(read_cell(plain, field), value):
                return plain
        except ApiError:
            return orjson.dumps(value).decode()
    return orjson.dumps(value).decode()


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"lat", "lon"}:
        return f"{_plain(value['lat'])},{_plain(value['lon'])}"
    return orjson.dumps(value).decode()


def _number(text: str, field: Field) -> int | float:
    if _WHOLE.fullmatch(text) and (number := int(text)) in LONGS:
        return number
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise _refuse(field)
    return value


def _position(text: str, field: Field) -> Any:
    """`lat,lon` as numbers; other forms of a position stay text."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return text
    lat, lon = (_number(part, field) for part in parts)
    return {"lat": lat, "lon": lon}


_PLAIN: dict[str, Callable[[str, Field], Any]] = {
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(OBJECTS, _no_json),
    "boolean": _truth,
    "date": _date,
    "geo_point": _position,
}
"""How fields read what is not JSON, unless they take it as text."""


def _refuse(field: Field) -> ApiError:
    kind = "integer" if field.type in INTEGERS else "number" if field.type in NUMBERS else field.type
    return api_error("api.assert.invalid_type", field.column, kind)


def _alike(first: Any, second: Any) -> bool:
    """Equal also in the types of numbers and the order of members."""
    return orjson.dumps(first) == orjson.dumps(second)


def _find(value: Any, path: list[str]) -> tuple[bool, Any]:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _put(target: Source, path: list[str], value: Any) -> None:
    *above, last = path
    for name in above:
        inner = target.get(name)
        if not isinstance(inner, dict):
            inner = target[name] = {}
        target = inner
    target[last] = value
