"""`device-manager doctor` finds damage, through a server and in a store that no server has open."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess
from device_manager.settings import load_settings
from device_manager.storage.contract import Key, Transaction
from device_manager.storage.opening import open_store

Run = Callable[..., Any]


async def break_link(store_url: str, key: Key) -> None:
    """Forget the links of one document, past all rules."""
    store = open_store(load_settings({"store": store_url}))
    await store.start()

    def forget(transaction: Transaction) -> None:
        document = transaction.read([key])[key]
        transaction.replace(key, document.source | {"linkedMeasures": []})

    await store.transact(forget)
    await store.close()


def test_it_finds_a_one_sided_link(
    start_server: Callable[..., ServerProcess],
    create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]],
    run_command: Run,
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path / 'examined'}"
    server = start_server(store=store)

    async def fill() -> tuple[str, str]:
        async with Client(server.url) as client:
            [(asset, device)] = await create_fleet(client, "ward", 1)
            await client.call(
                "device-manager/devices",
                "mLinkAssets",
                engineId="ward",
                body={"records": [{"assetId": asset, "deviceId": device}]},
            )
            return asset, device

    asset, device = asyncio.run(fill())
    ran = run_command("doctor", "--url", server.url)
    assert ran.status == 0, ran.errors
    assert "Nothing found" in ran.output
    server.stop()
    assert run_command("doctor", "--store", store, "--json").json == {"command": "doctor", "findings": []}

    asyncio.run(break_link(store, Key("ward", "assets", asset)))

    ran = run_command("doctor", "--store", store, "--json", "--engine", "ward")
    assert ran.status == 1
    kinds = {(finding["kind"], finding["document"]) for finding in ran.json["findings"]}
    assert ("one_sided_link", f"devices/{device}") in kinds
    server.start()
    ran = run_command("doctor", DEVICE_MANAGER_URL=server.url)
    assert ran.status == 1
    assert "one_sided_link" in ran.output

    ran = run_command("doctor", "--repair", DEVICE_MANAGER_URL=server.url)
    assert (ran.status, "1 repairs planned" in ran.output, "say --yes" in ran.errors) == (1, True, True), ran.output
    ran = run_command("doctor", "--repair", "--yes", DEVICE_MANAGER_URL=server.url)
    assert (ran.status, "1 repairs done" in ran.output) == (0, True), ran.output
    assert run_command("doctor", "--url", server.url).status == 0

    server.stop()
    asyncio.run(break_link(store, Key("ward", "assets", asset)))
    ran = run_command("doctor", "--store", store, "--repair", "--json")
    assert (ran.status, len(ran.json["plan"]), ran.json["repairs"]) == (1, 1, [])
    assert ran.json["findings"]
    ran = run_command("doctor", "--store", store, "--repair", "--yes", "--json", "--engine", "ward")
    assert (ran.status, ran.json["findings"]) == (0, [])
    assert ran.json["repairs"] == ran.json["plan"]
    assert "both sides" in ran.json["plan"][0]["text"]
    assert run_command("doctor", "--store", store, "--repair", "--json").json == {"command": "doctor", "findings": []}


def test_usage(run_command: Run, server: ServerProcess, tmp_path: Path) -> None:
    for arguments in (
        [],
        ["--url", server.url, "--store", "sqlite:x"],
        ["--url", "nowhere"],
        ["--url", server.url, "--yes"],
        ["--url", server.url, "--engine", "no-such-engine"],
        ["--store", "paper:x"],
        ["--store", f"sqlite:{tmp_path / 'absent'}"],
    ):
        ran = run_command("doctor", *arguments)
        assert ran.status == 2, (arguments, ran.output, ran.errors)
        assert "Traceback" not in ran.errors
    assert not (tmp_path / "absent").exists()
    assert run_command("doctor", "--url", "http://127.0.0.1:1").status == 3


def test_the_demonstration_ends_well(tmp_path: Path) -> None:
    export = tmp_path / "temperatures.csv"
    command = [sys.executable, "-m", "device_manager", "demo", "--export", str(export)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=110)
    assert "Linked 3,376 stations to their airports, 0 refused." in ran.stdout
    assert re.search(r"San Francisco International │ outsideTemperature │ 9.1 °C +│ 2011-01-01 07:00 UTC", ran.stdout)
    assert "SEA, 15 July 2010, hour by hour: ▃▂▂▂▁▁▂▂▃▄▅▅▆▇▇███▇▇▅▄▄▃ 13.7 to 23.4 °C" in ran.stdout
    assert re.search(r"UTC │ WeatherStation-SEA │ outsideTemperature: 4.2 °C", ran.stdout)
    assert f"Wrote 8,759 measures of Airport-SEA to {export}." in ran.stdout
    header, *rows = export.read_text().splitlines()
    assert header.startswith("Measure Id,Measured At,Measured At ISO,Measure Type,Device Id")
    assert len({row.split(",")[0] for row in rows}) == 8759
    assert "Nothing found" in ran.stdout
    assert "How long each step took" in ran.stdout
