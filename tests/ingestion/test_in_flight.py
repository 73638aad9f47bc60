"""Which payloads are under way, and since when (transactions 2, B7)."""

from __future__ import annotations

import time

from device_manager.twins.ingestion.in_flight import InFlight


def test_the_checkpoint_is_the_beginning_of_the_oldest_payload_under_way() -> None:
    in_flight = InFlight()
    before = time.time_ns() // 1_000_000
    assert before <= in_flight.oldest()
    with in_flight.one() as first:
        with in_flight.one() as second:
            assert first <= second
            assert in_flight.oldest() == first
        assert in_flight.oldest() == first
    assert in_flight.oldest() >= second
