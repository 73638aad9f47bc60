"""Payloads on disk: in order, in groups, through crashes (design 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_manager.errors import ApiError
from device_manager.storage.contract import StoreError
from device_manager.twins.ingestion import spool as module
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.spool import Spool
from device_manager.twins.ingestion.spooling import Spooled, waves


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 200)
    yield


async def drain(spool: Spool) -> list[bytes]:
    """Everything that waits, taken out."""
    taken: list[bytes] = []
    while (found := await spool.first()) is not None:
        path, texts = found
        taken += texts
        await spool.remove(path)
    return taken


@pytest.mark.asyncio
async def test_texts_come_out_in_order_also_in_another_process(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "spool", 1 << 20)
    spool.open()
    texts = [b"text %d" % number for number in range(100)]
    for start in range(0, 50, 10):
        await asyncio.gather(*(spool.append(text) for text in texts[start : start + 10]))
    assert not spool.is_empty
    with pytest.raises(StoreError, match="spool"):
        Spool(tmp_path / "deep" / "spool", 1 << 20).open()
    await spool.close()
    again = Spool(tmp_path / "deep" / "spool", 1 << 20)
    again.open()
    for text in texts[50:]:
        await again.append(text)
    assert await drain(again) == texts
    assert again.is_empty
    assert again.size == 0
    await again.close()


def tear(directory: Path) -> None:
    """Cut off the end of the only file."""
    (segment,) = directory.glob(module.PATTERN)
    segment.write_bytes(segment.read_bytes()[:-3])


@pytest.mark.asyncio
async def test_what_a_crash_left_half_written_is_left_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20)
    spool.open()
    await spool.append(b"whole")
    await spool.append(b"torn")
    await spool.close()
    tear(tmp_path)
    again = Spool(tmp_path, 1 << 20)
    again.open()
    await again.append(b"later")
    assert await drain(again) == [b"whole", b"later"]
    await again.close()


@pytest.mark.asyncio
async def test_a_full_spool_refuses(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    spool.open()
    await spool.append(b"x" * 60)
    with pytest.raises(ApiError) as refusal:
        await spool.append(b"y" * 60)
    assert (refusal.value.status, refusal.value.id) == (503, "device_manager.ingestion.spool_full")
    assert await drain(spool) == [b"x" * 60]
    await spool.append(b"y" * 60)
    await spool.close()


@pytest.mark.asyncio
async def test_taking_out_goes_on_while_texts_come_in(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20)
    spool.open()
    texts = [b"text %d" % number for number in range(200)]

    async def fill() -> None:
        for text in texts:
            await spool.append(text)

    filling = asyncio.create_task(fill())
    taken: list[bytes] = []
    while not filling.done() or not spool.is_empty:
        taken += await drain(spool)
        await asyncio.sleep(0)
    await filling
    assert taken == texts
    await spool.close()


def spooled(number: int, *devices: str) -> Spooled:
    references = dict.fromkeys(devices, "reference")
    return Spooled(Delivery(str(number), True, (), "Model", references, {}, {}, None), None, None)


def test_payloads_of_one_device_are_stored_one_after_another() -> None:
    batch = [
        spooled(0, "A"),
        spooled(1, "B"),
        spooled(2, "A"),
        spooled(3, "A", "B"),
        spooled(4, "C"),
        spooled(5),
        spooled(6, "C"),
    ]
    order = [[payload.delivery.uuid for payload in wave] for wave in waves(batch)]
    assert order == [["0", "1", "4", "5"], ["2", "6"], ["3"]]
