"""Writing dates in the formats that Elasticsearch reads and writes, for the keys of buckets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from device_manager.query.dates import EPOCH, named_pattern
from device_manager.query.instants import PATTERN_PART
from device_manager.query.refusals import malformed

Write = Callable[[int], str]

_PARTS: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda moment: f"{moment.year:04}",
    "uuuu": lambda moment: f"{moment.year:04}",
    "MM": lambda moment: f"{moment.month:02}",
    "dd": lambda moment: f"{moment.day:02}",
    "HH": lambda moment: f"{moment.hour:02}",
    "mm": lambda moment: f"{moment.minute:02}",
    "ss": lambda moment: f"{moment.second:02}",
    "SSS": lambda moment: f"{moment.microsecond // 1000:03}",
    "XXX": lambda moment: _zone(moment, ":", "Z"),
    "Z": lambda moment: _zone(moment, "", "+0000"),
}


def date_writer(format: str | None, zone: tzinfo = UTC) -> Write:
    """A function that writes instants in the first of the formats of `format`, None for ISO 8601.

    Raises:
        ApiError: 400, the format cannot be written here.
    """
    name = (format or "strict_date_optional_time").partition("||")[0]
    if name in ("epoch_millis", "epoch_second"):
        return str if name == "epoch_millis" else _seconds
    if name in ("strict_date_optional_time", "date_optional_time", "strict_date_optional_time_nanos"):
        name = "strict_date_time"
    pieces: list[Callable[[datetime], str]] = []
    pattern, end = named_pattern(name), 0
    for part in PATTERN_PART.finditer(pattern):
        if part.start() != end:
            break
        end = part.end()
        pieces.append(_PARTS[part[2]] if part[2] else _fixed(part[1] if part[1] is not None else part[3]))
    if end != len(pattern):
        raise malformed("format", f"the embedded store cannot write dates as {name[:40]!r}")

    def write(millis: int) -> str:
        try:
            moment = (EPOCH + timedelta(milliseconds=millis)).astimezone(zone)
        except OverflowError:
            return str(millis)
        return "".join(piece(moment) for piece in pieces)

    return write


def _fixed(text: str) -> Callable[[datetime], str]:
    return lambda moment: text


def _seconds(millis: int) -> str:
    whole, rest = divmod(millis, 1000)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)


def _zone(moment: datetime, colon: str, zero: str) -> str:
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    if not minutes:
        return zero
    hours, minutes_left = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{minutes_left:02}"
