"""Where the stretches of a date histogram begin: instants rounded by calendar and clock, as Elasticsearch does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

from device_manager.query.dates import EPOCH, MILLISECOND
from device_manager.query.instants import read_zone
from device_manager.query.refusals import malformed
from device_manager.query.search import DateHistogram

HOUR = 3_600_000
DAY = 24 * HOUR
_FIXED = {"second": 1000, "minute": 60_000, "hour": HOUR, "day": DAY, "week": 7 * DAY}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MONDAY = 4 * DAY
"""From 1970-01-01, a Thursday, to the next Monday."""


class Rounding:
    """Begins and ends of stretches; all instants are milliseconds since 1970."""

    def __init__(self, histogram: DateHistogram) -> None:
        self._unit = histogram.unit
        self._offset = histogram.offset
        self._zone = read_zone(histogram.time_zone)
        self._interval = histogram.millis if histogram.unit is None else _FIXED.get(histogram.unit, 0)
        self._shift = _MONDAY if histogram.unit == "week" else 0
        self._start = self._end = 0

    @property
    def steps(self) -> tuple[int, int] | None:
        """One begin and the distance to the next, when all stretches are equally long; else None."""
        if not self._interval or not isinstance(self._zone, timezone):
            return None
        return self._shift - _offset_at(self._zone, 0) + self._offset, self._interval

    def start(self, millis: int) -> int:
        """The begin of the stretch that `millis` is in. Raises ApiError, 400, for instants beyond the calendar."""
        if not self._start <= millis < self._end:
            try:
                start = self._round(millis - self._offset) + self._offset
                end = self.next(start)
                # A stretch that a change of clocks cuts is not kept: its end would be wrong.
                kept = end if self._round(end - 1 - self._offset) + self._offset == start else start
            except (OverflowError, ValueError) as error:
                raise malformed("date_histogram", f"the date {millis} is beyond the calendar") from error
            self._start, self._end = start, kept
            return start
        return self._start

    def next(self, start: int) -> int:
        """The begin of the stretch after the one that begins at `start`."""
        start -= self._offset
        local = _local(start, self._zone)
        if self._unit in _MONTHS:
            following = self._begin_of_day(_months_later(local, _MONTHS[self._unit]))
        elif self._unit in ("day", "week"):
            following = self._begin_of_day(local + timedelta(days=1 if self._unit == "day" else 7))
        else:
            following = _instant(local + timedelta(milliseconds=self._interval), self._zone)
        return (following if following > start else start + self._interval) + self._offset

    def _round(self, millis: int) -> int:
        if self._unit in ("day", "week", *_MONTHS):
            local = _local(millis, self._zone)
            if self._unit == "week":
                local -= timedelta(days=local.weekday())
            elif self._unit in _MONTHS:
                months = _MONTHS[self._unit]
                local = local.replace(day=1, month=(local.month - 1) // months * months + 1)
            return self._begin_of_day(local)
        before = _offset_at(self._zone, millis)
        rounded = (millis + before) // self._interval * self._interval
        start = rounded - before
        if _offset_at(self._zone, start) == before:
            return start
        change = self._change_between(start, millis)
        is_before = rounded - _offset_at(self._zone, change - 1) < change
        return self._round(change - 1) if is_before else change

    def _begin_of_day(self, local: datetime) -> int:
        return _instant(local.replace(hour=0, minute=0, second=0, microsecond=0), self._zone)

    def _change_between(self, low: int, high: int) -> int:
        """The instant after `low` from which clocks are as far ahead as at `high`."""
        ahead = _offset_at(self._zone, high)
        while high - low > 1:
            middle = (low + high) // 2
            if _offset_at(self._zone, middle) == ahead:
                high = middle
            else:
                low = middle
        return high


def _local(millis: int, zone: tzinfo) -> datetime:
    """The clock of the zone, without the zone."""
    return (EPOCH + timedelta(milliseconds=millis)).astimezone(zone).replace(tzinfo=None)


def _instant(local: datetime, zone: tzinfo) -> int:
    """The instant at which the zone's clock shows `local`: the first of two, the end of a gap."""
    return (local.replace(tzinfo=zone).astimezone(UTC) - EPOCH) // MILLISECOND


def _offset_at(zone: tzinfo, millis: int) -> int:
    offset = (EPOCH + timedelta(milliseconds=millis)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // MILLISECOND


def _months_later(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=1)
