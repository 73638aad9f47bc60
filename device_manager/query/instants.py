"""Single dates as Elasticsearch reads them: ISO text or epoch numbers to milliseconds since 1970 (design 6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"


class Parse(Protocol):
    """Reads a text of one format."""

    def __call__(self, text: str, round_up: bool = False, zone: str = "") -> int | None:
        """Milliseconds since 1970; None when `text` is no date of the format.

        Args:
            text: the date.
            round_up: fill the time that the text leaves open with the latest instead of the earliest. A month or day
                left open is the first either way.
            zone: what `read_zone` takes, for texts that name no zone of their own; UTC when empty.
        """


_FIXED_ZONE = r"[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
_ISO = re.compile(
    r"(-?[0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    rf"(Z|{_FIXED_ZONE}|[A-Z][A-Za-z0-9/_+-]*)?)?)?",
)
_NUMBER = re.compile(r"(-?[0-9]{1,19})(?:\.([0-9]*))?")
_MAX_MILLIS = (1 << 63) - 1


def _iso(text: str, round_up: bool = False, zone: str = "") -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, own_zone = match.groups()
    y, mo, d = int(year), int(month or 1), int(day or 1)
    if round_up:
        hour, minute, second, fraction = hour or "23", minute or "59", second or "59", fraction or "999"
    h, mi, s = int(hour or 0), int(minute or 0), int(second or 0)
    if not (1 <= mo <= 12 and 1 <= d <= _month_length(y, mo) and h <= 23 and mi <= 59 and s <= 59):
        return None
    local = _days(y, mo, d) * 86_400 + h * 3600 + mi * 60 + s
    zone = own_zone or zone
    offset = _offset(zone, local) if zone and zone != "Z" else 0
    if offset is None:
        return None
    return (local - offset) * 1000 + int(((fraction or "") + "000")[:3])


def _month_length(year: int, month: int) -> int:
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def read_zone(text: str) -> tzinfo:
    """A time zone from an offset such as `+02:00` or a name such as `Europe/Paris`. Raises ValueError."""
    if text == "Z":
        return UTC
    if re.fullmatch(_FIXED_ZONE, text):
        offset = _fixed_offset(text)
        if offset is None:
            raise ValueError(f"{text!r} is no time zone: offsets go to 18 hours")
        return timezone(timedelta(seconds=offset))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is no time zone") from error


def _offset(zone: str, local: int) -> int | None:
    """Seconds east of Greenwich at `local` seconds on the zone's own clock; None when there is no such zone."""
    return _fixed_offset(zone) if zone[0] in "+-" else _named_offset(zone, local)


def _fixed_offset(zone: str) -> int | None:
    digits = zone[1:].replace(":", "")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4] or 0), int(digits[4:] or 0)
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > 18 * 3600:
        return None
    return -total if zone[0] == "-" else total


def _named_offset(zone: str, local: int) -> int | None:
    try:
        moment = datetime(1970, 1, 1, tzinfo=read_zone(zone)) + timedelta(seconds=local)
        offset = moment.utcoffset()
    except (ValueError, OverflowError):
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

    def parse(text: str, round_up: bool = False, zone: str = "") -> int | None:
        match = _NUMBER.fullmatch(text)
        if match is None or len(fraction := match[2] or "") > digits:
            return None
        size = 10 ** len(fraction)
        value = abs(int(match[1])) * size + int(fraction or 0)
        if value == 0 and scale > 1 and text.startswith("-"):
            return None
        millis = (-value if text.startswith("-") else value) * scale // size
        if round_up and not fraction:
            millis += scale - 1
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
    "XXX": r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})",
    "Z": r"(?P<zone>[+-][0-9]{4})",
}
PATTERN_PART = re.compile(r"'([^']*)'|(yyyy|uuuu|MM|dd|HH|mm|ss|SSS|XXX|Z)|([^A-Za-z'\[\]{}#]+)")
_EARLIEST, _LATEST = ("00", "00", "00", "000"), ("23", "59", "59", "999")


def _pattern(pattern: str) -> Parse | None:
    """A parser for patterns of digits, punctuation and offsets such as `yyyy/MM/dd HH:mm`; None for any other."""
    expression, end = "", 0
    for part in PATTERN_PART.finditer(pattern):
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

    def parse(text: str, round_up: bool = False, zone: str = "") -> int | None:
        match = compiled.fullmatch(text)
        if match is None:
            return None
        part = match.groupdict()
        h, mi, s, ms = map(part.get, ("h", "mi", "s", "ms"), _LATEST if round_up else _EARLIEST)
        day = f"{part.get('y', '1970')}-{part.get('mo', '01')}-{part.get('d', '01')}"
        return _iso(f"{day}T{h}:{mi}:{s}.{ms}{part.get('zone', '')}", zone=zone)

    return parse


def compile_format(format: str) -> Parse | None:
    """The parser of a date format, alternatives separated by `||`; None when an alternative is not known."""
    parsers: list[Parse] = []
    for name in format.split("||"):
        parser = _NAMED.get(name) or _pattern(name)
        if parser is None:
            return None
        parsers.append(parser)

    def parse(text: str, round_up: bool = False, zone: str = "") -> int | None:
        for parser in parsers:
            value = parser(text, round_up, zone)
            if value is not None:
                return value
        return None

    return parse
