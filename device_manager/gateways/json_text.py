"""Reads JSON messages within a bound on their nesting, and finds the request id of those that cannot be read."""

from __future__ import annotations

import re
from typing import Any

import orjson

REQUEST_ID = re.compile(rb'"requestId"\s*:\s*("(?:[^"\\]|\\.)*")')
SEARCHED_BYTES = 1 << 16
"""How much of both ends of an unreadable message is searched for its request id."""


class UnreadableJson(ValueError):
    """The text is no JSON, or nests too deep; its argument says which and where."""


def read_json(text: bytes, max_depth: int) -> Any:
    """Parse JSON of at most `max_depth` nested arrays and objects.

    Raises:
        UnreadableJson: malformed, not UTF-8, or nested too deep.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableJson(str(error)) from error
    if len(text) > 2 * max_depth and text.count(b"{") + text.count(b"[") > max_depth and _deeper_than(value, max_depth):
        raise UnreadableJson(f"nested deeper than {max_depth} levels")
    return value


def find_request_id(text: bytes) -> str | None:
    """The request id of a message that is no JSON, if there is exactly one candidate at its ends."""
    ends = text if len(text) <= 2 * SEARCHED_BYTES else text[:SEARCHED_BYTES] + b"\n" + text[-SEARCHED_BYTES:]
    candidates = set(REQUEST_ID.findall(ends))
    if len(candidates) != 1:
        return None
    try:
        return str(orjson.loads(candidates.pop()))
    except orjson.JSONDecodeError:
        return None


def _deeper_than(value: Any, max_depth: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(max_depth):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True
