"""The types of fields in specifications: their options, and the check of one value (router-protocol 5.4). Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from device_manager.errors import ApiError
from device_manager.query.dates import date_parser, now_millis
from device_manager.query.geo import check_geo_point, check_geo_shape

Options = Mapping[str, Any]
Check = Callable[[Any], str | None]
"""Why a value is refused; None when it is not."""
Faults = Iterator[str]

SHAPES = frozenset(
    {"point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "envelope", "circle"}
    | {"geometrycollection"}
)
EPOCH = "epoch_millis"
"""Format of dates that name none."""

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@.]+(\.[^\s@.]+)*")
_HOST = re.compile(r"[^\s/?#]+")


class FieldKind(NamedTuple):
    """A type.

    Attributes:
        options: the members of `typeOptions` that it takes.
        faults: what is wrong with its options, as texts that go on from the path of the field.
        check: makes the check of one value.
        expected: what a value of it is, for messages.
    """

    options: frozenset[str]
    faults: Callable[[Options], Faults]
    check: Callable[[Options], Check]


def _no_faults(options: Options) -> Faults:
    return iter(())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == int(value) if value not in (float("inf"), float("-inf")) else False


def _bounds_faults(name: str) -> Callable[[Options], Faults]:
    def faults(options: Options) -> Faults:
        bounds = options.get(name)
        if bounds is None:
            return
        if not isinstance(bounds, dict) or not bounds.keys() <= {"min", "max"}:
            yield f"typeOptions.{name} has to be an object with min and max"
        elif not all(_is_number(bound) for bound in bounds.values()):
            yield f"typeOptions.{name} has to hold numbers"
        elif bounds.get("min", float("-inf")) > bounds.get("max", float("inf")):
            yield f"typeOptions.{name}.min is above its max"

    return faults


def _outside(value: float, bounds: Any, what: str) -> str | None:
    low, high = (bounds or {}).get("min"), (bounds or {}).get("max")
    if low is not None and value < low:
        return f"{what} {value} is below {low}"
    if high is not None and value > high:
        return f"{what} {value} is above {high}"
    return None


def _number(accepts: Callable[[Any], bool], expected: str) -> FieldKind:
    def check(options: Options) -> Check:
        bounds = options.get("range")
        return lambda value: _outside(value, bounds, "the number") if accepts(value) else f"expected {expected}"

    return FieldKind(frozenset({"range"}), _bounds_faults("range"), check)


def _anything(options: Options) -> Check:
    return lambda value: None


def _boolean(options: Options) -> Check:
    return lambda value: None if isinstance(value, bool) else "expected a boolean"


def _string(options: Options) -> Check:
    length = options.get("length")

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "expected a text"
        return _outside(len(value), length, "the length")

    return check


def _enum_faults(options: Options) -> Faults:
    values = options.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        yield "typeOptions.values has to be an array of texts that is not empty"


def _enum(options: Options) -> Check:
    values = tuple(options["values"])
    return lambda value: None if value in values else f"expected one of {', '.join(values)}"


def _not_empty_faults(options: Options) -> Faults:
    if not isinstance(options.get("notEmpty", False), bool):
        yield "typeOptions.notEmpty has to be a boolean"


def _formed_text(is_formed: Callable[[str], bool], expected: str) -> FieldKind:
    """A text of some form; the empty one is accepted unless `notEmpty` says otherwise."""

    def check(options: Options) -> Check:
        may_be_empty = not options.get("notEmpty", False)

        def check_text(value: Any) -> str | None:
            if not isinstance(value, str):
                return "expected a text"
            if not value:
                return None if may_be_empty else "it is empty"
            return None if is_formed(value) else f"expected {expected}"

        return check_text

    return FieldKind(frozenset({"notEmpty"}), _not_empty_faults, check)


def _is_email(text: str) -> bool:
    return len(text) <= 320 and _EMAIL.fullmatch(text) is not None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https", "ftp") and parts.port != 0 and bool(_HOST.fullmatch(parts.netloc))
    except ValueError:
        return False


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _format(options: Options) -> str:
    return "||".join(options.get("formats") or (EPOCH,))


def _date_faults(options: Options) -> Faults:
    formats = options.get("formats")
    if formats is not None:
        if not isinstance(formats, list) or not formats or not all(isinstance(name, str) for name in formats):
            yield "typeOptions.formats has to be an array of date formats that is not empty"
            return
        try:
            date_parser(_format(options))
        except ValueError as error:
            yield f"typeOptions.formats: {error}"
            return
    bounds = options.get("range")
    if bounds is None:
        return
    if not isinstance(bounds, dict) or not bounds.keys() <= {"min", "max"}:
        yield "typeOptions.range has to be an object with min and max"
        return
    for name, bound in bounds.items():
        if _bound(bound, _format(options)) is None:
            yield f"typeOptions.range.{name} is neither NOW nor a date of the formats"


def _bound(bound: Any, format: str) -> int | None:
    return now_millis() if bound == "NOW" else _millis(bound, format)


def _millis(value: Any, format: str) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return date_parser(format)(str(value))


def _date(options: Options) -> Check:
    format, bounds = _format(options), options.get("range") or {}

    def check(value: Any) -> str | None:
        millis = _millis(value, format)
        if millis is None:
            return f"expected a date in the format {format}"
        for name, is_outside, word in (("min", int.__lt__, "before"), ("max", int.__gt__, "after")):
            bound = _bound(bounds[name], format) if name in bounds else None
            if bound is not None and is_outside(millis, bound):
                return f"the date is {word} {bounds[name]}"
        return None

    return check


def _object_faults(options: Options) -> Faults:
    if not isinstance(options.get("strict", False), bool):
        yield "typeOptions.strict has to be a boolean"


def _object(options: Options) -> Check:
    return lambda value: None if isinstance(value, dict) else "expected an object"


def _geo_point(options: Options) -> Check:
    return lambda value: None if _passes(check_geo_point, value) else "expected a geographical point"


def _shape_faults(options: Options) -> Faults:
    shapes = options.get("shapeTypes")
    if shapes is None:
        return
    if not isinstance(shapes, list) or not shapes or not all(str(shape).lower() in SHAPES for shape in shapes):
        yield f"typeOptions.shapeTypes has to be an array of {', '.join(sorted(SHAPES))}"


def _geo_shape(options: Options) -> Check:
    shapes = frozenset(str(shape).lower() for shape in options.get("shapeTypes") or SHAPES)

    def check(value: Any) -> str | None:
        if not isinstance(value, dict) or not _passes(check_geo_shape, value):
            return "expected a geographical shape"
        shape = str(value.get("type", "")).lower()
        return None if shape in shapes else f"expected a shape of the type {', '.join(sorted(shapes))}"

    return check


def _passes(check: Callable[[Any], object], value: Any) -> bool:
    try:
        return check(value) is not False
    except (ApiError, ValueError):
        return False


KINDS: dict[str, FieldKind] = {
    "anything": FieldKind(frozenset(), _no_faults, _anything),
    "boolean": FieldKind(frozenset(), _no_faults, _boolean),
    "integer": _number(_is_whole, "a whole number"),
    "numeric": _number(_is_number, "a number"),
    "string": FieldKind(frozenset({"length"}), _bounds_faults("length"), _string),
    "enum": FieldKind(frozenset({"values"}), _enum_faults, _enum),
    "email": _formed_text(_is_email, "an e-mail address"),
    "date": FieldKind(frozenset({"formats", "range"}), _date_faults, _date),
    "url": _formed_text(_is_url, "a URL"),
    "ip_address": _formed_text(_is_ip_address, "an IP address"),
    "object": FieldKind(frozenset({"strict"}), _object_faults, _object),
    "geo_point": FieldKind(frozenset(), _no_faults, _geo_point),
    "geo_shape": FieldKind(frozenset({"shapeTypes"}), _shape_faults, _geo_shape),
}
"""The types by name."""
