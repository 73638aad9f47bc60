"""One call of `put` on its way through shared bulks, its single writes, and what the cluster's results mean to them."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Sequence
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Put, PutKind, PutResult
from device_manager.storage.elasticsearch.bulks import Result
from device_manager.storage.origin import ORIGIN


class PutCall:
    """The puts of one caller, what became of them so far, and the future that the caller awaits.

    Attributes:
        puts: what was asked for.
        future: the results of all puts, once the last one is known.
        started: monotonic time of the call.
        origin: what its changes name as their origin.
    """

    def __init__(self, puts: Sequence[Put]) -> None:
        self.puts = puts
        self.future: asyncio.Future[list[PutResult | ApiError]] = asyncio.get_running_loop().create_future()
        self.started = time.monotonic()
        self.origin = ORIGIN.get()
        self._results: list[PutResult | ApiError] = [PutResult.STALE] * len(puts)
        self._left = len(puts)

    def settle(self, place: int, result: PutResult | ApiError) -> None:
        """Note what became of one put; with the last one the caller gets its answer."""
        self._results[place] = result
        self._left -= 1
        if not self._left and not self.future.done():
            self.future.set_result(self._results)

    def abandon(self) -> None:
        """Nobody is going to await the future."""
        if not self.future.cancel() and not self.future.cancelled():
            self.future.exception()  # taken note of

    def fail(self, error: BaseException) -> None:
        """Answer that it is not known which puts were made, unless the caller gave up."""
        if not self.future.done():
            self.future.set_exception(error)


class Item(NamedTuple):
    """One put of a call, as the lines of a bulk that write it."""

    call: PutCall
    place: int
    line: bytes

    @property
    def put(self) -> Put:
        """What was asked for."""
        return self.call.puts[self.place]

    def settle(self, result: PutResult | ApiError) -> None:
        """Note what became of it."""
        self.call.settle(self.place, result)


class Further(enum.Enum):
    """What has to be done about a put before its result is known."""

    LOOK = enum.auto()
    """Something stood in its way: read it."""
    FIND = enum.auto()
    """Its collection is not there: look it up."""
    RETRY = enum.auto()
    """The cluster is busy, or in trouble: send it again."""


def judge_put(put: Put, result: Result) -> PutResult | ApiError | Further:
    """What the cluster's result says about a put."""
    if result.is_done:
        return PutResult.WRITTEN
    if result.is_conflict:
        match put.kind:
            case PutKind.NEWEST:
                return PutResult.OLDER
            case PutKind.REPLACE:
                return PutResult.STALE
            case _:
                return Further.LOOK
    if result.is_gone:
        was_absent = put.kind is PutKind.REMOVE and not result.problem
        return PutResult.WRITTEN if was_absent else Further.FIND
    return result.refusal(put.key.id) if result.is_refused else Further.RETRY
