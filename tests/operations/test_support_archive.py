"""Archives for support are on the disk as a whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from device_manager.controllers.admin.support_archive import PART_AGE, SupportArchive
from device_manager.errors import ApiError


@pytest.mark.parametrize("existed", [True, False])
async def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool) -> None:
    folder = tmp_path / "dumps"
    archive = SupportArchive(folder, 3, {})
    if existed:
        await archive.write("before", wait=True)
    before = list(folder.glob("*"))

    def full(part: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(ApiError, match="No space left") as refused:
            await archive.write("never", wait=True)
        assert refused.value.id == "api.process.file_not_written"
        await archive.write("never", wait=False)  # the log is told
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
    assert list(folder.glob("*")) == before
    assert folder.exists() == existed
    await archive.write("after", wait=True)


async def test_what_a_killed_server_left_goes_after_a_while(tmp_path: Path) -> None:
    left, young = tmp_path / ".dump-left", tmp_path / ".dump-young"
    for part in (left, young):
        part.touch()
    long_ago = time.time() - PART_AGE - 60
    os.utime(left, (long_ago, long_ago))
    name = await SupportArchive(tmp_path, 3, {}).write("new", wait=True)
    assert not left.exists()
    assert young.exists()
    assert (tmp_path / name).exists()
