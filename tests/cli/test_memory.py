"""What an import of 20,000 rows costs in memory, on both sides and both stores."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.cli.client import Client

ROWS = 20_000
MOST = 300
"""Megabytes that neither side may reach."""


def peak(pid: int) -> int:
    """The most memory that a process has held so far, in megabytes; 0 once it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
def test_an_import_of_20000_rows(
    start_command: Callable[..., subprocess.Popen[str]], start_server: Any, tmp_path: Path, store: str
) -> None:
    server = start_server(store=store)
    fields = {"name": {"type": "keyword"}, "place": {"type": "geo_point"}}

    async def prepare() -> None:
        async with Client(server.url) as client:
            model = {"model": "Hall", "engineGroup": "commons", "measures": [], "metadataMappings": fields}
            await client.call("device-manager/models", "writeAsset", body=model)
            await client.call("device-manager/engine", "create", index="yard")

    asyncio.run(prepare())
    path = tmp_path / "halls.csv"
    with path.open("w") as file:
        file.write("model,reference,metadata.name,metadata.place\n")
        file.writelines(f'Hall,{row},Hall number {row} of many,"{row % 90}.5,{row % 180}.25"\n' for row in range(ROWS))
    command = ("import", "assets", path, "--engine", "yard", "--url", server.url, "--json")
    with start_command(*command) as process:
        assert process.stderr is not None
        most = 0
        for line in process.stderr:
            assert line.startswith("import assets: "), line
            most = max(most, peak(process.pid))
        output = process.communicate()[0]
    assert process.returncode == 0, output
    assert f'"changed": {ROWS}' in output
    assert 0 < most < MOST
    assert 0 < peak(server.pid) < MOST
