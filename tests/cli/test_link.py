"""`device-manager link` and `unlink` against a running server, on both stores."""

from __future__ import annotations

import csv
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess

Run = Callable[..., Any]
MakeFleet = Callable[..., Any]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as content:
        return list(csv.DictReader(content))


def test_it_links_every_row_in_calls_of_2000(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(50)
    path = fleet.write(tmp_path / "links.csv", fleet.pairs * 81)  # what is already linked is a success

    ran = run_command("link", path, "--engine", fleet.engine, "--url", fleet.url, "--json")

    assert ran.status == 0, ran.errors
    summary = ran.json
    assert (summary["rows"], summary["changed"], summary["unchanged"], summary["calls"]) == (4050, 50, 4000, 3)
    assert summary["errorsFile"] is None
    asset, device = fleet.pairs[49]
    assert fleet.links(device) == [asset]


def test_refused_rows_can_be_corrected_and_fed_in_again(
    run_command: Run, make_fleet: MakeFleet, tmp_path: Path
) -> None:
    fleet = make_fleet(3)
    path = fleet.write(
        tmp_path / "links.csv", [fleet.pairs[0], ("Container-absent", fleet.pairs[1][1]), fleet.pairs[2]]
    )

    ran = run_command("link", path, "--engine", fleet.engine, "--url", fleet.url)
    assert ran.status == 1
    assert "refused" in ran.output
    errors = tmp_path / "links.errors.csv"
    [refused] = read(errors)
    assert refused["row"] == "2"
    assert refused["status"] == "404"
    assert refused["id"] == "services.storage.not_found"
    assert "Container-absent" in refused["reason"]
    assert fleet.links(fleet.pairs[2][1]) == [fleet.pairs[2][0]]

    errors.write_text(errors.read_text().replace("Container-absent", fleet.pairs[1][0], 1))
    ran = run_command("link", errors, "--engine", fleet.engine, "--url", fleet.url)
    assert ran.status == 0, ran.output
    assert fleet.links(fleet.pairs[1][1]) == [fleet.pairs[1][0]]


def test_slots_can_be_named(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(1, slots=3)
    asset, device = fleet.pairs[0]
    path = tmp_path / "links.csv"
    path.write_text(f"assetId;deviceId;deviceSlot;assetSlot\n{asset};{device};t1;t3\n{asset};{device};t2;t9\n")

    ran = run_command("link", path, "--engine", fleet.engine, "--url", fleet.url)

    assert ran.status == 1
    source = fleet.call("devices", "get", engineId=fleet.engine, _id=device)["_source"]
    assert source["linkedMeasures"][0]["measureSlots"] == [{"asset": "t3", "device": "t1"}]
    [line] = (tmp_path / "links.errors.csv").read_text().splitlines()[1:]
    assert line.startswith(f"{asset};{device};t2;t9;2;400;")


def test_strict_is_all_or_nothing(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(3)
    path = fleet.write(tmp_path / "links.csv", [*fleet.pairs, ("Container-absent", fleet.pairs[0][1])])

    ran = run_command("link", path, "--engine", fleet.engine, "--url", fleet.url, "--strict", "--json")

    assert ran.status == 1
    assert (ran.json["applied"], ran.json["refused"]) == (0, 4)
    lines = read(tmp_path / "links.errors.csv")
    assert [line["row"] for line in lines] == ["1", "2", "3", "4"]
    assert lines[0]["reason"] == "Not applied: other rows of the same strict call were refused."
    assert "Container-absent" in lines[3]["reason"]
    assert fleet.links(fleet.pairs[1][1]) == []


def test_a_dry_run_stores_nothing(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(2)
    path = fleet.write(tmp_path / "links.csv")
    ran = run_command("link", path, "--engine", fleet.engine, "--url", fleet.url, "--dry-run", "--json")
    assert ran.status == 0
    assert (ran.json["changed"], ran.json["dryRun"]) == (2, True)
    assert fleet.links(fleet.pairs[0][1]) == []


def test_a_refused_call_ends_the_run(run_command: Run, server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("assetId,deviceId\n" + "Container-1,Thermometer-1\n" * 2500)
    ran = run_command("link", path, "--engine", "no-such-engine", "--url", server.url, "--json")
    assert ran.status == 1, ran.output
    assert ran.json["applied"] == 0
    assert ran.json["refused"] + ran.json["notSent"] == 2500
    assert len(read(tmp_path / "links.errors.csv")) == 2500


def test_ctrl_c_keeps_what_was_not_done(
    start_command: Callable[..., subprocess.Popen[str]], make_fleet: MakeFleet, server: ServerProcess, tmp_path: Path
) -> None:
    fleet = make_fleet(10)
    path = fleet.write(tmp_path / "links.csv", fleet.pairs * 10_000)
    with start_command("link", path, "--engine", fleet.engine, "--url", server.url, "--json") as process:
        assert process.stderr is not None
        first = process.stderr.readline()  # the first line of progress
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert "link:" in first
    assert process.returncode == 3, output
    left = read(tmp_path / "links.errors.csv")
    assert len(left) > 0
    assert f'"rows": {100_000}' in output
    assert left[-1]["reason"] == "Not sent: Interrupted."


def test_unlink_takes_rows_of_every_precision(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(3, slots=2)
    path = fleet.write(tmp_path / "links.csv")
    assert run_command("link", path, "--engine", fleet.engine, "--url", fleet.url).status == 0
    (_, first), (asset, second), (third_asset, third) = fleet.pairs
    path = tmp_path / "unlinks.csv"
    path.write_text(
        "deviceId,assetId,deviceSlot,assetSlot\n"
        f"{first},,,\n"
        f"{second},{asset},,\n"
        f"{third},,t2,\n"
        f"{third},{third_asset},t1,t9\n"
        "Thermometer-absent,,,\n"
    )

    ran = run_command("unlink", path, "--engine", fleet.engine, "--url", fleet.url, "--json")

    assert ran.status == 1
    assert (ran.json["changed"], ran.json["refused"]) == (3, 2)
    assert [line["row"] for line in read(tmp_path / "unlinks.errors.csv")] == ["4", "5"]
    assert fleet.links(first) == []
    assert fleet.links(second) == []
    source = fleet.call("devices", "get", engineId=fleet.engine, _id=third)["_source"]
    assert [pair["device"] for pair in source["linkedMeasures"][0]["measureSlots"]] == ["t1"]


def test_what_is_not_linked_counts_as_unlinked(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(1)
    ran = run_command(
        "unlink", fleet.write(tmp_path / "links.csv"), "--engine", fleet.engine, "--url", fleet.url, "--json"
    )
    assert ran.status == 0
    assert (ran.json["changed"], ran.json["unchanged"]) == (0, 1)


def test_strict_unlink_is_all_or_nothing(run_command: Run, make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(2)
    assert (
        run_command("link", fleet.write(tmp_path / "links.csv"), "--engine", fleet.engine, "--url", fleet.url).status
        == 0
    )
    path = fleet.write(tmp_path / "unlinks.csv", [*fleet.pairs, (fleet.pairs[0][0], "Thermometer-absent")])
    ran = run_command("unlink", path, "--engine", fleet.engine, "--url", fleet.url, "--strict", "--json")
    assert ran.status == 1
    assert (ran.json["applied"], ran.json["refused"]) == (0, 3)
    assert fleet.links(fleet.pairs[0][1]) == [fleet.pairs[0][0]]


@pytest.mark.parametrize("command", ["link", "unlink"])
def test_options_come_from_the_environment_and_the_file(
    run_command: Run, make_fleet: MakeFleet, tmp_path: Path, command: str
) -> None:
    fleet = make_fleet(1)
    path = fleet.write(tmp_path / "links.csv")
    if command == "unlink":
        assert run_command("link", path, "--engine", fleet.engine, "--url", fleet.url).status == 0
    (tmp_path / "device-manager.toml").write_text(
        f'[{command}]\nurl = "{fleet.url}"\nengine = "wrong"\ndry-run = true\n'
    )
    ran = run_command(command, path, "--json", DEVICE_MANAGER_ENGINE=fleet.engine)
    assert ran.status == 0, ran.output + ran.errors
    assert ran.json["dryRun"] is True


def test_usage_errors(run_command: Run, tmp_path: Path) -> None:
    good = tmp_path / "links.csv"
    good.write_text("assetId,deviceId\na,d\n")
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    settings = tmp_path / "settings.toml"
    settings.write_text("[link]\nspeed = 9\n")
    for arguments in (
        ["link", good],
        ["link", tmp_path / "absent.csv", "--engine", "e"],
        ["link", bad, "--engine", "e"],
        ["link", good, "--engine", "e", "--url", "ftp://127.0.0.1"],
        ["link", good, "--engine", "e", "--url", "http://127.0.0.1:port"],
        ["--config", settings, "link", good, "--engine", "e"],
        ["--config", tmp_path / "absent.toml", "link", good, "--engine", "e"],
    ):
        ran = run_command(*arguments)
        assert ran.status == 2, arguments
        assert "Error: " in ran.errors


def test_an_unreachable_server(run_command: Run, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("assetId,deviceId\na,d\n")
    for command in ("link", "unlink"):
        ran = run_command(command, path, "--engine", "e", "--url", "http://127.0.0.1:1", "--json")
        assert ran.status == 3
        assert ran.json["notSent"] == 1
        [line] = read(tmp_path / "links.errors.csv")
        assert line["reason"].startswith("Not sent: Cannot connect to ws://127.0.0.1:1")
