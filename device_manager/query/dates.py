"""Dates as Elasticsearch reads them in queries: named formats, rounding, date math, time zones."""

from __future__ import annotations

import re
import time
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from device_manager.query.conversions import text_of
from device_manager.query.instants import DEFAULT_FORMAT, Parse, compile_format, read_zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_MATH_STEP = re.compile(r"([+-])(\d*)([yMwdhHms])|/([yMwdhHms])")

_NAMED_PATTERNS = {
    "date": "yyyy-MM-dd", "strict_date": "yyyy-MM-dd", "basic_date": "yyyyMMdd",
    "date_time": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "strict_date_time": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX", "strict_date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss", "strict_date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
    "year": "yyyy", "strict_year": "yyyy", "year_month": "yyyy-MM", "strict_year_month": "yyyy-MM",
    "year_month_day": "yyyy-MM-dd", "strict_year_month_day": "yyyy-MM-dd",
}  # fmt: skip


def named_pattern(name: str) -> str:
    """The pattern that a name stands for; what is no such name is returned."""
    return _NAMED_PATTERNS.get(name, name)


def now_millis() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def parse_date(
    value: object, *, round_up: bool = False, format: str | None = None, time_zone: str | None = None, now: int = 0
) -> int:
    """Milliseconds since 1970 of a date as queries write it.

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
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no date")
    text = text_of(value)
    time_zone = "Z" if time_zone is None else time_zone
    zone = read_zone(time_zone)
    base, found, steps = text.partition("||")
    if text.startswith("now"):
        return _date_math(now or now_millis(), text[3:], round_up, zone)
    if found:
        return _date_math(_read(base, False, format or DEFAULT_FORMAT, time_zone), steps, round_up, zone)
    return _read(text, round_up, format or DEFAULT_FORMAT, time_zone)


def format_date(millis: int) -> str:
    """The ISO text that Elasticsearch shows for a date."""
    try:
        return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(millis)


def _read(text: str, round_up: bool, format: str, zone: str) -> int:
    millis = date_parser(format)(text, round_up, zone)
    if millis is None:
        raise ValueError(f"{text!r} is no date of the format {format}")
    return millis


@lru_cache(maxsize=256)
def date_parser(format: str) -> Parse:
    """What reads dates of a format, whose alternatives are separated by `||`. Raises ValueError for an unknown one."""
    parse = compile_format("||".join(map(named_pattern, format.split("||"))))
    if parse is None:
        raise ValueError(f"{format!r} is no date format that can be read here")
    return parse


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
