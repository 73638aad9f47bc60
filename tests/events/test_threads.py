"""The pool of daemon threads behind plain listeners."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from device_manager.events.threads import ListenerThreads

STUCK = """
import asyncio, threading
from device_manager.errors import ApiError
from device_manager.events import EventBus

async def main():
    bus = EventBus(warning=0.05, deadline=0.1)
    bus.add_pipe("request:beforeExecution", lambda request: threading.Event().wait(), owner="acme")
    try:
        await bus.pipe("request:beforeExecution", None)
    except ApiError as error:
        print(error.status)
    await bus.close()

asyncio.run(main())
"""


def test_results_and_errors_come_back() -> None:
    pool = ListenerThreads(2)
    assert [future.result() for future in [pool.submit(pow, 2, n) for n in range(50)]] == [2**n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()
    pool.shutdown()


def test_no_more_threads_than_allowed() -> None:
    pool = ListenerThreads(3)
    assert pool.submit(threading.current_thread).result().name == "listener-0"
    release = threading.Event()
    futures = [pool.submit(lambda: (release.wait(), threading.current_thread().name)[1]) for _ in range(9)]
    release.set()
    assert {future.result() for future in futures} <= {"listener-0", "listener-1", "listener-2"}
    pool.shutdown()


def test_waiting_work_is_cancelled() -> None:
    pool = ListenerThreads(1)
    started, release = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait()

    running, waiting = pool.submit(hold), pool.submit(hold)
    started.wait()
    pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    release.set()
    assert running.result() is None


def test_a_listener_that_never_returns_does_not_keep_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=True)
    assert "504" in done.stdout
