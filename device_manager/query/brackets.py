"""Paths with a value in brackets, `tags["red"]`, as `exists` and `missing` write them (router-protocol 7)."""

from __future__ import annotations

import re

import orjson

from device_manager.query.tree import Scalar

_BRACKETS = re.compile(r"(?P<field>(?:\\[\[\]]|[^\[\]])++)(?:\[(?P<value>.*)\])?", re.DOTALL)


class BadBrackets(ValueError):
    """A path that cannot be read; the text says why."""


def field_and_value(path: str) -> tuple[str, bool, Scalar]:
    r"""The path of a field, whether a value stands in brackets behind it, and that value.

    Brackets that belong to the name of a field are written `\[` and `\]`.

    Raises:
        BadBrackets: brackets do not match, or there is no scalar of JSON in them.
    """
    match = _BRACKETS.fullmatch(path)
    if match is None:
        raise BadBrackets(f"brackets do not match in {path!r}")
    field = match["field"].replace("\\[", "[").replace("\\]", "]")
    if match["value"] is None:
        return field, False, None
    try:
        value = orjson.loads(match["value"])
    except ValueError:
        raise BadBrackets(f"no JSON value stands in the brackets of {path!r}") from None
    if isinstance(value, dict | list):
        raise BadBrackets(f"expected a scalar in {path!r}")
    return field, True, value
