"""Emptying, describing and stopping a server by `admin` (router-protocol 5.8)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.app import Application
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
    assert refused(ask("admin:loadSecurities", body=body)) == (400, "security.user.prevent_overwrite")
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
