"""Stores with runners of tasks over them, in this process and in others that can be killed."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX, Store
from device_manager.storage.opening import open_store
from device_manager.tasks import TaskKind, Tasks

GRACE = 1.0
LEDGER = "ledger"
VICTIM = Path(__file__).parent / "victim" / "task_victim.py"


def _load(name: str) -> ModuleType:
    """A module of the victim, whose folder is no package."""
    spec = importlib.util.spec_from_file_location(name, VICTIM.parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


counting: Callable[[Store], TaskKind] = _load("counting").counting


class Ledger:
    """What steps leave behind: a document each, which says how often the step ran and in which runner."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = uuid.uuid4().hex[:12]

    async def read(self) -> list[int]:
        """The numbers of the steps that ran, in order."""
        await self.store.refresh(INTERNAL_INDEX, LEDGER)
        found = [document.source async for page in self.store.scan(INTERNAL_INDEX, LEDGER) for document in page]
        return sorted(entry["number"] for entry in found if entry["name"] == self.name)


@pytest.fixture(scope="module", params=["sqlite", "elasticsearch"])
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The value of the setting `store`."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path_factory.mktemp('tasks')}"
    return f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"


MakeRunner = Callable[..., Awaitable[Tasks]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def store(store_url: str) -> AsyncIterator[Store]:
    """One open store for the module."""
    store = open_store(Settings(store=store_url, recovery_grace=GRACE))
    await store.start()
    await store.create_collection(INTERNAL_INDEX, LEDGER, {"dynamic": "false", "properties": {}})
    yield store
    await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_store_at() -> AsyncIterator[Callable[[str], Awaitable[Store]]]:
    """Opens a store, with the ledger in it."""
    opened: list[Store] = []

    async def make(url: str) -> Store:
        store = open_store(Settings(store=url, recovery_grace=GRACE))
        await store.start()
        opened.append(store)
        await store.create_collection(INTERNAL_INDEX, LEDGER, {"dynamic": "false", "properties": {}})
        return store

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def counting_kind() -> Callable[[Store], TaskKind]:
    """Makes the kind of task that counts."""
    return counting


@pytest.fixture
def make_ledger() -> type[Ledger]:
    """Makes ledgers of stores."""
    return Ledger


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """What the steps of one test leave behind."""
    return Ledger(store)


@pytest_asyncio.fixture(loop_scope="module")
async def make_runner(store: Store) -> AsyncIterator[MakeRunner]:
    """Makes runners over the module's store, opened unless said otherwise."""
    made: list[Tasks] = []

    async def make(*kinds: TaskKind, opened: bool = True) -> Tasks:
        tasks = Tasks(store, grace=GRACE)
        for kind in kinds or (counting(store),):
            tasks.register(kind)
        made.append(tasks)
        await (tasks.open() if opened else tasks.prepare())
        return tasks

    yield make
    for tasks in made:
        await tasks.close()


class Victim:
    """Another process with a runner over a store."""

    def __init__(self, store_url: str, name: str, steps: int, pause: float) -> None:
        command = [sys.executable, str(VICTIM), store_url, str(GRACE), name, str(steps), str(pause)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def task_id(self) -> str:
        """The id of the task that it started."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Stop it gracefully; its exit status."""
        self._process.terminate()
        return self._process.wait(30)


@pytest.fixture
def start_victim() -> Iterator[Callable[..., Victim]]:
    """Starts processes that work on a task of `steps` steps, `pause` seconds each."""
    started: list[Victim] = []

    def start(store_url: str, name: str, *, steps: int, pause: float) -> Victim:
        victim = Victim(store_url, name, steps, pause)
        started.append(victim)
        return victim

    yield start
    for victim in started:
        with contextlib.suppress(ProcessLookupError):
            victim.resume()
        victim.kill()


@pytest.fixture
def refuse() -> Callable[..., ApiError]:
    """Makes the errors that steps raise."""

    def make(status: int) -> ApiError:
        return ApiError("the step refuses", status=status, id="test.refused", code=7, extra={"count": 3})

    return make
