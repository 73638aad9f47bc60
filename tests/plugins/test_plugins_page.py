"""What `docs/plugins.md` shows works as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess
from device_manager.plugins import hookspecs
from device_manager.plugins.context import PluginContext
from device_manager.testing import TestServer

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "third_party_pipe"
PAGE = (ROOT / "docs" / "plugins.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == "python"]


def python_with(part: str) -> str:
    [found] = [text for text in PYTHON if part in text]
    return found


def test_every_block_is_tested_below() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"console": 5, "python": 11, "bash": 1, "toml": 2}


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "src/link_enricher/__init__.py", "conftest.py", "tests/test_link_enricher.py"]
)
def test_the_files_of_the_walk_are_those_of_the_example(file: str) -> None:
    """The example itself is installed and run by `tests/examples/test_third_party_pipe.py`."""
    assert f"`{file}`" in PAGE
    assert (EXAMPLE / file).read_text() in [text for _, text in BLOCKS]


def test_the_settings_are_those_of_the_example() -> None:
    [table] = [tomllib.loads(text) for kind, text in BLOCKS if kind == "toml" and "[plugins" in text]
    assert table == {"plugins": {"link_enricher": {"ignored_models": ["Probe"]}}}
    assert json.dumps(table["plugins"]) in PAGE


def test_the_first_try(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """The file, and the commands with the port of another server."""
    file = tmp_path / "first_try.py"
    file.write_text(python_with("async def enrich"))
    server = start_server(plugins=[str(file)])
    [commands] = [text for kind, text in BLOCKS if kind == "bash"]
    assert "http://127.0.0.1:7512" in commands
    script = commands.replace("http://127.0.0.1:7512", server.url)
    ran = subprocess.run(
        ["bash", "-eu", "-c", script], env=os.environ, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert '"metadata":{"lastLinkedDeviceModel":"Probe"}' in ran.stdout
    assert '"metadata":{"lastLinkedDeviceModel":"Probe"}' in PAGE


def test_the_other_plugins_of_the_page(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    parts = {"refusing": "refuse_maintenance", "ordered": "any_action", "logging": "link-log", "greeting": "Greetings"}
    parts["doors"] = "class DoorSensorDecoder"
    parts["labels"] = "class LabelPrinter"
    for name, part in parts.items():
        (tmp_path / f"page_{name}.py").write_text(python_with(part))
    started = start_server(plugins=[str(tmp_path / f"page_{name}.py") for name in parts])
    server = TestServer(started)

    expected = re.search(r'`"seen": (\[.*?\])`', PAGE)
    assert expected is not None
    assert server.call("device-manager/engine", "list")["seen"] == json.loads(expected[1])

    slots = [{"name": "temperature", "type": "temperature"}]
    models = "device-manager/models"
    body = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
    server.call(models, "writeMeasure", body=body)
    server.call(models, "writeDevice", body={"model": "Probe", "measures": slots})
    mappings = {"maintenance": {"type": "boolean"}}
    box = {"engineGroup": "commons", "model": "Box", "measures": slots, "metadataMappings": mappings}
    server.call(models, "writeAsset", body=box)
    engine = server.create_engine("workshop")
    for reference, metadata in (("1", {}), ("2", {"maintenance": True})):
        server.create_device(engine, "Probe", reference)
        server.create_asset(engine, "Box", reference, **metadata)
    server.link(engine, "Probe-1", "Box-1")
    link = {"linkedMeasures": [{"assetId": "Box-2", "implicitMeasuresLinking": True}]}
    answer = server.ask("device-manager/devices", "linkAssets", engineId=engine, _id="Probe-2", body=link)
    assert (answer["status"], answer["error"]["message"]) == (409, "The asset is under maintenance.")

    server.call("collection", "refresh", index="link-log", collection="links")
    found = server.call("document", "search", index="link-log", collection="links", body={})
    [entry] = [hit["_source"] for hit in found["hits"]]
    assert (entry["device"], entry["asset"]) == ("Probe-1", "Box-1")

    frame = {"serial": "7", "frame": "0f1a 01", "sentAt": 1_700_000_000_000, "counter": 5, "firmware": "2.1"}
    server.create_device(engine, "DoorSensor", "7")
    for _ in range(2):
        assert server.call("device-manager/payloads", "door-sensor", body=frame) == {"valid": True}
    assert server.call("device-manager/payloads", "door-sensor", body=frame | {"frame": ""}) == {"valid": False}
    assert server.device(engine, "DoorSensor-7")["metadata"] == {"firmware": "2.1"}
    last = server.call("device-manager/devices", "getLastMeasures", engineId=engine, _id="DoorSensor-7")
    assert {slot: (measure["values"], measure["payloadUuids"]) for slot, measure in last.items()} == {
        "battery": ({"voltage": 3.866}, ["7:5"]),
        "door": ({"open": True}, ["7:5"]),
    }

    for path, status, text in (
        (f"/labels/{engine}/Box-1", 200, "Box-1\nBox\n"),
        (f"/labels/{engine}/Box-9", 404, f'ERROR Document "Box-9" not found in "{engine}":"assets".\n'),
    ):
        label = httpx.get(f"{started.url}{path}")
        assert (label.status_code, label.headers["content-type"]) == (status, "text/plain; charset=utf-8")
        assert label.text == text

    assert server.call("acme/greetings", "greet", engineId=engine) == {"text": "Hello, workshop."}
    assert server.call("acme/greetings", "greet", engineId="nowhere", loud=True) == {"text": "HELLO?"}
    assert server.call("server", "openapi")["paths"]["/_/acme/{engineId}/greetings"]["get"]["tags"] == [
        "acme/greetings"
    ]


async def test_the_test_of_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page_doors.py").write_text(python_with("class DoorSensorDecoder"))
    monkeypatch.syspath_prepend(tmp_path)
    written: dict[str, Any] = {}
    exec(python_with("async def test_an_open_door"), written)
    await written["test_an_open_door"]()


def test_it_names_every_contribution_and_every_member_of_the_context_and_of_test_servers() -> None:
    for name, value in vars(hookspecs).items():
        if hasattr(value, "device_manager_spec"):
            assert f"`{name}(" in PAGE, name
    members = [name for name in vars(PluginContext) if not name.startswith("_")]
    for name in (*members, "settings", "name", "log", "store"):
        assert re.search(rf"`(await )?{name}\b", PAGE), name
    for name in vars(TestServer):
        assert name.startswith("_") or name in ("in_folder", "ws_url") or re.search(rf"`{name}\b", PAGE), name
