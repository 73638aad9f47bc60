"""Dates as Elasticsearch reads them in queries and documents: formats, rounding, date math, time zones."""

from __future__ import annotations

import re
import time
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?)?"
)
_NUMBER = re.compile(r"(-?\d+)(?:\.\d+)?")
_MATH_STEP = re.compile(r"([+-])(\d*)([yMwdhHms])|/([yMwdhHms])")

_PATTERN_PARTS = {
    "yyyy": r"(?P<year>\d{4})", "uuuu": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "dd": r"(?P<day>\d\d)",
    "HH": r"(?P<hour>\d\d)", "mm": r"(?P<minute>\d\d)", "ss": r"(?P<second>\d\d)", "SSS": r"(?P<fraction>\d{3})",
    "XXX": r"(?P<zone>Z|[+-]\d\d:\d\d)", "Z": r"(?P<zone>[+-]\d{4})",
}  # fmt: skip
_PATTERN_PART = re.compile(r"y{4}|u{4}|MM|dd|HH|mm|ss|SSS|XXX|Z|'([^']*)'|([^A-Za-z'])")
_NAMED_PATTERNS = {
    "date": "yyyy-MM-dd", "strict_date": "yyyy-MM-dd", "basic_date": "yyyyMMdd",
    "date_time": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "strict_date_time": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX", "strict_date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss", "strict_date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
    "year": "yyyy", "strict_year": "yyyy", "year_month": "yyyy-MM", "strict_year_month": "yyyy-MM",
    "year_month_day": "yyyy-MM-dd", "strict_year_month_day": "yyyy-MM-dd",
}  # fmt: skip

Reader = Callable[[str, bool, tzinfo], int | None]


def now_millis() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def parse_date(
    value: object, *, round_up: bool = False, format: str | None = None, time_zone: str | None = None, now: int = 0
) -> int:
    """Milliseconds since 1970 of a date as documents and queries write it.

    Args:
        value: text or number; numbers are read as if they were text, so 2020 is a year.
        round_up: fill the time that the text leaves open with the latest instead of the earliest, and round date math
            up. A month or day left open is the first either way.
        format: formats separated by `||`; the default takes ISO dates and milliseconds.
        time_zone: offset or name that holds for texts without a zone.
        now: what `now` means in date math, in milliseconds; 0 for the system's clock.

    Raises:
        ValueError: the value is no such date, or the format or zone is not known.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no date")
    text = value if isinstance(value, str) else _number_text(value)
    zone = read_zone(time_zone) if time_zone is not None else UTC
    base, found, steps = text.partition("||")
    if text.startswith("now"):
        return _date_math(now or now_millis(), text[3:], round_up, zone)
    if found:
        return _date_math(_read(base, False, format or DEFAULT_FORMAT, zone), steps, round_up, zone)
    return _read(text, round_up, format or DEFAULT_FORMAT, zone)


def format_date(millis: int) -> str:
    """The ISO text that Elasticsearch shows for a date."""
    try:
        return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(millis)


def read_zone(text: str) -> tzinfo:
    """A time zone from an offset such as `+02:00` or a name such as `Europe/Paris`. Raises ValueError."""
    if text == "Z":
        return UTC
    if match := re.fullmatch(r"([+-])(\d\d):?(\d\d)?", text):
        sign = -1 if match[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3] or 0)))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is no time zone") from error


def _number_text(value: float) -> str:
    """A number as Elasticsearch turns it into text: plain digits."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _read(text: str, round_up: bool, formats: str, zone: tzinfo) -> int:
    for name in formats.split("||"):
        millis = _reader(name)(text, round_up, zone)
        if millis is not None:
            return millis
    raise ValueError(f"{text!r} is no date of the format {formats}")


@lru_cache(maxsize=256)
def _reader(name: str) -> Reader:
    if name in {"strict_date_optional_time", "date_optional_time"}:
        return lambda text, round_up, zone: _from_match(_ISO.fullmatch(text), round_up, zone)
    if name == "epoch_millis":
        return lambda text, round_up, zone: _from_number(text, 1, 0)
    if name == "epoch_second":
        return lambda text, round_up, zone: _from_number(text, 1000, 999 if round_up else 0)
    pattern = re.compile(_pattern_expression(_NAMED_PATTERNS.get(name, name)))
    return lambda text, round_up, zone: _from_match(pattern.fullmatch(text), round_up, zone)


def _pattern_expression(pattern: str) -> str:
    expression, position = "", 0
    while position < len(pattern):
        part = _PATTERN_PART.match(pattern, position)
        if part is None:
            raise ValueError(f"{pattern!r} is no date format that can be read here")
        expression += _PATTERN_PARTS.get(part[0]) or re.escape(part[1] if part[1] is not None else part[0])
        position = part.end()
    return expression


def _from_number(text: str, factor: int, added: int) -> int | None:
    match = _NUMBER.fullmatch(text)
    return int(match[1]) * factor + added if match else None


def _from_match(match: re.Match[str] | None, round_up: bool, zone: tzinfo) -> int | None:
    if match is None:
        return None
    parts = match.groupdict()

    def part(name: str, low: int, high: int) -> int:
        text = parts.get(name)
        return int(text) if text is not None else high if round_up else low

    year, month, day = part("year", 1970, 1970), part("month", 1, 1), part("day", 1, 1)
    fraction = parts.get("fraction")
    millis = int(fraction[:3].ljust(3, "0")) if fraction is not None else 999 if round_up else 0
    try:
        moment = datetime(  # the zone in the text wins over the one asked for
            year, month, day, part("hour", 0, 23), part("minute", 0, 59), part("second", 0, 59), millis * 1000,
            tzinfo=read_zone(parts["zone"]) if parts.get("zone") else zone,
        )  # fmt: skip
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // MILLISECOND


def _date_math(millis: int, steps: str, round_up: bool, zone: tzinfo) -> int:
    """Apply steps such as `-1d/M` one after the other."""
    position = 0
    try:
        moment = (EPOCH + timedelta(milliseconds=millis)).astimezone(zone)
        while position < len(steps):
            step = _MATH_STEP.match(steps, position)
            if step is None:
                raise ValueError(f"{steps!r} is no date math: expected steps such as +1d, -2h or /M")
            if step[4]:
                moment = _rounded(moment, step[4], round_up)
            else:
                count = int(step[2] or 1)
                moment = _shifted(moment, -count if step[1] == "-" else count, step[3])
            position = step.end()
    except OverflowError as error:
        raise ValueError(f"{steps!r} leads out of the calendar") from error
    return (moment - EPOCH) // MILLISECOND


def _shifted(moment: datetime, count: int, unit: str) -> datetime:
    if unit in "yM":
        months = moment.year * 12 + moment.month - 1 + (count * 12 if unit == "y" else count)
        year, month = divmod(months, 12)
        if not 1 <= year <= 9999:
            raise OverflowError
        return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
    if unit in "wd":
        return moment + timedelta(days=count * (7 if unit == "w" else 1))
    seconds = count * {"h": 3600, "H": 3600, "m": 60, "s": 1}[unit]
    return (moment.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(moment.tzinfo)


def _rounded(moment: datetime, unit: str, round_up: bool) -> datetime:
    clear = {"s": ("microsecond",), "m": ("second",), "h": ("minute",), "H": ("minute",), "d": ("hour",)}
    zeros = {"microsecond": 0}
    for name in ("microsecond", "second", "minute", "hour"):
        zeros[name] = 0
        if name in clear.get(unit, ()):
            break
    start = moment.replace(**zeros)  # type: ignore[arg-type]
    if unit == "w":
        start -= timedelta(days=start.weekday())
    elif unit in "My":
        start = start.replace(day=1, month=1 if unit == "y" else start.month)
    return _shifted(start, 1, unit) - MILLISECOND if round_up else start
