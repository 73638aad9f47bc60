"""Whoever deletes what may be in use gets through although others go on writing users (router-protocol 5.10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_deletions_beside_a_stream_of_new_users(api: Any) -> None:
    roles = [await api.new_role() for _ in range(2)]
    goes_on = True

    async def stream() -> None:
        while goes_on:
            await api.do("security:createUser", body={"content": {"profileIds": ["default"]}})
            await asyncio.sleep(0.1)  # a pace for this loop, not a wait

    running = asyncio.create_task(stream())
    try:
        answers = await asyncio.gather(*(api.ask("security:deleteRole", _id=role) for role in roles))
    finally:
        goes_on = False
        await running
    assert [answer["error"] for answer in answers] == [None] * len(roles)
