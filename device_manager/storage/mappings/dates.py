"""Dates as Elasticsearch reads them: ISO text or epoch numbers to milliseconds since 1970 (design 6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"

Parse = Callable[[str], int | None]

_ISO = re.compile(
    r"(-?[0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?|[A-Z][A-Za-z0-9/_+-]*)?)?)?",
)
_NUMBER = re.compile(r"(-?[0-9]{1,19})(?:\.([0-9]*))?")
_MAX_MILLIS = (1 << 63) - 1


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    y, mo, d = int(year), int(month or 1), int(day or 1)
    h, mi, s = int(hour or 0), int(minute or 0), int(second or 0)
    if not (1 <= mo <= 12 and 1 <= d <= _month_length(y, mo) and h <= 23 and mi <= 59 and s <= 59):
        return None
    local = _days(y, mo, d) * 86_400 + h * 3600 + mi * 60 + s
    offset = _offset(zone, local)
    if offset is None:
        return None
    return (local - offset) * 1000 + int(((fraction or "") + "000")[:3])


def _month_length(year: int, month: int) -> int:
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _offset(zone: str | None, local: int) -> int | None:
    """Seconds east of Greenwich at `local` seconds on the zone's own clock; None when there is no such zone."""
    if not zone or zone == "Z":
        return 0
    if zone[0] not in "+-":
        return _named_offset(zone, local)
    digits = zone[1:].replace(":", "")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4] or 0), int(digits[4:] or 0)
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > 18 * 3600:
        return None
    return -total if zone[0] == "-" else total


def _named_offset(zone: str, local: int) -> int | None:
    try:
        moment = datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(seconds=local)
        offset = moment.utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None
    return None if offset is None else int(offset.total_seconds())


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar carried backwards; the year 0 exists."""
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year // 400 * 146_097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719_468


def _epoch(scale: int, digits: int) -> Parse:
    """Units of `scale` milliseconds since 1970 with at most so many digits after the point, rounded down."""

    def parse(text: str) -> int | None:
        match = _NUMBER.fullmatch(text)
        if match is None or len(fraction := match[2] or "") > digits:
            return None
        size = 10 ** len(fraction)
        value = abs(int(match[1])) * size + int(fraction or 0)
        if value == 0 and scale > 1 and text.startswith("-"):
            return None
        millis = (-value if text.startswith("-") else value) * scale // size
        return millis if abs(millis) <= _MAX_MILLIS else None

    return parse


_NAMED: dict[str, Parse] = {
    "strict_date_optional_time": _iso,
    "date_optional_time": _iso,
    "strict_date_optional_time_nanos": _iso,
    "epoch_millis": _epoch(1, 6),
    "epoch_second": _epoch(1000, 9),
}

_LETTERS = {
    "yyyy": r"(?P<y>[0-9]{4})",
    "uuuu": r"(?P<y>[0-9]{4})",
    "MM": r"(?P<mo>[0-9]{2})",
    "dd": r"(?P<d>[0-9]{2})",
    "HH": r"(?P<h>[0-9]{2})",
    "mm": r"(?P<mi>[0-9]{2})",
    "ss": r"(?P<s>[0-9]{2})",
    "SSS": r"(?P<ms>[0-9]{3})",
}
_PATTERN_PART = re.compile(r"'([^']*)'|(yyyy|uuuu|MM|dd|HH|mm|ss|SSS)|([^A-Za-z'\[\]{}#]+)")


def _pattern(pattern: str) -> Parse | None:
    """A parser for patterns of digits and punctuation such as `yyyy/MM/dd HH:mm`; None for any other."""
    expression, end = "", 0
    for part in _PATTERN_PART.finditer(pattern):
        if part.start() != end:
            return None
        end = part.end()
        expression += _LETTERS[part[2]] if part[2] else re.escape(part[1] if part[1] is not None else part[3])
    if end != len(pattern) or not pattern:
        return None
    try:
        compiled = re.compile(expression)
    except re.error:  # the same unit twice
        return None

    def parse(text: str) -> int | None:
        match = compiled.fullmatch(text)
        if match is None:
            return None
        part = match.groupdict()
        clock = f"{part.get('h') or '00'}:{part.get('mi') or '00'}:{part.get('s') or '00'}.{part.get('ms') or '000'}"
        return _iso(f"{part.get('y') or '1970'}-{part.get('mo') or '01'}-{part.get('d') or '01'}T{clock}")

    return parse


def compile_format(format: str) -> Parse | None:
    """The parser of a date format, alternatives separated by `||`; None when an alternative is not known."""
    parsers: list[Parse] = []
    for name in format.split("||"):
        parser = _NAMED.get(name) or _pattern(name)
        if parser is None:
            return None
        parsers.append(parser)

    def parse(text: str) -> int | None:
        for parser in parsers:
            value = parser(text)
            if value is not None:
                return value
        return None

    return parse
