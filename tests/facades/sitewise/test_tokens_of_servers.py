"""A token makes one request, whichever server gets it (facades 2.7)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.facades.kept_answers import KeptAnswers, Token
from device_manager.storage.contract import INTERNAL_INDEX, Key
from device_manager.storage.journal import JOURNAL, remove_of_engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = 30.0
"""Seconds, more than any machine needs."""


@pytest_asyncio.fixture(loop_scope="session")
async def token(server: Any) -> AsyncIterator[Token]:
    """A token of its own."""
    engine = f"plant-{uuid.uuid4().hex[:12]}"
    yield Token(engine, ("sitewise", "123456789012", "CreatePortal"), uuid.uuid4().hex, b"{}")
    await remove_of_engine(server.store, engine)


class Work:
    """A request that is answered when it is let."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.times = 0

    async def __call__(self) -> str:
        self.times += 1
        self.began.set()
        await self.may_end.wait()
        return f"answer {self.times}"


def servers(server: Any, *, patience: float = LONG, lease: float = LONG) -> tuple[KeptAnswers, KeptAnswers]:
    """Two servers on one store, as far as tokens are concerned."""
    first, second = (KeptAnswers(server.store, kept=60, patience=patience, lease=lease) for _ in range(2))
    return first, second


async def test_the_second_server_waits_for_the_first(server: Any, token: Token) -> None:
    (first, second), work = servers(server), Work()
    running = asyncio.create_task(first.answer(token, work))
    await work.began.wait()
    other = token._replace(content=b"[]")
    with pytest.raises(ApiError) as refused:  # nobody has to wait to hear of a mistake
        await second.answer(other, work)
    assert refused.value.id == "api.process.idempotency_mismatch"
    waiting = [asyncio.create_task(second.answer(token, work)) for _ in range(2)]
    impatient, _ = servers(server, patience=0.3)
    with pytest.raises(ApiError) as refused:
        await impatient.answer(token, work)
    assert (refused.value.id, refused.value.status) == ("api.process.idempotent_request_running", 429)
    work.may_end.set()
    assert await asyncio.gather(running, *waiting) == ["answer 1"] * 3
    assert await second.answer(token, work) == "answer 1"
    assert work.times == 1
    with pytest.raises(ApiError) as refused:
        await second.answer(other, work)
    assert refused.value.id == "api.process.idempotency_mismatch"


async def test_what_fails_uses_no_token_up(server: Any, token: Token) -> None:
    first, second = servers(server)

    async def fail() -> str:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await first.answer(token, fail)
    work = Work()
    running = asyncio.create_task(first.answer(token, work))
    await work.began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    work.may_end.set()
    assert await second.answer(token._replace(content=b"[]"), work) == "answer 2"


async def test_a_server_that_works_long_says_so(server: Any, token: Token) -> None:
    (first, _), work = servers(server, lease=3.0), Work()
    running = asyncio.create_task(first.answer(token, work))
    await work.began.wait()
    key = await note(server, token)
    until = (await server.store.get(*key)).source["until"]
    async with asyncio.timeout(LONG):
        while (await server.store.get(*key)).source["until"] == until:
            await asyncio.sleep(0.05)
    work.may_end.set()
    assert await running == "answer 1"


async def test_a_server_that_died_holds_nobody_up(server: Any, token: Token) -> None:
    (first, second), work = servers(server), Work()
    running = asyncio.create_task(first.answer(token, work))
    await work.began.wait()
    key = await note(server, token)

    def age(tx: Any) -> None:
        document = tx.read((key,))[key]
        tx.replace(key, document.source | {"until": 1})

    await server.store.transact(age)
    again = Work()
    again.may_end.set()
    assert await second.answer(token, again) == "answer 1"
    assert again.times == 1
    work.may_end.set()
    assert await running == "answer 1"  # it did the work twice, as nobody could know


async def note(server: Any, token: Token) -> Key:
    """Where the note is that a request is being answered."""
    pages = server.store.scan(INTERNAL_INDEX, JOURNAL)
    await server.store.refresh(INTERNAL_INDEX, JOURNAL)
    found = [document async for page in pages for document in page if document.source["engine"] == token.engine]
    (document,) = [document for document in found if document.id.endswith("-running")]
    return Key(INTERNAL_INDEX, JOURNAL, document.id)
