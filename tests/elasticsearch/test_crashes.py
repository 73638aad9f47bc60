"""Owners that stop or die in the middle of a flush, on the real Elasticsearch (transactions 1, last paragraphs)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch.store import ElasticsearchStore
from device_manager.twins.doctor import Doctor
from device_manager.twins.repair import Repairing

pytestmark = pytest.mark.alone

Link = Callable[[str], Coroutine[Any, Any, None]]
Linked = Callable[[str], Awaitable[list[str]]]
History = Callable[[], Awaitable[list[str]]]
GRACE = 2.5
BEFORE_COMMIT = ("intended", "applied", "committing")


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(30):
        while not await is_so():  # what it waits for is outside this process
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("step", BEFORE_COMMIT)
async def test_owner_stopped_for_longer_than_grace_loses_and_starts_again(
    step: str, link: Link, linked: Linked, history: History, start_victim: Any
) -> None:
    victim = await start_victim("once", step)
    await victim.until(["at", step])
    await link("mine")  # waits for the grace time when the victim has written, then undoes that
    victim.send(signal.SIGCONT)
    await victim.finish()
    assert victim.acknowledged == ["victim"]
    assert await linked("a") == await linked("b") == ["mine", "victim"]
    assert await history() == ["mine", "victim"]


@pytest.mark.parametrize("step", BEFORE_COMMIT)
async def test_owner_killed_before_its_commit_leaves_no_trace(
    step: str, link: Link, linked: Linked, history: History, start_victim: Any
) -> None:
    victim = await start_victim("once", step)
    await victim.until(["at", step])
    victim.send(signal.SIGKILL)
    await link("mine")
    assert await linked("a") == await linked("b") == ["mine"]
    assert await history() == ["mine"]


async def test_owner_killed_after_its_commit_has_done_it(linked: Linked, history: History, start_victim: Any) -> None:
    victim = await start_victim("once", "committed")
    await victim.until(["at", "committed"])
    victim.send(signal.SIGKILL)
    assert await linked("a") == await linked("b") == ["victim"]
    assert await history() == ["victim"]


async def test_owner_stopped_for_less_than_grace_is_waited_for(
    link: Link, linked: Linked, history: History, start_victim: Any
) -> None:
    victim = await start_victim("once", "applied")
    await victim.until(["at", "applied"])
    mine = asyncio.create_task(link("mine"))
    done, _ = await asyncio.wait({mine}, timeout=0.3)
    assert not done, "built on an undecided transaction"
    victim.send(signal.SIGCONT)
    await asyncio.gather(mine, victim.finish())
    assert await linked("a") == await linked("b") == ["victim", "mine"]
    assert await history() == ["mine", "victim"]


async def test_sweep_undoes_what_nobody_asks_for(linked: Linked, history: History, start_victim: Any) -> None:
    victim = await start_victim("once", "applied")
    await victim.until(["at", "applied"])
    victim.send(signal.SIGKILL)

    async def is_clean() -> bool:
        return not (await linked("a") or await linked("b") or await history())

    await eventually(is_clean)


async def test_large_intent_is_undone_from_its_parts(store: ElasticsearchStore, index: str, start_victim: Any) -> None:
    keys = [Key(index, "large", str(number)) for number in range(1200)]
    text = "x" * 4000
    await store.transact(lambda tx: [tx.create(*key[:2], {"round": 0, "text": text}, key.id) for key in keys])
    victim = await start_victim("large", "applied")
    await victim.until(["at", "applied"])
    assert {document.source["round"] for document in (await store.read(keys)).values()} == {1}
    victim.send(signal.SIGKILL)

    async def is_restored() -> bool:
        return {document.source["round"] for document in (await store.read(keys)).values()} == {0}

    await eventually(is_restored)
    assert {document.source["text"] for document in (await store.read(keys)).values()} == {text}


async def test_two_processes_on_the_same_documents(
    store: ElasticsearchStore, index: str, linked: Linked, history: History, start_victim: Any
) -> None:
    stopped, other = await asyncio.gather(start_victim("hammer:1:900"), start_victim("hammer:2:900"))
    for _ in range(20):
        await stopped.line()
    stopped.send(signal.SIGSTOP)
    for _ in range(40):  # the other one goes on, held up for the grace time at most
        await other.line()
    await asyncio.sleep(2 * GRACE)  # by definition of the case: stopped for longer than the grace time
    stopped.send(signal.SIGCONT)
    await asyncio.gather(stopped.finish(), other.finish())
    acknowledged = stopped.acknowledged + other.acknowledged
    written = await history()
    names = [name for number in range(6) for name in await linked(str(number))]
    assert sorted(names) == sorted([*written, *written]), "each in exactly two documents"
    assert len(written) == len(set(written))
    assert set(acknowledged) <= set(written) <= {*acknowledged, *stopped.unknown, *other.unknown}
    assert len(acknowledged) >= 900  # the rest was refused while its process or the other one stood still


async def test_the_doctor_lists_what_nobody_decides_and_has_it_taken_back(
    store: ElasticsearchStore, linked: Linked, history: History, start_victim: Any
) -> None:
    await store._sweeper.close()  # it would be as quick as the doctor
    victim = await start_victim("once", "applied")
    await victim.until(["at", "applied"])
    victim.send(signal.SIGKILL)
    doctor, repairing = Doctor(store, "no-platform"), Repairing(store, "no-platform")
    (finding,) = [finding async for finding in doctor.check_transactions()]
    assert (finding.engine, finding.kind) == ("", "undecided_transaction")
    plan = await repairing.settle_transactions(dry_run=True)
    assert plan == await repairing.settle_transactions(dry_run=False)
    assert [repair.document for repair in plan] == [finding.document]
    assert [finding async for finding in doctor.check_transactions()] == []
    assert await linked("a") == await linked("b") == await history() == []
