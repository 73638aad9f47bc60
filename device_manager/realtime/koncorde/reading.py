"""Reading the parts of a filter within its limits, with errors that name their place (router-protocol 7.1)."""

from __future__ import annotations

import math
import re
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.realtime.koncorde.limits import (
    CORNER,
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_PATH_DEPTH,
    MAX_TEXT,
    MAX_UNICODE_CLASSES,
)
from device_manager.realtime.koncorde.scalars import Key, NotScalar, key_of

_UNICODE_CLASS = re.compile(r"\\[pP]")


def wrong(where: str, why: str) -> ApiError:
    """The refusal of the part of a filter at `where`."""
    return api_error("api.assert.koncorde_dsl_error", f'"{where[:500] or "filter"}": {why}')


class Reader:
    """Reads the parts of one filter and counts its conditions and its text."""

    def __init__(self, max_conditions: int = MAX_CONDITIONS) -> None:
        self._max_conditions = max_conditions
        self._conditions = 0
        self._characters = 0
        self._unicode_classes = 0

    def count(self, where: str, conditions: int = 1) -> None:
        """Note further conditions."""
        self._conditions += conditions
        if self._conditions > self._max_conditions:
            raise wrong(where, f"a filter has at most {self._max_conditions} conditions")

    def check_depth(self, where: str, depth: int) -> None:
        """Refuse what is nested too deep."""
        if depth > MAX_DEPTH:
            raise wrong(where, f"filters are nested at most {MAX_DEPTH} deep")

    def text(self, value: Any, where: str, what: str = "a text") -> str:
        """`value`, which has to be a text."""
        if not isinstance(value, str):
            raise wrong(where, f"expected {what}")
        self._weigh(len(value), where)
        return value

    def corners(self, points: Any, where: str) -> list[Any]:
        """`points`, which have to be the corners of a polygon."""
        if not isinstance(points, list) or len(points) < 3:
            raise wrong(where, "expected an array of at least 3 points")
        self._weigh(CORNER * len(points), where)
        return points

    def pattern(self, value: Any, where: str) -> str:
        """`value`, which has to be the text of a regular expression."""
        pattern = self.text(value, where, "a regular expression as a text")
        self._unicode_classes += len(_UNICODE_CLASS.findall(pattern))
        if self._unicode_classes > MAX_UNICODE_CLASSES:
            raise wrong(where, f"the patterns of a filter have at most {MAX_UNICODE_CLASSES} classes of Unicode")
        return pattern

    def _weigh(self, characters: int, where: str) -> None:
        self._characters += characters
        if self._characters > MAX_TEXT:
            raise wrong(where, f"a filter has at most {MAX_TEXT} characters of text, {CORNER} for each corner")

    def path(self, value: Any, where: str) -> str:
        """`value`, which has to be the path of a field."""
        path = self.text(value, where, "the path of a field")
        if not path:
            raise wrong(where, "expected the path of a field, found an empty text")
        if path.count(".") >= MAX_PATH_DEPTH:
            raise wrong(where, f"the path of a field has at most {MAX_PATH_DEPTH} names")
        return path

    def scalar(self, value: Any, where: str) -> Key:
        """`value`, which has to be a text, a number, a boolean or null."""
        key = key_of(value)
        if isinstance(key, NotScalar):
            raise wrong(where, "expected a text, a number, a boolean or null")
        if isinstance(key, str):
            self.text(key, where)
        if isinstance(key, int | float):
            self.number(key, where)
        return key

    def number(self, value: Any, where: str) -> int | float:
        """`value`, which has to be a number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(where, "expected a number")
        try:
            is_finite = math.isfinite(value)
        except OverflowError:
            is_finite = False
        if not is_finite:
            raise wrong(where, "the number is out of range")
        return value

    def members(self, content: Any, where: str) -> dict[str, Any]:
        """`content`, which has to be an object with something in it."""
        if not isinstance(content, dict) or not content:
            raise wrong(where, "expected an object that is not empty")
        return content

    def one_field(self, content: Any, where: str, *own: str) -> tuple[str, Any]:
        """The one field of a keyword and what is said about it; `own` are members that have to stand beside it."""
        members = self.members(content, where)
        for name in own:
            if name not in members:
                raise wrong(where, f'the member "{name}" is missing')
        fields = [name for name in members if name not in own]
        if len(fields) != 1:
            beside = "".join(f' and "{name}"' for name in own)
            raise wrong(where, f"expected exactly one field{beside}")
        return self.path(fields[0], where), members[fields[0]]

    def array(self, content: Any, where: str) -> list[Any]:
        """`content`, which has to be an array with something in it."""
        if not isinstance(content, list) or not content:
            raise wrong(where, "expected an array that is not empty")
        return content

    def texts(self, content: Any, where: str) -> frozenset[str]:
        """`content`, which has to be an array of texts; each of them is a condition."""
        values = self.array(content, where)
        self.count(where, len(values))
        return frozenset(self.text(value, f"{where}[{place}]") for place, value in enumerate(values))
