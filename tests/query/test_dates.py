"""Dates in queries: formats, rounding, date math and zones."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.query.dates import format_date, now_millis, parse_date

NOW = 1_590_999_600_123  # Monday, 2020-06-01T08:20:00.123Z


@pytest.mark.parametrize(
    ("value", "options", "date"),
    [
        ("2020", {}, "2020-01-01T00:00:00.000Z"),
        ("2020", {"round_up": True}, "2020-01-01T23:59:59.999Z"),
        (2020, {}, "2020-01-01T00:00:00.000Z"),
        ("2020-06", {"round_up": True}, "2020-06-01T23:59:59.999Z"),
        ("2020-06-01T", {}, "2020-06-01T00:00:00.000Z"),
        ("2020-06-01T10", {"round_up": True}, "2020-06-01T10:59:59.999Z"),
        ("2020-06-01T10:20:30.5", {}, "2020-06-01T10:20:30.500Z"),
        ("2020-06-01T10:20:30,123456789Z", {}, "2020-06-01T10:20:30.123Z"),
        ("2020-06-01T10:20+05:30", {}, "2020-06-01T04:50:00.000Z"),
        ("2020-06-01T10:20-0300", {}, "2020-06-01T13:20:00.000Z"),
        ("2020-06-01", {"time_zone": "+02:00"}, "2020-05-31T22:00:00.000Z"),
        ("2020-06-01T00:00Z", {"time_zone": "+02:00"}, "2020-06-01T00:00:00.000Z"),
        (5, {"format": "epoch_millis"}, "1970-01-01T00:00:00.005Z"),
        ("-1.7", {"format": "epoch_millis"}, "1969-12-31T23:59:59.998Z"),
        ("1590969600", {"format": "epoch_second"}, "2020-06-01T00:00:00.000Z"),
        ("1590969600", {"format": "epoch_second", "round_up": True}, "2020-06-01T00:00:00.999Z"),
        ("1590969600000", {}, "2020-06-01T00:00:00.000Z"),
        ("1.5", {"format": "epoch_second", "round_up": True}, "1970-01-01T00:00:01.500Z"),
        ("2020-06T10", {}, "2020-06-01T10:00:00.000Z"),
        ("2020-06-01T10Europe/Paris", {"time_zone": "Z"}, "2020-06-01T08:00:00.000Z"),
        ("31/12/2020 07h", {"format": "dd/MM/yyyy HH'h'", "round_up": True}, "2020-12-31T07:59:59.999Z"),
        ("2020-06-01 10:20+0200", {"format": "yyyy-MM-dd HH:mmZ"}, "2020-06-01T08:20:00.000Z"),
        ("2020-06-01T10:20:30.500+02:00", {"format": "strict_date_time"}, "2020-06-01T08:20:30.500Z"),
        ("31/12/2020 07h", {"format": "dd/MM/yyyy HH'h'"}, "2020-12-31T07:00:00.000Z"),
        ("20200601", {"format": "strict_date||basic_date"}, "2020-06-01T00:00:00.000Z"),
        ("now", {}, "2020-06-01T08:20:00.123Z"),
        ("now-1d", {}, "2020-05-31T08:20:00.123Z"),
        ("now/d", {}, "2020-06-01T00:00:00.000Z"),
        ("now/d", {"round_up": True}, "2020-06-01T23:59:59.999Z"),
        ("now-1w/w", {}, "2020-05-25T00:00:00.000Z"),
        ("now+2H/H", {}, "2020-06-01T10:00:00.000Z"),
        ("now/m+30s", {}, "2020-06-01T08:20:30.000Z"),
        ("now/s", {}, "2020-06-01T08:20:00.000Z"),
        ("now-1y/y", {}, "2019-01-01T00:00:00.000Z"),
        ("now/d", {"time_zone": "+09:00"}, "2020-05-31T15:00:00.000Z"),
        ("2020-01-31||+1M", {}, "2020-02-29T00:00:00.000Z"),
        ("2020-02-29||-1y/M", {"round_up": True}, "2019-02-28T23:59:59.999Z"),
    ],
)
def test_dates_are_read(value: Any, options: dict[str, Any], date: str) -> None:
    assert format_date(parse_date(value, **options, now=NOW)) == date


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("", {}),
        ("yesterday", {}),
        ("2020-13", {}),
        ("2020-02-30", {}),
        ("2020-6-1", {}),
        ("2020-06-01T25", {}),
        ("2020-06-01 10:00", {}),
        ("2020-06-01T10:00+99:00", {}),
        ("now-1x", {}),
        ("now1d", {}),
        ("now+9999y", {}),
        ("now+" + "9" * 30 + "d", {}),
        ("2020||/q", {}),
        ("2020-01", {"format": "epoch_second||dd"}),
        ("2020", {"format": "QQ"}),
        ("2020", {"format": "yyyy yyyy"}),
        ("2020", {"time_zone": "+18:30"}),
        ("2020", {"time_zone": "Mars/Olympus"}),
        ("2020", {"time_zone": "../../etc/passwd"}),
        (True, {}),
        (None, {}),
        ({}, {}),
        (float("nan"), {}),
        (float("inf"), {}),
    ],
    ids=str,
)
def test_everything_else_is_a_value_error(value: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date(value, **options, now=NOW)


def test_now_is_the_clock() -> None:
    before = now_millis()
    assert before <= parse_date("now") <= now_millis()
