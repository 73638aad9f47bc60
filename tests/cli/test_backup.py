"""`device-manager backup` copies the embedded store while a server writes to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess
from device_manager.storage.sqlite.layout import DATABASE

Run = Callable[..., Any]
DEVICES = "device-manager/devices"


async def link_for_ever(server: ServerProcess, pairs: list[tuple[str, str]], written: asyncio.Event) -> None:
    async with Client(server.url) as client:
        for asset, device in itertools.cycle(pairs):
            body = {"linkedMeasures": [{"assetId": asset, "implicitMeasuresLinking": True}]}
            await client.call(DEVICES, "linkAssets", engineId="ward", _id=device, body=body)
            written.set()
            await client.call(DEVICES, "unlinkAssets", engineId="ward", _id=device, body={"allMeasures": True})


def test_a_copy_made_under_load_opens_and_is_sound(
    start_server: Callable[..., ServerProcess],
    create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]],
    run_command: Run,
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path / 'original'}"
    server = start_server(store=store)

    async def back_up_under_load() -> list[Any]:
        async with Client(server.url) as client:
            pairs = await create_fleet(client, "ward", 50)
        written = asyncio.Event()
        load = asyncio.create_task(link_for_ever(server, pairs, written))
        await written.wait()
        ran = [
            await asyncio.to_thread(run_command, "backup", tmp_path / name, "--store", store)
            for name in ("folder", "file.sqlite3", "folder")
        ]
        assert not load.done()
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        return ran

    folder, file, again = asyncio.run(back_up_under_load())
    copied = tmp_path / "folder" / DATABASE
    assert (folder.status, file.status) == (0, 0), (folder.errors, file.errors)
    assert folder.output == f"{copied}: {copied.stat().st_size:,} bytes\n"
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [DATABASE]
    assert (again.status, "never overwrites" in again.errors) == (2, True)
    assert server.is_running

    (tmp_path / "moved").mkdir()
    (tmp_path / "file.sqlite3").rename(tmp_path / "moved" / DATABASE)
    for name in ("folder", "moved"):
        found = run_command("doctor", "--store", f"sqlite:{tmp_path / name}", "--json")
        assert (found.status, found.json["findings"]) == (0, []), found.errors
    twin = start_server(store=f"sqlite:{tmp_path / 'folder'}")

    async def count() -> int:
        async with Client(twin.url) as client:
            found = await client.call(DEVICES, "search", engineId="ward", body={}, size=1)
        return int(found["total"])

    assert asyncio.run(count()) == 50
    twin.stop()
    server.stop()
    stopped = run_command("backup", tmp_path / "cold", DEVICE_MANAGER_STORE=store)
    assert stopped.status == 0, stopped.errors


def test_what_cannot_be_copied(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / DATABASE).write_text("something else")
    for store, text in (
        ("elasticsearch:http://127.0.0.1:1", "snapshots"),
        (f"sqlite:{tmp_path / 'empty'}", "There is no store"),
        (f"sqlite:{tmp_path / 'foreign'}", "not a database"),
    ):
        ran = run_command("backup", tmp_path / "copy", "--store", store)
        assert ran.status == 2, (store, ran.output, ran.errors)
        assert text in ran.errors
        assert "Traceback" not in ran.errors
        assert not list((tmp_path).glob("copy/*"))
