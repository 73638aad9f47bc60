"""Payloads that are accepted while the store is away, and stored in order once it is back (design 9)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog

from device_manager.errors import unexpected
from device_manager.twins.call import Call
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.spool import Spool

BATCH = 256
"""Payloads that are replayed together; those of one device come one after another."""
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between two looks whether the store is back."""

log = structlog.get_logger("spool")

Process = Callable[[Delivery, Call], Awaitable[None]]


class Spooled(msgspec.Struct):
    """A decoded payload as it waits on disk.

    Attributes:
        delivery: what it brings.
        user_id: who sent it.
        engines: the engines that its sender had a right to, None for all.
    """

    delivery: Delivery
    user_id: str | None
    engines: list[str] | None

    @property
    def call(self) -> Call:
        """The caller, as far as it is known: listeners get no request."""
        return Call(self.user_id, engines=None if self.engines is None else frozenset(self.engines))


class Spooling:
    """Puts payloads aside and replays them.

    Args:
        spool: where they wait.
        process: stores one.
    """

    def __init__(self, spool: Spool, process: Process) -> None:
        self._spool = spool
        self._process = process
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Spooled)
        self._filled = asyncio.Event()
        self._replaying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what an earlier process left, and begin to replay it. Raises `StoreInUse`."""
        self._spool.open()
        self._filled.set()
        self._replaying = asyncio.create_task(self._replay())

    async def stop(self) -> None:
        """Stop replaying; what waits stays on disk."""
        replaying, self._replaying = self._replaying, None
        if replaying is not None:
            replaying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await replaying
            await self._spool.close()

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._spool.size

    @property
    def holds_any(self) -> bool:
        """Whether payloads wait, so that further ones have to queue up behind them."""
        return not self._spool.is_empty

    async def add(self, delivery: Delivery, call: Call) -> None:
        """Put a payload aside; it is on disk when this returns.

        Raises:
            ApiError: `device_manager.ingestion.spool_full`.
        """
        engines = None if call.engines is None else sorted(call.engines)
        repeatable = msgspec.structs.replace(delivery, is_repeatable=True)
        await self._spool.append(self._encoder.encode(Spooled(repeatable, call.user_id, engines)))
        self._filled.set()

    async def _replay(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while (found := await self._spool.first()) is not None:
                path, texts = found
                log.warning("payloads are replayed that waited for the store", count=len(texts))
                for start in range(0, len(texts), BATCH):
                    await self._replay_batch([self._decoder.decode(text) for text in texts[start : start + BATCH]])
                await self._spool.remove(path)

    async def _replay_batch(self, batch: Iterable[Spooled]) -> None:
        """Store payloads, waiting for the store as long as it takes."""
        for wave in waves(batch):
            pause = SHORTEST_PAUSE
            while wave:
                taken = await asyncio.gather(*(self._is_dealt_with(spooled) for spooled in wave))
                wave = [spooled for spooled, is_done in zip(wave, taken, strict=True) if not is_done]
                if wave:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)

    async def _is_dealt_with(self, spooled: Spooled) -> bool:
        """Store a payload; False when the store is still away.

        What is refused by now is archived as such. What fails for a reason that nobody foresaw is put aside, so that it
        neither holds up the others nor gets lost.
        """
        uuid = spooled.delivery.uuid
        try:
            await self._process(spooled.delivery, spooled.call)
        except Exception as error:
            refusal = unexpected(error)
            if refusal.is_unavailable:
                return False
            if refusal.is_fault:
                path = await self._spool.put_aside(self._encoder.encode(spooled))
                log.error("a payload that waited cannot be stored", payload=uuid, kept_in=str(path), exc_info=error)
            else:
                log.error("a payload that waited is refused", payload=uuid, reason=str(error))
        return True


def waves(batch: Iterable[Spooled]) -> list[list[Spooled]]:
    """Payloads that can be stored at once: those of one device are in different waves, in order."""
    result: list[list[Spooled]] = []
    reached: dict[str, int] = {}
    for spooled in batch:
        devices = spooled.delivery.references
        number = max((reached.get(device, -1) for device in devices), default=-1) + 1
        reached.update(dict.fromkeys(devices, number))
        if number == len(result):
            result.append([])
        result[number].append(spooled)
    return result
