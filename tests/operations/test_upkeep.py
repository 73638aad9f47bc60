"""Emptying, describing and stopping a server by `admin` (router-protocol 5.8)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.app import Application
from device_manager.cli.process import ServerProcess
from device_manager.errors import ApiError
from device_manager.settings import Settings

Ask = Callable[..., dict[str, Any]]
MODELS = "device-manager/models"
PASSWORD = "correct horse battery staple"


def done(envelope: dict[str, Any]) -> Any:
    assert envelope["error"] is None, envelope["error"]
    return envelope["result"]


def refused(envelope: dict[str, Any]) -> tuple[int, str]:
    error = envelope["error"]
    return error["status"], error["id"]


def fill(ask: Ask, engine: str) -> None:
    """An engine with a device that is linked to an asset, and a collection of its own."""
    slot = [{"name": "t", "type": "temperature"}]
    values = {"temperature": {"type": "float"}}
    done(ask(f"{MODELS}:writeMeasure", body={"type": "temperature", "valuesMappings": values}))
    done(ask(f"{MODELS}:writeAsset", body={"model": "Hall", "engineGroup": "commons", "measures": slot}))
    done(ask(f"{MODELS}:writeDevice", body={"model": "Probe", "measures": slot}))
    done(ask("device-manager/engine:create", index=engine))
    done(ask("device-manager/assets:create", engineId=engine, body={"model": "Hall", "reference": "1"}))
    done(ask("device-manager/devices:create", engineId=engine, body={"model": "Probe", "reference": "1"}))
    pair = {"assetId": "Hall-1", "measureSlots": [{"device": "t", "asset": "t"}]}
    done(ask("device-manager/devices:linkAssets", engineId=engine, _id="Probe-1", body={"linkedMeasures": [pair]}))
    done(ask("device-manager/groups:create", engineId=engine, _id="site", body={"name": "Site"}))
    done(ask("collection:create", index="weather", collection="stations"))
    done(ask("document:create", index="weather", collection="stations", body={"name": "North"}, _id="north"))
    rules = {"strict": True, "fields": {"name": {"type": "string"}}}
    done(ask("collection:updateSpecifications", index="weather", collection="stations", body=rules))


def test_resetting_the_database(ask: Ask) -> None:
    fill(ask, "tenant")
    assert done(ask("admin:resetDatabase", dryRun=True)) == {"acknowledge": True, "dryRun": True}
    assert done(ask("document:exists", index="weather", collection="stations", _id="north")) is True
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: ask("admin:resetDatabase"), range(4)))
    outcomes = sorted(answer["status"] for answer in answers)
    assert outcomes[0] == 200
    assert set(outcomes) <= {200, 412}
    assert {refused(answer) for answer in answers if answer["error"]} <= {(412, "api.process.action_locked")}
    assert done(ask("index:list")) == {"indexes": ["device-manager"]}
    assert done(ask("device-manager/engine:list")) == {"engines": []}
    assert done(ask(f"{MODELS}:listAssets", engineGroup="commons"))["total"] == 0
    done(ask("collection:create", index="weather", collection="stations"))
    done(ask("document:create", index="weather", collection="stations", body={"height": 7}, _id="south"))
    done(ask("index:delete", index="weather"))
    # Nothing of the old engine is in the way of the new one: not its twins, not the names of its groups.
    fill(ask, "tenant")
    assert done(ask("device-manager/engine:check", index="tenant")) == {"findings": []}
    assert "result" not in ask("admin:refreshIndexCache")
    assert done(ask("index:list"))["indexes"] == ["device-manager", "tenant", "weather"]


def test_a_reset_is_refused_while_one_runs(ask: Ask) -> None:
    def reset_often(name: str) -> list[tuple[int, str | None]]:
        answers = [ask(f"admin:{name}") for _ in range(3)]
        return [(answer["status"], answer["error"] and answer["error"]["id"]) for answer in answers]

    for name in ("resetDatabase", "resetSecurity"):
        seen: set[tuple[int, str | None]] = set()
        with ThreadPoolExecutor(4) as threads:
            for _ in range(20):
                seen.update(answer for answers in threads.map(reset_often, [name] * 4) for answer in answers)
                if len(seen) > 1:
                    break
        assert seen == {(200, None), (412, "api.process.action_locked")}


def test_resetting_security(ask: Ask, client: httpx.Client) -> None:
    def user(profiles: list[str], name: str) -> dict[str, Any]:
        return {"content": {"profileIds": profiles}, "credentials": {"local": {"username": name, "password": PASSWORD}}}

    role = {"controllers": {"document": {"actions": {"get": True}}}}
    body = {
        "roles": {"reader": role},
        "profiles": {"reader": {"policies": [{"roleId": "reader"}]}},
        "users": {"bob": user(["reader"], "bob")},
    }
    done(ask("admin:loadSecurities", body=body))
    done(ask("security:createFirstAdmin", _id="ada", reset=True, body={"credentials": user([], "ada")["credentials"]}))
    assert refused(ask("admin:resetSecurity")) == (401, "security.rights.unauthorized")
    jwt = done(ask("auth:login", strategy="local", body={"username": "ada", "password": PASSWORD}))["jwt"]
    bobs = done(ask("auth:login", strategy="local", body={"username": "bob", "password": PASSWORD}))["jwt"]
    assert refused(ask("admin:resetDatabase", jwt=bobs)) == (403, "security.rights.forbidden")
    result = done(ask("admin:resetSecurity", jwt=jwt))
    assert result["deletedUsers"] == 2
    assert result["deletedProfiles"] >= 1
    assert result["deletedRoles"] >= 1
    assert done(ask("auth:checkToken", body={"token": jwt}))["valid"] is False
    assert refused(ask("auth:login", strategy="local", body={"username": "bob", "password": PASSWORD}))[0] == 401
    assert done(ask("server:adminExists")) == {"exists": False}
    assert done(ask("security:getRole", _id="anonymous"))["_source"]["controllers"] == {"*": {"actions": {"*": True}}}
    assert refused(ask("security:getRole", _id="reader"))[0] == 404
    assert done(ask("security:getRole", _id="assets.reader"))["_id"] == "assets.reader"


def test_caches(ask: Ask) -> None:
    assert done(ask("admin:resetCache", database="internalCache")) == {"acknowledge": True}
    assert refused(ask("admin:resetCache", database="browser")) == (404, "services.cache.database_not_found")


def test_a_route_without_an_action(client: httpx.Client) -> None:
    assert refused(client.post("/admin/_resetKuzzleData").json()) == (404, "api.process.action_not_found")


@pytest.fixture
def sheltered(start_server: Any, tmp_path: Path) -> ServerProcess:
    """A server with secrets in its settings."""
    settings = {"dump_directory": tmp_path / "dumps", "dumps_kept": 2, "spool_directory": tmp_path / "spool"}
    server: ServerProcess = start_server(settings=settings)
    return server


def test_an_archive_for_support_and_a_shutdown(sheltered: ServerProcess, tmp_path: Path) -> None:
    with httpx.Client(base_url=sheltered.url, timeout=60) as client:
        credentials = {"credentials": {"local": {"username": "ada", "password": PASSWORD}}}
        assert client.post("/_createFirstAdmin/ada", json=credentials).status_code == 200
        jwt = client.post("/_login/local", json=credentials["credentials"]["local"]).json()["result"]["jwt"]
        document = {"secret of a tenant": "the recipe"}
        assert client.post("/weather/stations/_create", json=document).status_code in (200, 412)
        for suffix in ("../../etc/passwd", "", "a/b", "x" * 65, "a\n"):
            answer = client.post("/admin/_dump", params={"suffix": suffix}).json()
            assert refused(answer) == (400, "api.assert.invalid_argument"), suffix
        names = [done(client.post("/admin/_dump", params={"suffix": f"try-{n}"}).json())["file"] for n in range(3)]
        files = sorted(path.name for path in (tmp_path / "dumps").iterdir())
        assert files == sorted(names)[-2:]
        newest = tmp_path / "dumps" / names[-1]
        assert newest.stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(newest) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        assert not [name for name in contents if name.endswith(".failed.txt")]
        assert json.loads(contents["about.json"])["packages"]["device-manager"]
        assert b"device_manager_requests_total" in contents["figures.txt"]
        assert b"task " in contents["stacks.txt"]
        assert "device-manager" in json.loads(contents["collections.json"])
        everything = b"".join(contents.values())
        for secret in (PASSWORD, jwt, "the recipe", "$argon2"):
            assert secret.encode() not in everything, secret
        assert done(client.post("/admin/_shutdown").json()) == {"acknowledge": True}
    assert sheltered.wait() == 0


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_rights_are_not_reset_where_strangers_would_get_them(
    store: str, tmp_path: Path, elasticsearch_url: str, answers: Any
) -> None:
    url = f"sqlite:{tmp_path}" if store == "sqlite" else f"elasticsearch:{elasticsearch_url}"
    application = Application(Settings(store=url, host="0.0.0.0"))  # never started
    with pytest.raises(ApiError) as refusal:
        await application.router.call("admin", "resetSecurity")
    assert (refusal.value.status, refusal.value.id) == (412, "security.rights.would_open")
    answers.note(store, {"controller": "admin", "action": "resetSecurity", "error": {"id": refusal.value.id}})
    await application.store.close()
