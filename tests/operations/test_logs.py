"""The log: forms, request ids, the access log (design 10)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.client import CallRefused, Client

BROKEN = """
import structlog
from device_manager.plugins import pipe

log = structlog.get_logger("broken")

@pipe("document:beforeGet")
async def fall(request):
    log.warning("about to fall")
    raise RuntimeError("fell")
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A plugin whose pipe raises what nobody foresaw."""
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    return file


async def test_lines_as_json_name_their_request(start_server: Any, broken: Path) -> None:
    settings = {"log_format": "json", "access_log": True}
    server = start_server(settings=settings, plugins=[str(broken)])
    headers = {"X-Kuzzle-Request-Id": "r-42", "Authorization": "Bearer not-a-token-of-ours"}
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        await http.get("/_now", headers={"X-Kuzzle-Request-Id": "r-1"})
        await http.get("/weather/stations/north", headers={"X-Kuzzle-Request-Id": "r-2"})
        await http.get("/_me", headers=headers, params={"jwt": "secret-in-the-address"})
    async with Client(server.url) as client:
        with pytest.raises(CallRefused):
            await client.call("index", "delete", index="nowhere")
    server.stop()
    text = server.log.read_text()
    assert "secret-in-the-address" not in text
    assert "not-a-token-of-ours" not in text
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    access = {line["request"]: line for line in lines if line["event"] == "request"}
    assert (access["r-1"]["action"], access["r-1"]["status"], access["r-1"]["protocol"]) == ("now", 200, "http")
    assert access["r-1"]["address"] == "127.0.0.1"
    assert access["r-1"]["milliseconds"] >= 0
    assert access["r-2"]["status"] == 500
    assert access["r-42"]["status"] == 401
    (last,) = [line for line in access.values() if line["protocol"] == "websocket"]
    assert (last["status"], last["error"]) == (412, "services.storage.unknown_index")
    (told,) = [line for line in lines if line["event"] == "about to fall"]
    assert told["request"] == "r-2"
    (failed,) = [line for line in lines if line["event"] == "pipe failed"]
    assert failed["request"] == "r-2"
    assert "RuntimeError: fell" in failed["exception"]


def test_text_without_an_access_log(start_server: Any) -> None:
    server = start_server(settings={"log_level": "info"})
    with httpx.Client(base_url=server.url, timeout=60) as http:
        http.get("/_now", headers={"X-Kuzzle-Request-Id": "r-1"})
    server.stop()
    text = server.log.read_text()
    assert "serving" in text
    assert "r-1" not in text
