"""How many payloads a second one device may send (design 9)."""

from __future__ import annotations

import pytest

from device_manager.errors import ApiError
from device_manager.twins.ingestion import buckets
from device_manager.twins.ingestion.buckets import DeviceBuckets


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(buckets, "time", clock)
    return clock


def test_a_device_may_send_its_burst_then_its_rate(clock: Clock) -> None:
    limits = DeviceBuckets(2, 3)
    for _ in range(3):
        limits.take(["A"])
    with pytest.raises(ApiError) as refusal:
        limits.take(["A"])
    assert (refusal.value.status, refusal.value.id) == (429, "device_manager.ingestion.too_many_payloads")
    assert 'device "A"' in refusal.value.message
    assert "0.5 s" in refusal.value.message
    limits.take(["B"])
    clock.now += 0.5
    limits.take(["A"])
    with pytest.raises(ApiError):
        limits.take(["A"])
    clock.now += 60
    for _ in range(3):
        limits.take(["A"])
    with pytest.raises(ApiError):
        limits.take(["A"])


def test_a_payload_of_several_devices_takes_a_token_of_each_or_of_none(clock: Clock) -> None:
    limits = DeviceBuckets(1, 1)
    limits.take(["A"])
    with pytest.raises(ApiError, match='"A"'):
        limits.take(["B", "A"])
    limits.take(["B"])


def test_without_a_rate_there_is_no_limit(clock: Clock) -> None:
    limits = DeviceBuckets(0, 1)
    for _ in range(1000):
        limits.take(["A"])


def test_full_buckets_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "SWEPT_AT", 10)
    limits = DeviceBuckets(1, 1)
    for number in range(100):
        limits.take([f"device-{number}"])
        clock.now += 1
    assert len(limits._buckets) <= 11
