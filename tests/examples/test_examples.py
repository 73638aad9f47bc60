"""The examples do what they say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import ServerProcess

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


DOCS = EXAMPLES.parent / "docs"


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Every `bash` block with the kind and the text of the block that follows it."""
    found = re.findall(r"```bash\n(.*?)```\n\n```(json|csv)\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(found) == page.read_text().count("```bash")
    return found


def last_json(text: str) -> Any:
    """The last of the values that a script wrote one after another."""
    value, place = None, 0
    while place < len(text.rstrip()):
        value, place = json.JSONDecoder().raw_decode(text, place)
    return value


def check_page(page: Path, url: str) -> None:
    """Run the scripts of a page in order and hold what they write against what the page says."""
    for script, kind, expected in blocks(page):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=os.environ | {"URL": url},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
        )
        if kind == "csv":
            assert ran.stdout == expected
        else:
            answer = last_json(ran.stdout)
            assert holds(answer, json.loads(expected)), f"{script}\n{json.dumps(answer, indent=2)}"


def holds(answer: Any, expected: Any) -> bool:
    """Whether `expected` is a part of `answer`; lists have to be as long."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and holds(answer[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(answer, list) and len(answer) == len(expected) and all(map(holds, answer, expected))
    return bool(answer == expected)


def test_the_curl_page(server: ServerProcess) -> None:
    check_page(EXAMPLES / "curl.md", server.url)


def test_the_page_on_measures(start_server: Callable[..., ServerProcess]) -> None:
    check_page(DOCS / "measures.md", start_server(settings={"decoder": "json"}).url)


def test_the_websocket_client(server: ServerProcess) -> None:
    for _ in range(2):  # the second time everything is there already
        ran = subprocess.run(
            [sys.executable, str(EXAMPLES / "websocket_client.py"), server.ws_url],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
        )
    linked, device = ran.stdout.splitlines()
    assert json.loads(linked.removeprefix("linked: "))[0]["changed"] is False
    pair = {"asset": "temperature", "device": "temperature"}
    assert json.loads(device.removeprefix("device: ")) == [{"assetId": "Container-example", "measureSlots": [pair]}]


async def test_the_plugin(start_server: Callable[..., ServerProcess]) -> None:
    server = await asyncio.to_thread(start_server, plugins=[str(EXAMPLES / "plugin.py")])
    devices = "device-manager/devices"
    async with Client(server.url) as client:
        probe = {"model": "Probe", "measures": [{"name": "temperature", "type": "temperature"}]}
        await client.call("device-manager/models", "writeDevice", body=probe)
        await client.call("device-manager/engine", "create", index="kitchen")
        for reference, metadata in (("1", {}), ("2", {"maintenance": True})):
            fridge = {"model": "Fridge", "reference": reference, "metadata": metadata}
            await client.call("device-manager/assets", "create", engineId="kitchen", body=fridge)
            body = {"model": "Probe", "reference": reference}
            await client.call(devices, "create", engineId="kitchen", body=body)

        link = {"linkedMeasures": [{"assetId": "Fridge-1", "implicitMeasuresLinking": True}]}
        result = await client.call(devices, "linkAssets", engineId="kitchen", _id="Probe-1", body=link)
        assert result["assets"][0]["_source"]["metadata"]["enrichedByBeforeLinkAsset"] is True

        link = {"linkedMeasures": [{"assetId": "Fridge-2", "implicitMeasuresLinking": True}]}
        with pytest.raises(CallRefused, match=r"Fridge-2 is under maintenance\.") as refused:
            await client.call(devices, "linkAssets", engineId="kitchen", _id="Probe-2", body=link)
        assert refused.value.error["status"] == 409
    assert await asyncio.to_thread(server.stop) == 0
    assert "links seen" in server.log.read_text()


def test_the_decoder(start_server: Callable[..., ServerProcess]) -> None:
    """The commands of its first lines."""
    file = EXAMPLES / "decoder.py"
    server = start_server(plugins=[str(file)])
    [command] = re.findall(r"^curl .*?'$", file.read_text(), re.MULTILINE | re.DOTALL)
    assert "http://127.0.0.1:7512" in command
    script = command.replace("http://127.0.0.1:7512", server.url)
    ran = subprocess.run(["bash", "-euc", script], stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    assert json.loads(ran.stdout)["result"] == {"valid": True}
    for reference, level, temperature in (("T-1", 87, 2.7), ("T-2", 10, 24.1)):
        record = httpx.get(f"{server.url}/device-manager/devices/TankGauge-{reference}").json()["result"]["_source"]
        assert {last["measureName"]: last["values"] for last in record["lastMeasures"]} == {
            "level": {"level": level},
            "liquidTemperature": {"temperature": temperature},
        }


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text()
    for entry in EXAMPLES.iterdir():
        if entry.name not in {"README.md", "__pycache__"}:
            assert f"]({entry.name})" in page, entry.name
    assert os.access(EXAMPLES / "airports" / "airports.csv", os.R_OK)
