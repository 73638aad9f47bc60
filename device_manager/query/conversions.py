"""Which values each scalar type accepts and what it indexes of them, as Elasticsearch 8.19 does (design 6)."""

from __future__ import annotations

import contextlib
import math
import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from device_manager.query.instants import DEFAULT_FORMAT, compile_format

IndexValue = str | int | float
"""What is compared: text for keywords, milliseconds for dates, 0 and 1 for booleans, numbers for numbers."""

Convert = Callable[[Any], IndexValue | None]
"""From a value of the source, neither null nor an array, to what the index holds; None indexes nothing."""

MAX_KEYWORD_BYTES = 32_766
SURELY_SHORT = MAX_KEYWORD_BYTES // 4
"""Characters that fit into a keyword whatever they are."""

_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BLANKS = "".join(map(chr, range(33)))
_MAX_DECIMAL_EXPONENT = 400
INTEGER_BOUNDS = {"integer": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}
_FLOAT = struct.Struct("<f")


class Refused(ValueError):
    """A value that its field does not accept; the text says why, for people."""


def _refuse(value: object, expected: str) -> Refused:
    try:
        shown = "an object" if isinstance(value, dict) else orjson.dumps(value, default=str).decode()
    except TypeError:  # an integer beyond 64 bits
        shown = repr(value)
    return Refused(f"expects {expected}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")


def text_of(value: Any) -> str:
    """A scalar of the source as text, the way it is written in JSON."""
    if isinstance(value, str):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return orjson.dumps(value).decode()
    raise _refuse(value, "text")


def truth_of(value: Any) -> int:
    """0 or 1 from a boolean or its name. Raises Refused."""
    if value is True or value == "true":
        return 1
    if value is False or value == "false":
        return 0
    raise _refuse(value, "true or false")


def number_of(type: str, value: Any) -> int | float:
    """The finite number that a query means for a field of `type`; integers stay exact. Raises Refused."""
    if isinstance(value, str) and type == "long":
        exact = _decimal(value)
        return int(exact) if exact == int(exact) else float(exact)
    number = _number_in(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise _refuse(value, "a finite number")
    return number


def single(value: float) -> float:
    """`value` rounded to 32 bits, as fields of type `float` hold it; infinite when it is too large for them."""
    try:
        rounded: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def keyword(parameters: Mapping[str, Any]) -> Convert:
    """Keywords: scalars as text, at most 32,766 bytes; longer than `ignore_above` characters is not indexed."""
    ignore_above = parameters.get("ignore_above", 2**31 - 1)

    def convert(value: Any) -> str | None:
        text = text_of(value)
        if len(text) > ignore_above:
            return None
        if len(text) > SURELY_SHORT and (size := len(text.encode())) > MAX_KEYWORD_BYTES:
            raise Refused(f"is a keyword of at most {MAX_KEYWORD_BYTES} bytes, got {size}")
        return text

    return convert


def text(parameters: Mapping[str, Any]) -> Convert:
    """Text: scalars; only their presence is indexed."""

    def convert(value: Any) -> int:
        text_of(value)
        return 1

    return convert


def boolean(parameters: Mapping[str, Any]) -> Convert:
    """Booleans, also written as text; the empty text is false."""

    def convert(value: Any) -> int:
        if value is True or value is False:
            return int(value)
        return 0 if value == "" else truth_of(value)

    return convert


def integer(parameters: Mapping[str, Any]) -> Convert:
    """32 bit integers: numbers and text, fractions cut off unless `coerce` is false."""
    coerce = parameters.get("coerce", True)
    lowest, highest = INTEGER_BOUNDS["integer"]

    def convert(value: Any) -> int | None:
        if value.__class__ is int and lowest <= value <= highest:
            return value
        number = _number(value, "an integer", coerce)
        if number is None:
            return None
        if not lowest <= number <= highest or (not coerce and number != int(number)):
            raise _refuse(value, "a 32 bit integer")
        return int(number)

    return convert


def long(parameters: Mapping[str, Any]) -> Convert:
    """64 bit integers: numbers and text, fractions cut off unless `coerce` is false."""
    coerce = parameters.get("coerce", True)
    lowest, highest = INTEGER_BOUNDS["long"]

    def convert(value: Any) -> int | None:
        if value.__class__ is int and lowest <= value <= highest:
            return value
        exact = coerce and isinstance(value, str) and value
        number = _decimal(value) if exact else _number(value, "an integer", coerce)
        if number is None:
            return None
        if isinstance(number, float) and number == highest + 1:  # the nearest 64 bit float to the largest integer
            return highest
        if not lowest <= int(number) <= highest or (not coerce and number != int(number)):
            raise _refuse(value, "a 64 bit integer")
        return int(number)

    return convert


def double(parameters: Mapping[str, Any]) -> Convert:
    """64 bit floating point: finite numbers and text."""
    coerce = parameters.get("coerce", True)

    def convert(value: Any) -> float | None:
        if value.__class__ is float and math.isfinite(value):
            return value
        number = _number(value, "a number", coerce)
        if number is None:
            return None
        try:
            as_float = float(number)
        except OverflowError:
            as_float = math.inf
        if not math.isfinite(as_float):
            raise _refuse(value, "a finite number")
        return as_float

    return convert


def float_(parameters: Mapping[str, Any]) -> Convert:
    """32 bit floating point: finite numbers and text, rounded."""
    as_double = double(parameters)

    def convert(value: Any) -> float | None:
        number = as_double(value)
        if number is None:
            return None
        rounded = single(float(number))
        if math.isinf(rounded):
            raise _refuse(value, "a number that fits 32 bits")
        return rounded

    return convert


def date(parameters: Mapping[str, Any]) -> Convert:
    """Dates: text in one of the formats, by default ISO 8601 or milliseconds since 1970; numbers count as text."""
    format = parameters.get("format", DEFAULT_FORMAT)
    parse = compile_format(format)
    by_default = format == DEFAULT_FORMAT

    def convert(value: Any) -> int | None:
        if by_default and value.__class__ is int and 9999 < value < 1 << 53:
            return value
        if isinstance(value, (dict, bool)):
            raise _refuse(value, f"a date ({format})")
        if parse is None:  # a format of an existing collection that only its own store can read
            return None
        millis = parse(text_of(value))
        if millis is None:
            raise _refuse(value, f"a date ({format})")
        return millis

    return convert


def _number(value: Any, expected: str, coerce: bool) -> int | float | None:
    """A number of the source, or the number that a text holds; the empty text counts as null."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise _refuse(value, expected)
        return value
    if isinstance(value, str) and coerce:
        if not value:
            return None
        if value == "NaN" and expected == "an integer":
            return 0
        number = _number_in(value)
        if number is not None:
            return number
    raise _refuse(value, expected)


def _number_in(text: str) -> int | float | None:
    """The number in a text as 64 bit floats are read, but integers exactly; None when there is none."""
    stripped = text.strip(_BLANKS)
    if not _DOUBLE.fullmatch(stripped):
        return None
    plain = stripped.rstrip("fFdD")
    if set(plain) & set(".eE") or len(plain) > _MAX_DECIMAL_EXPONENT:
        return float(plain)
    return int(plain) or float(plain)  # there is a -0.0


def _decimal(value: str) -> Decimal:
    """The exact number in a text, as 64 bit integers are read."""
    if _DECIMAL.fullmatch(value):
        with contextlib.suppress(InvalidOperation):  # an exponent of very many digits
            number = Decimal(value)
            if number.adjusted() < _MAX_DECIMAL_EXPONENT:
                return number
    raise _refuse(value, "an integer")


CONVERTERS: dict[str, Callable[[Mapping[str, Any]], Convert]] = {
    "keyword": keyword,
    "text": text,
    "boolean": boolean,
    "integer": integer,
    "long": long,
    "float": float_,
    "double": double,
    "date": date,
}


def converter(definition: Mapping[str, Any]) -> Convert:
    """The conversion of one leaf of a mapping, null included when the leaf has a `null_value`.

    Raises:
        Refused: the leaf does not accept its own `null_value`.
    """
    type, null_value = definition["type"], definition.get("null_value")
    convert = CONVERTERS[type](definition)
    if null_value is None:
        return convert
    null = convert(null_value)

    def convert_or_fill(value: Any) -> IndexValue | None:
        if value is None:
            return null
        indexed = convert(value)
        return null if indexed is None and value == "" and type != "keyword" else indexed

    return convert_or_fill
