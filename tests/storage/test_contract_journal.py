"""What requests with an idempotency key leave behind, and what their retries find; on both stores."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.ids import derived_id
from device_manager.storage.journal import (
    JOURNAL,
    PIECE,
    Journal,
    JournalHead,
    prepare_journal,
    remove_expired,
    remove_of_engine,
)
from device_manager.storage.steps import RECORDER, step
from device_manager.storage.typed_json import decode, encode
from device_manager.twins.links import SlotPair
from device_manager.twins.relinking import LinkOutcome

LATER = time.time_ns() // 1_000_000 + 3_600_000


class Shop:
    """Numbers that are raised one step at a time.

    Attributes:
        ran: how many steps were run, not answered from the journal.
    """

    def __init__(self, store: Store, index: str) -> None:
        self.ran = 0
        self._store = store
        self._index = index

    @step
    async def add(self, id: str, *, text: str = "") -> tuple[Document, str]:
        """Raise one number; the asset has to exist."""
        self.ran += 1
        key = Key(self._index, "assets", id)
        known = {key: await self._store.get(*key)}

        def decide(tx: Transaction) -> tuple[Document, str]:
            return tx.replace(key, {"serial": tx.read((key,))[key].source["serial"] + 1}), text

        return await self._store.transact(decide, known=known)

    async def number(self, id: str) -> int:
        return int((await self._store.get(self._index, "assets", id)).source["serial"])


MakeHead = Callable[..., JournalHead]


@pytest.fixture
async def shop(store: Store, index: str) -> Shop:
    await prepare_journal(store)
    for id in ("a", "b", "c"):
        await store.transact(lambda tx, id=id: tx.create(index, "assets", {"serial": 0}, id))  # type: ignore[misc]
    return Shop(store, index)


@pytest.fixture
def head(index: str) -> JournalHead:
    return JournalHead(derived_id("me", index, uuid.uuid4().hex), "same", "k", index, LATER)


async def under(journal: Journal, act: Callable[[], Any]) -> Any:
    """Run something as a request with that journal."""
    token = RECORDER.set(journal)
    try:
        return await act()
    finally:
        RECORDER.reset(token)


async def test_a_retry_goes_on_behind_the_steps_that_were_committed(
    store: Store, index: str, shop: Shop, head: JournalHead
) -> None:
    async def first() -> None:
        await shop.add("a", text="é")
        await shop.add("b")
        raise ConnectionAbortedError

    journal = Journal(store, head)
    assert await journal.open() is None
    with pytest.raises(ConnectionAbortedError):
        await under(journal, first)

    def gone(tx: Transaction) -> None:
        tx.delete(Key(index, "assets", "a"))

    await store.transact(gone)

    async def again() -> list[Any]:
        return [await shop.add("a", text="é"), await shop.add("b"), await shop.add("c")]

    shop.ran = 0
    retry = Journal(store, head)
    assert await retry.open() is None
    (a, text), (b, _), (c, _) = await under(retry, again)
    assert shop.ran == 1
    assert (a.id, a.source, a.version, text) == ("a", {"serial": 1}, 2, "é")
    assert [b.source, c.source] == [{"serial": 1}, {"serial": 1}]
    assert [await shop.number("b"), await shop.number("c")] == [1, 1]

    answer = "x" * (PIECE * 2 + 5)
    await retry.complete(answer)
    await retry.complete("a later one")
    assert await Journal(store, head).open() == answer


async def test_attempts_at_the_same_time_have_one_effect(store: Store, shop: Shop, head: JournalHead) -> None:
    async def attempt() -> list[Any]:
        journal = Journal(store, head)
        await journal.open()

        async def act() -> list[Any]:
            return [await shop.add("a"), await shop.add("b")]

        return [document.source for document, _ in await under(journal, act)]

    answers = await asyncio.gather(*(attempt() for _ in range(5)))
    assert answers == [[{"serial": 1}, {"serial": 1}]] * 5
    assert [await shop.number("a"), await shop.number("b")] == [1, 1]


async def test_an_attempt_that_fails_because_of_another_one_is_answered_from_its_record(
    store: Store, index: str, shop: Shop, head: JournalHead
) -> None:
    key = Key(index, "assets", "new")

    @step
    async def create() -> Document:
        return await store.transact(lambda tx: tx.create(*key[:2], {"serial": 7}, key.id))

    slow, fast = Journal(store, head), Journal(store, head)
    assert [await slow.open(), await fast.open()] == [None, None]
    assert (await under(fast, create)).source == {"serial": 7}
    assert (await under(slow, create)).source == {"serial": 7}
    with pytest.raises(ApiError, match="already exists"):
        await create()


async def test_failures_leave_nothing(store: Store, shop: Shop, head: JournalHead) -> None:
    journal = Journal(store, head)
    await journal.open()
    with pytest.raises(ApiError, check=lambda error: error.status == 404):
        await under(journal, lambda: shop.add("unknown"))
    assert not journal.is_unfinished
    other = Journal(store, head._replace(fingerprint="another"))
    assert await other.open() is None


async def test_a_key_belongs_to_one_request(store: Store, shop: Shop, head: JournalHead) -> None:
    journal = Journal(store, head)
    await journal.open()
    other = Journal(store, head._replace(fingerprint="another"))
    await other.open()
    await under(journal, lambda: shop.add("a"))
    mismatch = pytest.raises(ApiError, check=lambda error: error.id == "api.process.idempotency_mismatch")
    with mismatch:
        await under(other, lambda: shop.add("a"))
    with mismatch:
        await Journal(store, head._replace(fingerprint="another")).open()
    assert await shop.number("a") == 1


async def test_without_a_journal_nothing_is_recorded(store: Store, shop: Shop) -> None:
    await store.refresh(INTERNAL_INDEX, JOURNAL)
    before = [page async for page in store.scan(INTERNAL_INDEX, JOURNAL)]
    await shop.add("a")
    await shop.add("a")
    await store.refresh(INTERNAL_INDEX, JOURNAL)
    assert [page async for page in store.scan(INTERNAL_INDEX, JOURNAL)] == before
    assert await shop.number("a") == 2


async def test_a_dry_run_records_nothing(store: Store, index: str, shop: Shop, head: JournalHead) -> None:
    @step
    async def pretend() -> Document:
        return await store.transact(lambda tx: tx.create(index, "assets", {"serial": 1}, "x"), dry_run=True)

    journal = Journal(store, head)
    await journal.open()
    await under(journal, pretend)
    assert await Journal(store, head._replace(fingerprint="another")).open() is None


async def test_records_go_when_their_time_is_over_or_their_engine_is_gone(
    store: Store, index: str, shop: Shop, head: JournalHead
) -> None:
    old = Journal(store, head._replace(id="old" + head.id, expires=1))
    fresh = Journal(store, head._replace(id="fresh" + head.id))
    foreign = Journal(store, head._replace(id="foreign" + head.id, engine="other-" + index))
    for journal in (old, fresh, foreign):
        await journal.open()
        await under(journal, lambda: shop.add("a"))
        await journal.complete("yes")
    assert await remove_expired(store) == 2
    assert [await old.open(), await fresh.open(), await foreign.open()] == [None, "yes", "yes"]
    assert await remove_of_engine(store, index) == 2
    assert [await fresh.open(), await foreign.open()] == [None, "yes"]
    await remove_of_engine(store, "other-" + index)


class Inner(NamedTuple):
    """A result inside a result."""

    pairs: tuple[SlotPair, ...]
    error: ApiError | None


class Outer(msgspec.Struct, frozen=True):
    """A result as an action may have it."""

    inner: Inner
    members: dict[str, Any]


def test_results_of_steps_survive_the_way_through_text() -> None:
    outcome = LinkOutcome(Document("d", {"$": 1, "n": [{}]}, 3), None, (SlotPair("t", "u"),), True)
    refusal = api_error("services.storage.not_found", "a", "b", "c", count=3)
    value = [outcome, Outer(Inner((SlotPair("x", "y"),), refusal), {"$": {"v": 1}}), (1, 2.5, None, "é"), {}]
    back = decode(encode(value))
    assert back[0] == outcome
    error = back[1].inner.error
    assert (error.id, error.props, error.extra, error.status) == (refusal.id, refusal.props, {"count": 3}, 404)
    assert back[1].inner.pairs == (SlotPair("x", "y"),)
    assert type(back[1].inner.pairs[0]) is SlotPair
    assert back[1].members == {"$": {"v": 1}}
    assert back[2:] == value[2:]
    with pytest.raises(TypeError, match="cannot be kept"):
        encode(object())
    for other_version in ("device_manager.gone:Result", "device_manager.twins.links:Gone"):
        with pytest.raises(ApiError, match="another version"):
            decode(f'{{"$":"{other_version}","v":[]}}')
