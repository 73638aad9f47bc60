"""The embedded store when processes are killed, disks are full and files are locked."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.settings import Settings
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.storage.sqlite import checkpoints
from device_manager.storage.sqlite.connections import UnusableStore
from device_manager.storage.sqlite.layout import DATABASE, LOCK, SCHEMA_VERSION
from device_manager.storage.sqlite.lock import StoreInUse
from device_manager.storage.sqlite.reading import THREADS, ReaderPool
from device_manager.storage.sqlite.store import SqliteStore

VICTIM = Path(__file__).parent / "sqlite_victim.py"
COUNTERS = {"dynamic": "strict", "properties": {"count": {"type": "integer"}, "text": {"type": "text"}}}


def victim(directory: Path, workers: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, str(VICTIM), str(directory), str(workers)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path, Settings())
    await store.start()
    await store.create_collection("t", "counters", COUNTERS)
    yield store
    await store.close()


def raised(key: Key, text: str = "") -> Any:
    """Decide to add one to a counter."""

    def decide(tx: Transaction) -> Document:
        found = tx.read([key])
        if key in found:
            return tx.replace(key, {"count": found[key].source["count"] + 1, "text": text})
        return tx.create(key.index, key.collection, {"count": 1, "text": text}, key.id)

    return decide


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


A = Key("t", "counters", "a")


async def test_what_was_acknowledged_survives_kill_and_nothing_is_half_there(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for round in range(3):
        process = victim(tmp_path, workers=64)
        assert process.stdout is not None
        for _ in range(random.Random(round).randrange(300, 1500)):
            acknowledged.add(process.stdout.readline().decode().strip())
        process.kill()
        acknowledged |= {
            line.decode().strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")
        }
        process.wait()
        process.stdout.close()
        await check_counts(tmp_path, acknowledged)


async def check_counts(directory: Path, acknowledged: set[str]) -> None:
    """Every acknowledged entry is there, and the twins count exactly the entries that are there."""
    store = SqliteStore(directory, Settings())
    await store.start()
    try:
        entries: dict[str, Document] = {}
        async for page in store.scan("t", "history"):
            entries |= {document.id: document for document in page}
        assert acknowledged <= set(entries)
        for kind, collection in (("asset", "assets"), ("device", "devices")):
            counted = Counter(entry.source[kind] for entry in entries.values())
            stored: dict[str, int] = {}
            async for page in store.scan("t", collection):
                stored |= {document.id: document.source["count"] for document in page}
            assert stored == counted
        assert await store.run_job(lambda connection: connection.execute("PRAGMA quick_check").get) == "ok"
    finally:
        await store.close()


async def test_a_second_server_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    process = victim(tmp_path, workers=1)
    try:
        with pytest.raises(StoreInUse, match=rf"process id {process.pid}\b"):
            await SqliteStore(tmp_path, Settings()).start()
    finally:
        process.kill()
        process.communicate()
    store = SqliteStore(tmp_path, Settings())
    await store.start()
    await store.close()


async def test_a_directory_is_free_again_after_close(tmp_path: Path, store: SqliteStore) -> None:
    await store.transact(raised(A))
    other = SqliteStore(tmp_path, Settings())
    with pytest.raises(StoreInUse):
        await other.start()
    await store.close()
    await other.start()
    assert (await other.get(*A)).source["count"] == 1
    await other.close()


async def test_close_leaves_one_file(tmp_path: Path, store: SqliteStore) -> None:
    await store.transact(raised(A))
    await store.search("t", "counters", Search())
    await store.close()
    assert files_in(tmp_path) == [LOCK, DATABASE]


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    assert not await store.is_healthy()
    with pytest.raises(ApiError, check=lambda error: error.status == 503):
        await store.transact(raised(A))


async def test_close_commits_what_is_decided(tmp_path: Path, store: SqliteStore) -> None:
    writes = [asyncio.ensure_future(store.transact(raised(A))) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    again = SqliteStore(tmp_path, Settings())
    await again.start()
    assert (await again.get(*A)).source["count"] == 20
    await again.close()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path, store: SqliteStore) -> None:
    await store.run_job(lambda connection: connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"))
    await store.close()
    with pytest.raises(UnusableStore, match=f"newer version.*{SCHEMA_VERSION + 1}"):
        await store.start()
    apsw.Connection(str(tmp_path / DATABASE)).execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    await store.start()


async def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database " * 1000)
    with pytest.raises(UnusableStore, match="not a database"):
        await SqliteStore(tmp_path, Settings()).start()
    (tmp_path / DATABASE).unlink()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(UnusableStore, match="something else"):
        await SqliteStore(tmp_path, Settings()).start()


async def test_a_full_disk_is_a_503_and_leaves_nothing_half_written(store: SqliteStore) -> None:
    await store.transact(raised(A))
    pages = await store.run_job(lambda connection: connection.execute("PRAGMA page_count").get)
    await store.run_job(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}").get)

    def fill(tx: Transaction) -> None:
        for _ in range(100):
            tx.create("t", "counters", {"count": 0, "text": "x" * 1000})

    outcomes = await asyncio.gather(
        store.transact(fill), *(store.transact(raised(A)) for _ in range(5)), return_exceptions=True
    )
    assert isinstance(outcomes[0], ApiError)
    assert (outcomes[0].status, outcomes[0].id) == (503, "services.storage.unavailable")
    acknowledged = sum(isinstance(outcome, Document) for outcome in outcomes)
    assert all(isinstance(o, Document) or (isinstance(o, ApiError) and o.status == 503) for o in outcomes)
    assert (await store.search("t", "counters", Search())).total == 1
    assert (await store.get(*A)).source["count"] == 1 + acknowledged
    await store.run_job(lambda connection: connection.execute("PRAGMA max_page_count = 1073741823").get)
    await store.transact(fill)
    assert (await store.search("t", "counters", Search())).total == 101


async def test_a_locked_file_is_a_503_until_it_is_free(tmp_path: Path, store: SqliteStore) -> None:
    other = apsw.Connection(str(tmp_path / DATABASE))
    other.set_busy_timeout(10_000)  # the store may be writing still
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ApiError, check=lambda error: error.id == "services.storage.unavailable"):
        await store.transact(raised(A))
    with pytest.raises(ApiError, check=lambda error: error.id == "services.storage.unavailable"):
        await store.create_collection("t", "more", {})
    assert await store.read([A]) == {}
    other.execute("ROLLBACK")
    other.close()
    await store.transact(raised(A))
    await store.create_collection("t", "more", {})
    assert (await store.get(*A)).source["count"] == 1


async def test_one_impossible_document_fails_alone(store: SqliteStore) -> None:
    await store.run_job(lambda connection: connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000))
    keys = [Key("t", "counters", f"{n}") for n in range(6)]
    outcomes = await asyncio.gather(
        *(store.transact(raised(key, "x " * 4000 * (30 if key.id == "3" else 1))) for key in keys),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Document) for outcome in outcomes] == [True, True, True, False, True, True]
    assert isinstance(outcomes[3], ApiError)
    assert outcomes[3].status == 400
    assert len(await store.read(keys)) == 5


async def test_decisions_on_top_of_a_failed_one_are_made_again(store: SqliteStore) -> None:
    await store.run_job(lambda connection: connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000))
    texts = ["small", "x " * 15_000 * 4, "small", "small"]
    outcomes = await asyncio.gather(*(store.transact(raised(A, text)) for text in texts), return_exceptions=True)
    assert [isinstance(outcome, Document) for outcome in outcomes] == [True, False, True, True]
    assert (await store.get(*A)).source["count"] == 3


async def test_nothing_is_decided_on_top_of_what_rests_on_a_failure(store: SqliteStore) -> None:
    """What waits when a commit fails is decided again at once: writing it first would draw later ones in."""
    await store.run_job(lambda connection: connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000))
    runs: Counter[str] = Counter()

    def counted(name: str, text: str) -> Any:
        decide = raised(A, text)

        def run(tx: Transaction) -> Document:
            runs[name] += 1
            document: Document = decide(tx)
            return document

        return run

    async def fail_then_go_on() -> None:
        with pytest.raises(ApiError, check=lambda error: error.status == 400):
            await store.transact(counted("huge", "x " * 15_000 * 4))
        await store.transact(counted("after", "small"))

    free = threading.Event()
    holding = asyncio.create_task(store.run_job(lambda connection: free.wait(30)))
    failing = asyncio.create_task(fail_then_go_on())
    while not store._groups._in_flight:
        await asyncio.sleep(0)
    waiting = asyncio.create_task(store.transact(counted("waiting", "small")))
    while not runs["waiting"]:
        await asyncio.sleep(0)
    free.set()
    await asyncio.gather(holding, failing, waiting)
    assert runs == {"huge": 1, "waiting": 2, "after": 1}
    assert (await store.get(*A)).source["count"] == 2


async def test_a_failure_under_constant_load_does_not_spread(store: SqliteStore) -> None:
    await store.run_job(lambda connection: connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000))
    huge = "x " * 15_000 * 4

    async def write(worker: int) -> int:
        acknowledged = 0
        for n in range(40):
            try:
                await store.transact(raised(A, huge if worker == 0 and n % 10 == 0 else "small"))
                acknowledged += 1
            except ApiError as error:
                assert error.status == 400
        return acknowledged

    acknowledged = sum(await asyncio.gather(*map(write, range(16))))
    assert acknowledged == 16 * 40 - 4
    assert (await store.get(*A)).source["count"] == acknowledged


async def test_checkpoints_under_load_bound_the_log(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PAGES", 500)
    log = tmp_path / f"{DATABASE}-wal"
    sizes: list[int] = []

    async def write(worker: int) -> None:
        for n in range(60):
            await store.transact(raised(Key("t", "counters", f"{worker}-{n}"), "x" * 3000))
            sizes.append(log.stat().st_size)

    await asyncio.gather(*map(write, range(64)))
    written = 60 * 64 * 3000
    assert max(sizes) < written
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[: len(sizes) // 2]) * 2
    assert (await store.search("t", "counters", Search())).total == 60 * 64


async def test_a_search_that_takes_too_long_is_stopped(tmp_path: Path, store: SqliteStore) -> None:
    pool = ReaderPool(tmp_path / DATABASE)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ApiError, check=lambda error: error.status == 503, match=r"longer than 0.1 s"):
        await pool.run(lambda connection: connection.execute(endless).get, 0.1)
    assert await pool.run(lambda connection: connection.execute("SELECT 1").get, 5) == 1
    pool.close()


async def test_searches_that_wait_too_long_for_their_turn_are_stopped(tmp_path: Path, store: SqliteStore) -> None:
    pool = ReaderPool(tmp_path / DATABASE)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    searches = [pool.run(lambda connection: connection.execute(endless).get, n * 0.01) for n in range(THREADS * 4)]
    outcomes = await asyncio.gather(*searches, return_exceptions=True)
    assert all(isinstance(outcome, ApiError) and outcome.status == 503 for outcome in outcomes)
    pool.close()


async def test_an_abandoned_search_is_stopped(tmp_path: Path, store: SqliteStore) -> None:
    pool = ReaderPool(tmp_path / DATABASE)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    for wait in (0.0, 0.05):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run(lambda connection: connection.execute(endless).get, 60), wait)
    assert await pool.run(lambda connection: connection.execute("SELECT 1").get, 5) == 1
    pool.close()


async def test_a_store_closes_while_a_checkpoint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request to stop must not be taken for the request of the checkpoint that is just being made."""
    store = SqliteStore(tmp_path / "busy", Settings())
    begun = threading.Event()

    def slow(connection: apsw.Connection) -> None:
        begun.set()
        while not store._checkpointer._stopping:
            begun.wait()

    monkeypatch.setattr(checkpoints, "_passive", slow)
    monkeypatch.setattr(checkpoints, "PAGES", 1)
    await store.start()
    await store.create_collection("t", "counters", {})
    await asyncio.to_thread(begun.wait, 30)
    await asyncio.wait_for(store.close(), 30)
