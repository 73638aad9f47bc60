"""`device-manager import` and `export` against a running server, on both stores."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import ServerProcess

Run = Callable[..., Any]

FIELDS = {
    "name": {"type": "keyword"},
    "size": {"type": "integer"},
    "share": {"type": "float"},
    "open": {"type": "boolean"},
    "since": {"type": "date"},
    "place": {"type": "geo_point"},
    "address": {"properties": {"city": {"type": "keyword"}, "zip": {"type": "keyword"}}},
    "doors": {"type": "nested", "properties": {"width": {"type": "float"}}},
    "labels": {"type": "keyword"},
    "colour": {"type": "keyword"},
}
FULL = {
    "name": ' "Hall", north\nside ',
    "size": 12,
    "share": 0.5,
    "open": True,
    "since": 1700000000000,
    "place": {"lat": 48.85, "lon": -2.35},
    "address": {"city": "Paris", "zip": None},
    "doors": [{"width": 1.5}, {"width": 2}],
    "labels": ["a", "null", "1"],
    "colour": "null",
}
ODD = {
    "name": "",
    "size": "12",
    "open": False,
    "since": "2024-02-29",
    "place": "41.12,-71.34",
    "address": [{"city": "Rome"}, {"city": "Oslo"}],
    "labels": "[a",
    "colour": None,
}
_numbers = itertools.count(1)


class Yard:
    """An engine of its own with a model that has fields of every kind."""

    def __init__(self, server: ServerProcess) -> None:
        self.url = server.url
        self.engine = f"yard-{next(_numbers)}"
        model = {"measures": [], "metadataMappings": FIELDS, "defaultValues": {"colour": "grey"}}
        self.call("models", "writeAsset", body={"model": "Hall", "engineGroup": "commons", **model})
        self.call("models", "writeDevice", body={"model": "Probe", **model})
        self.call("engine", "create", index=self.engine)

    def call(self, controller: str, action: str, **args: Any) -> Any:
        async def once() -> Any:
            async with Client(self.url) as client:
                return await client.call(f"device-manager/{controller}", action, **args)

        return asyncio.run(once())

    def metadata(self, kind: str, id: str) -> Any:
        return self.call(kind, "get", engineId=self.engine, _id=id)["_source"]["metadata"]

    def has(self, kind: str, id: str) -> bool:
        try:
            self.call(kind, "get", engineId=self.engine, _id=id)
        except CallRefused:
            return False
        return True

    def options(self) -> list[str]:
        return ["--engine", self.engine, "--url", self.url]


@pytest.fixture
def yard(server: ServerProcess) -> Yard:
    return Yard(server)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as content:
        return list(csv.DictReader(content))


@pytest.mark.parametrize(("kind", "model"), [("assets", "Hall"), ("devices", "Probe")])
def test_what_is_exported_is_imported_as_it_was(
    run_command: Run, server: ServerProcess, tmp_path: Path, kind: str, model: str
) -> None:
    first, second = Yard(server), Yard(server)
    for reference, metadata in (("full", FULL), ("odd", ODD), ("none", {})):
        body = {"model": model, "reference": f"{first.engine}-{reference}", "metadata": metadata}
        first.call(kind, "create", engineId=first.engine, body=body, refresh="wait_for")
    path = tmp_path / "twins.csv"

    ran = run_command("export", kind, *first.options(), "--output", path, "--json")
    assert ran.status == 0, ran.errors
    assert (ran.json["rows"], ran.json["leftOut"]) == (3, [])
    assert not path.with_name("twins.csv.part").exists()

    if kind == "devices":  # a device is in one engine only
        for row in read(path):
            first.call(kind, "delete", engineId=first.engine, _id=row["_id"])
        path.write_text(path.read_text().replace(f",{first.engine},", f",{second.engine},"))
        ran = run_command("import", kind, path, "--url", second.url)
    else:
        ran = run_command("import", kind, path, *second.options())
    assert ran.status == 0, ran.output + ran.errors
    for reference, metadata in (("full", FULL), ("odd", ODD), ("none", {})):
        found = second.metadata(kind, f"{model}-{first.engine}-{reference}")
        expected = dict.fromkeys(FIELDS) | {"colour": "grey"} | metadata
        if kind == "devices" and metadata == ODD:
            expected["colour"] = "grey"  # null stands for the default of a device
        assert found == expected

    out = run_command("export", kind, *second.options())
    assert out.status == 0
    assert f"Exported 3 {kind}" in out.errors


def test_refused_rows_can_be_corrected_and_fed_in_again(run_command: Run, yard: Yard, tmp_path: Path) -> None:
    path = tmp_path / "halls.csv"
    rows = [f"Hall;{number};{number}" for number in range(2500)]
    rows[1] = "Hall;1;many"
    path.write_text("model;reference;metadata.size\n" + "\n".join(rows) + "\n")
    ran = run_command("import", "assets", path, *yard.options(), "--json")
    assert ran.status == 1
    summary = ran.json
    assert (summary["rows"], summary["changed"], summary["refused"], summary["calls"]) == (2500, 2499, 1, 2)
    errors = tmp_path / "halls.errors.csv"
    assert errors.read_text().splitlines()[1].startswith("Hall;1;many;2;400;api.assert.invalid_type;")
    errors.write_text(errors.read_text().replace("many", "1", 1))
    assert run_command("import", "assets", errors, *yard.options()).status == 0
    assert yard.metadata("assets", "Hall-1")["size"] == 1


def test_upsert_strict_and_dry_run(run_command: Run, yard: Yard, tmp_path: Path) -> None:
    path = tmp_path / "halls.csv"
    path.write_text("model,reference,metadata.name\nHall,1,first\nHall,2,second\n")
    ran = run_command("import", "assets", path, *yard.options(), "--dry-run", "--json")
    assert (ran.status, ran.json["changed"], ran.json["dryRun"]) == (0, 2, True)
    assert run_command("import", "assets", path, *yard.options()).status == 0
    path.write_text("model,reference,metadata.size,metadata.name\nHall,1,5,\nHall,2,,second\nHall,3,,\n")
    ran = run_command("import", "assets", path, *yard.options(), "--strict", "--json")
    assert (ran.status, ran.json["applied"], ran.json["refused"]) == (1, 0, 3)
    ran = run_command("import", "assets", path, *yard.options(), "--upsert", "--json")
    assert (ran.status, ran.json["changed"], ran.json["unchanged"]) == (0, 2, 1)
    assert yard.metadata("assets", "Hall-1")["name"] == "first"
    assert yard.metadata("assets", "Hall-1")["size"] == 5


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
def test_a_killed_server_costs_no_row_and_doubles_none(
    start_command: Callable[..., subprocess.Popen[str]], start_server: Any, tmp_path: Path, store: str
) -> None:
    server = start_server(store=store)
    yard = Yard(server)
    path = tmp_path / "halls.csv"
    path.write_text("model,reference,metadata.size\n" + "".join(f"Hall,{row},{row}\n" for row in range(4000)))
    with start_command("import", "assets", path, *yard.options(), "--json") as process:
        deadline = time.monotonic() + 30
        while not yard.has("assets", "Hall-100"):
            assert time.monotonic() < deadline
        server.kill()
        server.start()
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors
    summary = json.loads(output)
    assert (summary["rows"], summary["changed"], summary["refused"]) == (4000, 4000, 0)
    assert yard.metadata("assets", "Hall-3999")["size"] == 3999


def test_usage_errors_and_refused_files(run_command: Run, yard: Yard, tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text("model,reference\nHall,1\n")
    bad = tmp_path / "bad.csv"
    bad.write_text("model,number\nHall,1\n")
    for arguments in (
        ["import", "assets", good, "--url", yard.url],
        ["import", "halls", good, *yard.options()],
        ["import", "assets", bad, *yard.options()],
        ["export", "assets", "--engine", "no-such-engine", "--url", yard.url],
        ["export", "devices", "--engine", "no-such-engine", "--url", yard.url],
        ["export", "devices", *yard.options(), "--json"],
        ["export", "devices", *yard.options(), "--output", tmp_path / "absent" / "file.csv"],
        ["export", "devices"],
    ):
        ran = run_command(*arguments)
        assert ran.status == 2, arguments
        assert "Error: " in ran.errors
    odd = tmp_path / "odd.csv"
    odd.write_text("model,reference,colour\nHall,1,red\n")
    ran = run_command("import", "assets", odd, *yard.options(), "--json")
    assert ran.status == 1
    assert 'Unknown column "colour"' in ran.json["endedEarly"]


def test_an_unreachable_server(run_command: Run, tmp_path: Path) -> None:
    path = tmp_path / "halls.csv"
    path.write_text("model,reference\nHall,1\n")
    ran = run_command("import", "assets", path, "--engine", "e", "--url", "http://127.0.0.1:1", "--json")
    assert (ran.status, ran.json["notSent"]) == (3, 1)
    target = tmp_path / "out.csv"
    target.write_text("kept")
    ran = run_command("export", "assets", "--engine", "e", "--url", "http://127.0.0.1:1", "--output", target)
    assert ran.status == 3
    assert target.read_text() == "kept"


def test_options_come_from_the_environment_and_the_file(run_command: Run, yard: Yard, tmp_path: Path) -> None:
    path = tmp_path / "halls.csv"
    path.write_text("model,reference\nHall,1\n")
    (tmp_path / "device-manager.toml").write_text(
        f'[import]\nurl = "{yard.url}"\nupsert = true\ndry-run = true\n\n[export]\nurl = "{yard.url}"\n'
    )
    ran = run_command("import", "assets", path, "--json", DEVICE_MANAGER_ENGINE=yard.engine)
    assert ran.status == 0, ran.output + ran.errors
    assert ran.json["dryRun"] is True
    assert run_command("export", "assets", DEVICE_MANAGER_ENGINE=yard.engine).output.startswith("_id,model,reference,")
