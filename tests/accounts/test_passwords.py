"""Hashing of passwords."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from device_manager.errors import ApiError
from device_manager.security.passwords import ALGORITHM, Passwords

MEMORY = 4 << 20
"""Bytes: enough for a hash to take a millisecond or more."""


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(1, 2, memory=MEMORY, passes=1)
    yield made
    made.close()


async def test_only_the_right_password_matches(passwords: Passwords) -> None:
    stored = {"algorithm": ALGORITHM, "userPassword": await passwords.hash("correct horse")}
    assert await passwords.matches(stored, "correct horse")
    assert not await passwords.matches(stored, "correct horsf")
    assert "correct" not in stored["userPassword"]
    assert await passwords.hash("correct horse") != stored["userPassword"]


@pytest.mark.parametrize("stored", [None, {}, {"algorithm": "sha512", "userPassword": "00"}, {"algorithm": ALGORITHM}])
async def test_what_cannot_be_compared_does_not_match(passwords: Passwords, stored: dict[str, str] | None) -> None:
    assert not await passwords.matches(stored, "x")


async def test_an_unknown_user_costs_as_much_as_a_wrong_password(passwords: Passwords) -> None:
    stored = {"algorithm": ALGORITHM, "userPassword": await passwords.hash("correct horse")}

    async def cost(known: dict[str, str] | None) -> float:
        took = []
        for _ in range(20):
            started = time.perf_counter()
            await passwords.matches(known, "wrong")
            took.append(time.perf_counter() - started)
        return min(took)

    wrong, nobody = await cost(stored), await cost(None)
    assert nobody > wrong / 3
    assert wrong > nobody / 3


async def test_a_queue_of_logins_is_bounded(passwords: Passwords) -> None:
    outcomes = await asyncio.gather(*(passwords.hash("x") for _ in range(5)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
    assert [error.id for error in refused] == ["api.process.too_many_logins_requests"] * 2
    assert await passwords.hash("x")
