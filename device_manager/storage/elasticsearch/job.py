"""One call of `transact` on its way through the rounds of the writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Change, Decide, Document, Key
from device_manager.storage.origin import ORIGIN


class Job:
    """A decide function, the future of its caller, and how it fared so far.

    Attributes:
        decide: what to run.
        known: documents that were read for it, None for those that there are not; no more from the second attempt on.
        dry_run: nothing is written.
        large: `decide` takes so long that it runs in a thread.
        future: what the caller awaits.
        started: monotonic time of the call.
        attempts: how many times its changes were refused because of other writers.
        is_alone: it shares a flush with nobody, because a flush that it was in met an operation that nobody can apply.
        is_expired: the caller was told that nothing is written, because the cluster does not answer.
        blocked_since: monotonic time since which it waits for undecided transactions; None when it does not.
        problem: why the latest attempt failed.
        origin: what its changes name as their origin.
        collections: index and collection of what it wrote.
    """

    def __init__(
        self, decide: Decide[Any], known: Mapping[Key, Document | None] | None, dry_run: bool, large: bool = False
    ) -> None:
        self.decide = decide
        self.known = known
        self.dry_run = dry_run
        self.large = large
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.started = time.monotonic()
        self.origin = ORIGIN.get()
        self.attempts = 0
        self.is_alone = False
        self.is_expired = False
        self.blocked_since: float | None = None
        self.problem: ApiError | None = None
        self.collections: set[tuple[str, str]] = set()

    @property
    def is_last(self) -> bool:
        """Whether no further one joins its round."""
        return self.large or self.is_alone

    def succeed(self, result: Any) -> None:
        """Answer the caller, unless it gave up."""
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Refuse the caller, unless it gave up."""
        if not self.future.done():
            self.future.set_exception(error)

    def try_again(self, problem: ApiError, attempts: int) -> bool:
        """Note a failed attempt; False, and the caller is refused, when it was the last of `attempts`."""
        self.known = None
        self.problem = problem
        self.attempts += 1
        if self.attempts > attempts:
            self.fail(problem)
            return False
        return not self.future.done()

    def waited(self) -> float:
        """Seconds for which undecided transactions of others have held this one up."""
        now = time.monotonic()
        if self.blocked_since is None:
            self.blocked_since = now
        return now - self.blocked_since


class Outcome:
    """What a run of a decide function gave: its result or its error, and its changes in the order made."""

    def __init__(self, job: Job, result: Any, error: BaseException | None, changes: Iterable[Change]) -> None:
        self.job = job
        self.result = result
        self.error = error
        self.changes = tuple(changes)

    def settle(self) -> None:
        """Tell the caller."""
        if self.error is not None:
            self.job.fail(self.error)
        else:
            self.job.succeed(self.result)


def too_many_changes(id: str) -> ApiError:
    """The refusal of a transaction that lost against other writers too often."""
    return api_error("services.storage.too_many_changes", id)
