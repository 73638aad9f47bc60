"""A server that lets administrators look inside, from its archives to its end (router-protocol 5.8, 5.9)."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess

PASSWORD = "correct horse battery staple"
ARCHIVES = 6


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dumps")


@pytest.fixture(scope="module", params=["sqlite", "elasticsearch"])
def equipped(request: pytest.FixtureRequest, start_module_server: Any, dumps: Path) -> ServerProcess:
    """A server with all that can be switched on for administrators."""
    settings = {"debug": True, "dump_directory": dumps / request.param, "dumps_kept": 2}
    server: ServerProcess = start_module_server(store=request.param, settings=settings)
    return server


@pytest.fixture
def client(equipped: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=equipped.url, timeout=60) as client:
        yield client


def result(answer: httpx.Response) -> Any:
    envelope = answer.json()
    assert envelope["error"] is None, envelope["error"]
    return envelope["result"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    return error["status"], error["id"]


def test_a_session(client: httpx.Client) -> None:
    def ask(action: str, method: str = "", **payload: Any) -> Any:
        body = {"method": method} if method else None
        request = {"controller": "debug", "action": action, "body": body, **payload}
        envelope = client.post("/_query", json=request).json()
        return envelope["result"] if envelope["error"] is None else envelope["error"]["id"].rpartition(".")[2]

    assert ask("post", "Tasks.list") == "not_enabled"
    assert ask("disable") == "not_enabled"
    assert ask("enable") is True
    assert any(line.startswith("task ") for line in ask("post", "Tasks.list"))
    assert ask("post", "Runtime.evaluate") == "method_not_found"
    assert ask("post", "Memory.snapshot") == "monitor_not_running"
    assert ask("post", "Memory.start") is True
    assert ask("post", "Memory.start") == "monitor_already_running"
    assert ask("post", "Memory.snapshot")["sites"]
    assert ask("post", "Memory.stop") is True
    assert ask("post", "Memory.stop") == "monitor_not_running"
    assert ask("addListener", event="Debugger.paused") == "method_not_found"
    assert ask("removeListener", event="Debugger.paused") is None
    assert ask("disable") is True
    assert ask("post", "Tasks.list") == "not_enabled"


def test_an_archive_for_support(client: httpx.Client, dumps: Path) -> None:
    credentials = {"credentials": {"local": {"username": "ada", "password": PASSWORD}}}
    assert client.post("/_createFirstAdmin/ada", json=credentials).status_code == 200
    jwt = result(client.post("/_login/local", json=credentials["credentials"]["local"]))["jwt"]
    result(client.put("/weather/stations", json={"properties": {"name": {"type": "keyword"}}}))
    result(client.post("/weather/stations/_create", json={"name": "the recipe"}))
    for suffix in ("../../etc/passwd", "", "a/b", "x" * 65, "a\n"):
        answer = client.post("/admin/_dump", params={"suffix": suffix})
        assert refused(answer) == (400, "api.assert.invalid_argument"), suffix
    names = [result(client.post("/admin/_dump", params={"suffix": f"try-{n}"}))["file"] for n in range(3)]
    (folder,) = [path for path in dumps.iterdir() if (path / names[-1]).exists()]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)[-2:]
    assert (folder / names[-1]).stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(folder / names[-1]) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name in contents if name.endswith(".failed.txt")]
    assert json.loads(contents["about.json"])["packages"]["device-manager"]
    assert b"device_manager_requests_total" in contents["figures.txt"]
    assert b"task " in contents["stacks.txt"]
    assert json.loads(contents["collections.json"])["weather"]["stations"]["properties"]["name"]["type"] == "keyword"
    everything = b"".join(contents.values())
    for secret in (PASSWORD, jwt, "the recipe", "$argon2"):
        assert secret.encode() not in everything, secret


def test_an_archive_while_collections_come_and_go(client: httpx.Client, dumps: Path) -> None:
    ended = threading.Event()

    def load(index: str) -> None:
        with httpx.Client(base_url=client.base_url, timeout=60) as loading:
            while not ended.is_set():
                for number in range(3):
                    result(loading.put(f"/{index}/c{number}"))
                result(loading.delete(f"/{index}"))

    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(load, f"passing-{number}") for number in range(2)]
        try:
            names = [result(client.post("/admin/_dump"))["file"] for _ in range(ARCHIVES)]
        finally:
            ended.set()
        for running in loads:
            running.result()
    for path in (path for folder in dumps.iterdir() for path in folder.iterdir() if path.name in names):
        with zipfile.ZipFile(path) as archive:
            assert not [name for name in archive.namelist() if name.endswith(".failed.txt")], path


def test_an_archive_is_written_as_a_whole_or_not_at_all(client: httpx.Client, dumps: Path) -> None:
    newest = result(client.post("/admin/_dump"))["file"]
    (folder,) = [path for path in dumps.iterdir() if (path / newest).exists()]
    before = sorted(folder.iterdir())
    assert result(client.post("/admin/_dump", params={"dryRun": ""})) == {"acknowledge": True, "dryRun": True}
    assert refused(client.post("/admin/_dump", params={"dryRun": "", "suffix": "a/b"}))[0] == 400
    assert sorted(folder.iterdir()) == before
    aside = folder.rename(dumps / "aside")
    folder.touch()
    try:
        answer = client.post("/admin/_dump")
        assert refused(answer) == (500, "api.process.file_not_written")
        assert str(folder) in answer.json()["error"]["message"]
    finally:
        folder.unlink()
        aside.rename(folder)
    assert result(client.post("/admin/_dump"))["file"] > newest


def test_one_archive_at_a_time(client: httpx.Client) -> None:
    def dump(_: int) -> int:
        answer = client.post("/admin/_dump", params={"refresh": "false"})
        if answer.status_code != 200:
            assert refused(answer) == (412, "api.process.action_locked")
        return answer.status_code

    seen: set[int] = set()
    with ThreadPoolExecutor(4) as threads:
        for _ in range(25):
            seen.update(threads.map(dump, range(4)))
            if len(seen) == 2:
                break
    assert seen == {200, 412}


def test_a_shutdown(client: httpx.Client, equipped: ServerProcess) -> None:
    assert result(client.post("/admin/_shutdown", params={"dryRun": ""})) == {"acknowledge": True, "dryRun": True}
    assert client.get("/_now").status_code == 200
    assert result(client.post("/admin/_shutdown")) == {"acknowledge": True}
    client.close()
    assert equipped.wait() == 0
