"""Guessing passwords is slow, and keeps nobody out for long (design 8)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.security import guessing as module
from device_manager.security.guessing import FORGIVEN_AFTER, OF_ONE_ADDRESS, OF_ONE_USER, Guessing

HERE, THERE = "10.0.0.1", "10.0.0.2"
LONGEST = 30.0


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guessing(clock: Clock) -> Guessing:
    return Guessing(3, LONGEST, clock)


def wait_of(guessing: Guessing, name: str, address: str) -> int:
    """Seconds until the next attempt, 0 if it was allowed, and then it failed."""
    try:
        guessing.begin(name, address)
    except ApiError as error:
        assert (error.id, error.status) == ("api.process.too_many_logins_requests", 429)
        return int(error.extra["retryAfter"])
    return 0


def test_delays_grow_up_to_a_bound(guessing: Guessing, clock: Clock) -> None:
    assert [wait_of(guessing, "ada", HERE) for _ in range(3)] == [0, 0, 0]
    delays = []
    for _ in range(8):
        wait = wait_of(guessing, "ada", HERE)
        assert 0 < wait <= LONGEST + 1
        delays.append(wait - 1)
        clock.now += wait
        assert wait_of(guessing, "ada", HERE) == 0
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]
    assert wait_of(guessing, "ada", THERE) == 0
    assert wait_of(guessing, "joe", HERE) == 0


def test_a_burst_is_counted_before_anything_is_compared(guessing: Guessing) -> None:
    assert [wait_of(guessing, "ada", HERE) for _ in range(20)][3:] == [2] * 17


def test_the_right_password_ends_the_count(guessing: Guessing, clock: Clock) -> None:
    for _ in range(3):
        guessing.begin("ada", HERE)
    clock.now += 1
    guessing.begin("ada", HERE).succeeded()
    assert [wait_of(guessing, "ada", HERE) for _ in range(3)] == [0, 0, 0]


def test_what_nobody_could_judge_does_not_count(guessing: Guessing) -> None:
    for _ in range(100):
        guessing.begin("ada", HERE).withdraw()
    assert wait_of(guessing, "ada", HERE) == 0


def test_failures_are_forgiven(guessing: Guessing, clock: Clock) -> None:
    for _ in range(3):
        guessing.begin("ada", HERE)
    assert wait_of(guessing, "ada", HERE)
    clock.now += FORGIVEN_AFTER + 1
    assert [wait_of(guessing, "ada", HERE) for _ in range(3)] == [0, 0, 0]


def test_many_addresses_do_not_guess_faster_and_do_not_lock_the_right_user_out(guessing: Guessing) -> None:
    guessing.begin("ada", HERE).succeeded()
    waits = [wait_of(guessing, "ada", f"10.1.{number}.1") for number in range(3 * OF_ONE_USER + 50)]
    assert waits[: 3 * OF_ONE_USER] == [0] * 3 * OF_ONE_USER
    assert set(waits[3 * OF_ONE_USER :]) == {2}
    assert wait_of(guessing, "ada", HERE) == 0, "she was here before"
    assert wait_of(guessing, "ada", THERE) > 0


def test_one_address_does_not_try_many_users(guessing: Guessing) -> None:
    waits = [wait_of(guessing, f"user-{number}", "2001:db8::1") for number in range(3 * OF_ONE_ADDRESS)]
    assert waits == [0] * 3 * OF_ONE_ADDRESS
    assert wait_of(guessing, "ada", "2001:db8::2") > 0, "the same network"
    assert wait_of(guessing, "ada", "2001:db8:1::2") == 0


def test_logging_in_as_oneself_does_not_excuse_an_address(guessing: Guessing, clock: Clock) -> None:
    for number in range(3 * OF_ONE_ADDRESS):
        guessing.begin(f"user-{number}", HERE)
    clock.now += 1
    guessing.begin("mallory", HERE).succeeded()
    wait = wait_of(guessing, "user-x", HERE)
    assert wait == 0
    assert wait_of(guessing, "user-y", HERE) > 1


def test_what_is_remembered_is_bounded(guessing: Guessing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TALLIES", 10)
    for number in range(100):
        guessing.begin(f"user-{number}", f"10.2.0.{number}").succeeded()
        guessing.begin(f"user-{number}", f"10.3.0.{number}")
    for _ in range(4):
        with contextlib.suppress(ApiError):
            guessing.begin("a" * 1_000_000, "b" * 1_000_000)
    assert wait_of(guessing, "a" * 1_000_000, "b" * 1_000_000) > 0
    assert max(len(text) for key in guessing._tallies for text in key) <= 100
    assert len(guessing._tallies) <= 10
    assert len(guessing._known) <= 10


def test_it_can_be_switched_off(clock: Clock) -> None:
    guessing = Guessing(0, LONGEST, clock)
    assert not any(wait_of(guessing, "ada", HERE) for _ in range(1000))


@pytest.mark.asyncio(loop_scope="session")
async def test_over_the_wire(strict_api: Any) -> None:
    api = strict_api
    user = await api.new_user()
    stranger = api.name("stranger")
    ids: dict[str, list[str]] = {}
    for name in (user.username, stranger):
        body = {"username": name, "password": "wrong"}
        answers = [await api.ask("auth:login", strategy="local", body=body) for _ in range(5)]
        ids[name] = [answer["error"]["id"] for answer in answers]
        assert answers[-1]["status"] == 429
        assert answers[-1]["error"]["retryAfter"] >= 1
    assert ids[user.username] == ids[stranger], "nothing tells who exists"
    assert ids[stranger] == ["plugin.strategy.missing_user"] * 3 + ["api.process.too_many_logins_requests"] * 2
