"""`device-manager migrate` takes over platforms of versions 2 and 3: in place, and as a copy in the embedded store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from kuzzle_platform import MEASURED_AT, MINUTE, PASSWORD, KuzzlePlatform

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import ServerProcess
from device_manager.migration.survey import SHAPED as SHAPED_COLLECTIONS
from device_manager.storage.sqlite.layout import DATABASE

Run = Callable[..., Any]
Start = Callable[..., ServerProcess]
WritePlatform = Callable[..., KuzzlePlatform]

ASSETS, DEVICES, GROUPS = "device-manager/assets", "device-manager/devices", "device-manager/groups"
TASK = "/%25device-manager-internal.tasks/_doc/migrate"
SHAPED = ("models", "provisioning", "groups", "measures", "devices", "assets", "history")


MOST_MEGABYTES = 300


def memory_of(process: subprocess.Popen[str]) -> int:
    """Most megabytes that a process has held so far; 0 once it is gone."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")), 0)


def remove_private_collections(url: str) -> None:
    """Make the cluster one in which this product never was."""
    with httpx.Client(base_url=url, timeout=120) as client:
        listed = client.get("/_cat/indices", params={"format": "json", "expand_wildcards": "all"}).raise_for_status()
        names = [entry["index"].replace("%", "%25") for entry in listed.json() if entry["index"].startswith("%")]
        for start in range(0, len(names), 20):
            client.delete("/" + ",".join(names[start : start + 20])).raise_for_status()


def everything(url: str, indices: str = "_all") -> dict[str, Any]:
    """Every document with its version, every mapping, alias and setting."""
    with httpx.Client(base_url=url, timeout=120) as client:
        hits: list[Any] = []
        after: list[Any] = []
        client.post(f"/{indices}/_refresh?expand_wildcards=all").raise_for_status()
        opened = client.post(f"/{indices}/_pit?keep_alive=1m&expand_wildcards=all").raise_for_status().json()["id"]
        while True:
            body: dict[str, Any] = {"size": 10_000, "version": True, "seq_no_primary_term": True}
            body |= {"pit": {"id": opened}, "sort": ["_shard_doc"]} | ({"search_after": after} if after else {})
            found = client.post("/_search", json=body).raise_for_status().json()["hits"]["hits"]
            if not found:
                break
            after = found[-1]["sort"]
            hits += found
        client.request("DELETE", "/_pit", json={"id": opened})
        documents = {
            (hit["_index"], hit["_id"]): (hit["_version"], hit["_seq_no"], json.dumps(hit["_source"], sort_keys=True))
            for hit in hits
        }
        indices_now = client.get(f"/{indices}?expand_wildcards=all").raise_for_status().json()
        cluster = client.get("/_cluster/settings").raise_for_status().json()
    return {"documents": documents, "indices": indices_now, "cluster": cluster}


def differences(first: dict[str, Any], second: dict[str, Any]) -> dict[Any, Any]:
    """What two states of a cluster do not have in common, so that a failure names it."""
    pairs = [(first[part], second[part]) for part in first]
    names = [(one, other, name) for one, other in pairs for name in one.keys() | other.keys()]
    return {name: (one.get(name), other.get(name)) for one, other, name in names if one.get(name) != other.get(name)}


def changed(report: dict[str, Any]) -> dict[str, int]:
    return {name: kind["changed"] for name, kind in report["kinds"].items() if kind["changed"]}


async def check_served(server: ServerProcess, platform: KuzzlePlatform) -> None:
    """A server works with the data as with its own."""
    async with Client(server.url) as stranger:
        with pytest.raises(CallRefused) as refused:
            await stranger.call("device-manager/engine", "list")
        assert refused.value.error["status"] == 401
        with pytest.raises(CallRefused):
            await stranger.call("auth", "login", strategy="local", body={"username": "ada", "password": "wrong"})
        credentials = {"username": "ada", "password": PASSWORD}
        token = (await stranger.call("auth", "login", strategy="local", body=credentials))["jwt"]
        credentials = {"username": "bob", "password": PASSWORD}
        token_of_bob = (await stranger.call("auth", "login", strategy="local", body=credentials))["jwt"]
    async with Client(server.url, token=token_of_bob) as bob:
        await bob.call(ASSETS, "get", engineId=platform.hotel, _id="Room-0")
        with pytest.raises(CallRefused) as refused:
            await bob.call(ASSETS, "get", engineId=platform.ward, _id="Room-0")
        assert refused.value.error["status"] == 403
    async with Client(server.url, token=token) as client:
        await check_served_to_admin(client, platform)


async def check_served_to_admin(client: Client, platform: KuzzlePlatform) -> None:
    user = await client.call("security", "getUser", _id="ada")
    assert (user["_source"]["profileIds"], user["_source"]["fullName"]) == (["admin"], "Ada L.")
    engines = (await client.call("device-manager/engine", "list"))["engines"]
    assert {engine["index"]: engine["group"] for engine in engines} == platform.engines
    for engine in platform.engines:
        assert (await client.call("device-manager/engine", "check", index=engine))["findings"] == []
        await check_twins(client, engine, platform)
    contact = await client.call("document", "get", index="crm", collection="contacts", _id="ada")
    assert contact["_source"]["likes"] == ["tea"]
    invoices = await client.call("document", "search", index=platform.ward, collection="invoices", body={})
    assert invoices["total"] == 3


async def check_twins(client: Client, engine: str, platform: KuzzlePlatform) -> None:
    asset = (await client.call(ASSETS, "get", engineId=engine, _id="Room-0"))["_source"]
    pairs = [{"asset": "indoor", "device": "temp"}, {"asset": "damp", "device": "hum"}]
    device_id = f"Thermometer-{engine}-0"
    assert asset["linkedMeasures"] == [{"deviceId": device_id, "measureSlots": pairs}]
    assert "building.floor-1" in [entry["path"] for entry in asset["groups"]]
    assert asset["modelLocales"]["en"]["friendlyName"] == "Room"
    assert [slot["name"] for slot in asset["measureSlots"]] == ["indoor", "damp"]
    assert asset["_kuzzle_info"]["createdAt"] == 1_600_000_000_000

    last = await client.call(ASSETS, "getLastMeasures", engineId=engine, _id="Room-0")
    newest = float(platform.measures - 1)
    assert {name: one["values"] for name, one in last.items()} == {
        "indoor": {"temperature": newest},
        "damp": {"humidity": newest},
    }
    assert last["indoor"]["measuredAt"] == MEASURED_AT + (platform.measures - 1) * MINUTE
    last = await client.call(DEVICES, "getLastMeasures", engineId=engine, _id=device_id)
    assert {name: one["values"] for name, one in last.items()} == {
        "temp": {"temperature": newest},
        "hum": {"humidity": newest},
    }
    stored = await client.call(ASSETS, "getMeasures", engineId=engine, _id="Room-0", size=1)
    assert stored["total"] == 2 * platform.measures
    assert stored["measures"][0]["_source"]["asset"]["groups"][-1]["path"] == "building.floor-1"

    groups = await client.call(GROUPS, "search", engineId=engine, body={"sort": {"path": "asc"}})
    assert [hit["_source"]["path"] for hit in groups["hits"]] == ["building", "building.floor-1"]
    with pytest.raises(CallRefused) as refused:
        name = groups["hits"][1]["_source"]["name"]
        await client.call(GROUPS, "create", engineId=engine, _id="again", body={"name": name.upper()})
    assert refused.value.error["id"] == "device_manager.groups.name_taken"

    unlinked, linked = f"Room-{platform.rooms - 2}", platform.linked - 1
    wanted = {"linkedMeasures": [{"assetId": unlinked, "measureSlots": [{"device": "hum", "asset": "damp"}]}]}
    await client.call(DEVICES, "linkAssets", engineId=engine, _id=f"Thermometer-{engine}-{linked}", body=wanted)
    measure = {"measureName": "hum", "type": "humidity", "measuredAt": MEASURED_AT + 10**9, "values": {"humidity": 71}}
    body = {"payloadUuids": ["p-2"], "measures": [measure]}
    await client.call(DEVICES, "receiveMeasures", engineId=engine, _id=f"Thermometer-{engine}-{linked}", body=body)
    last = await client.call(ASSETS, "getLastMeasures", engineId=engine, _id=unlinked)
    assert last["damp"]["values"] == {"humidity": 71}
    await client.call(DEVICES, "unlinkAssets", engineId=engine, _id=device_id, body={"allMeasures": True})
    assert (await client.call(ASSETS, "get", engineId=engine, _id="Room-0"))["_source"]["linkedMeasures"] == []
    assert (await client.call("device-manager/engine", "check", index=engine))["findings"] == []


@pytest.mark.timeout(300)
def test_version_2_becomes_this_products(
    write_platform: WritePlatform, run_command: Run, start_server: Start, elasticsearch_url: str, tmp_path: Path
) -> None:
    remove_private_collections(elasticsearch_url)
    platform = write_platform(2)
    cluster = f"elasticsearch:{platform.url}"
    before = everything(platform.url)
    planned = run_command("migrate", "--store", cluster, "--json")
    assert planned.status == 0, planned.errors
    assert everything(platform.url) == before, "a dry run changes nothing"
    assert planned.json["dryRun"] is True
    assert planned.json["aliases"] == [f"&{platform.hotel}.assets", f"&{platform.ward}.assets"]

    copied = run_command("migrate", "--store", cluster, "--into", f"sqlite:{tmp_path / 'copy'}", "--apply", "--json")
    assert (copied.status, copied.json["findings"]) == (0, {}), copied.errors
    assert everything(platform.url) == before, "nor does a copy change what it copies"
    embedded = start_server(store=f"sqlite:{tmp_path / 'copy'}")
    asyncio.run(check_served(embedded, platform))
    assert embedded.stop() == 0

    applied = run_command("migrate", "--apply", "--json", DEVICE_MANAGER_STORE=cluster)
    assert (applied.status, applied.json["findings"]) == (0, {}), applied.errors
    for ran in (planned, applied, copied):
        assert {name: ran.json["kinds"][name]["documents"] for name in SHAPED} == {
            "models": 5,
            "provisioning": 11,
            "groups": 4,
            "measures": 80,
            "devices": 10,
            "assets": 14,
            "history": 64,
        }
        assert changed(ran.json) == {
            "models": 1,
            "provisioning": 11,
            "groups": 4,
            "measures": 32,
            "devices": 10,
            "assets": 14,
            "history": 64,
        }
        assert ran.json["kept"]["assets.softTenant"] == ran.json["kept"]["groups.colour"] == 2
        assert ran.json["notes"]["metadata of a device that no engine has, kept"]["count"] == 1
        assert ran.json["refused"] == {}
    for ran in (applied, copied):
        kept = ran.json["notes"]["embedded measures that history lacks, kept"]
        assert kept["count"] == 2
        assert f"{platform.hotel}:assets/Room-6" in kept["examples"][0]

    once = everything(platform.url, "%26*")
    again = run_command("migrate", "--store", cluster, "--apply", "--json")
    assert (again.status, changed(again.json), again.json["aliases"]) == (0, {}, []), again.errors
    assert differences(once, everything(platform.url, "%26*")) == {}, "doing it again changes nothing"
    asyncio.run(check_served(start_server(store=cluster), platform))


def test_version_3_opens_as_it_is(write_platform: WritePlatform, run_command: Run, start_server: Start) -> None:
    platform = write_platform(3)
    cluster = f"elasticsearch:{platform.url}"
    before = everything(platform.url)
    applied = run_command("migrate", "--store", cluster, "--apply")
    assert applied.status == 0, applied.errors
    assert "The doctor found nothing" in applied.output
    after = everything(platform.url)["documents"]
    assert {key: after[key] for key in before["documents"]} == before["documents"], "no document was touched"
    asyncio.run(check_served(start_server(store=cluster), platform))


def kill_when(process: subprocess.Popen[str], url: str, share: float) -> int:
    """Kill a migration once it has done a share of its documents; how many its record shows then."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = httpx.get(f"{url}{TASK}")
        task = found.json()["_source"] if found.status_code == 200 else {"total": None}
        if task["total"] and task["done"] >= share * task["total"]:
            break
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done: int = httpx.get(f"{url}{TASK}").json()["_source"]["done"]
    return done


def kill_copying(process: subprocess.Popen[str], database: Path, documents: int) -> None:
    """Kill a migration into the embedded store once that holds so many documents."""
    deadline, copied = time.monotonic() + 60, 0
    while time.monotonic() < deadline and process.poll() is None and copied < documents:
        with contextlib.suppress(sqlite3.OperationalError):  # there is no file yet
            copied = len(contents(database))
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()


def contents(database: Path) -> list[tuple[Any, ...]]:
    """All documents of the embedded store: index, collection, id, version."""
    query = 'SELECT "index", name, id, version FROM doc JOIN collection USING (cid) ORDER BY cid, id'
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


@contextlib.contextmanager
def another_platform(url: str, index: str) -> Iterator[None]:
    """A platform without engines in an index of its own of the same cluster."""
    paths = [f"/%26{index}.{collection}" for collection in ("config", "models")]
    with httpx.Client(base_url=url, timeout=60) as client:
        for path in paths:
            client.put(path, json={"aliases": {f"@{unquote(path)[1:]}": {}}}).raise_for_status()
        yield
        for path in paths:
            client.delete(path).raise_for_status()


@pytest.mark.timeout(300)
def test_a_killed_migration_goes_on(
    write_platform: WritePlatform,
    run_command: Run,
    start_command: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    platform = write_platform(2, ward=None, rooms=200, linked=180, measures=4)
    expected = {
        "models": 5,
        "provisioning": 181,
        "groups": 2,
        "measures": 180 * 4 * 2,
        "devices": 180,
        "assets": 200,
        "history": 200 + 180 + 180 * 4,
    }
    arguments = ("migrate", "--store", f"elasticsearch:{platform.url}", "--json")
    copying = (*arguments, "--into", f"sqlite:{tmp_path / 'copy'}", "--apply")
    database = tmp_path / "copy" / DATABASE
    kill_copying(start_command(*copying), database, 1000)
    with another_platform(platform.url, "other"):
        begun = contents(database)
        refused = run_command(*copying, "--platform-index", "other")
        assert (refused.status, refused.output) == (2, "")
        assert f"half-finished copy of other data where --into points; its engines: {platform.hotel}." in refused.errors
        assert contents(database) == begun, "nothing was written"
    copied = run_command(*copying)
    assert (copied.status, copied.json["findings"], copied.json["resumed"]) == (0, {}, True), copied.errors
    assert {name: copied.json["kinds"][name]["documents"] for name in SHAPED} == expected
    finished = contents(database)
    stored = Counter((index, collection) for index, collection, *_ in finished)
    for collection, kind in SHAPED_COLLECTIONS.items():
        assert stored[platform.hotel, collection] == expected[kind]
    again = run_command(*copying)
    assert (again.status, again.output) == (2, "")
    assert "finished copy" in again.errors
    assert contents(database) == finished, "nothing was written"

    done = [
        kill_when(start_command(*arguments, "--apply", DEVICE_MANAGER_RECOVERY_GRACE="1"), platform.url, share)
        for share in (0.1, 0.4)
    ]
    resumed = run_command(*arguments, "--apply", DEVICE_MANAGER_RECOVERY_GRACE="1")
    assert (resumed.status, resumed.json["findings"]) == (0, {}), resumed.errors
    assert done[0] < done[1]
    assert resumed.json["resumed"] is True
    assert f"Going on with a run that stopped after {done[1]:,} documents." in resumed.errors
    assert {name: resumed.json["kinds"][name]["documents"] for name in SHAPED} == expected
    assert changed(run_command(*arguments).json) == {}, "everything is in its new shape"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("into", ["", "sqlite"], ids=["in place", "into the embedded store"])
def test_a_large_platform(
    write_platform: WritePlatform,
    run_command: Run,
    start_command: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    into: str,
) -> None:
    """100,000 measures, in memory that does not grow with them."""
    platform = write_platform(2, ward=None, rooms=1200, linked=1000, measures=50, historizes=False)
    arguments = ["migrate", "--store", f"elasticsearch:{platform.url}", "--apply", "--json"]
    arguments += ["--into", f"sqlite:{tmp_path / 'copy'}"] if into else []
    process = start_command(*arguments)
    memory = 0
    while process.poll() is None:
        memory = max(memory, memory_of(process))
        time.sleep(0.1)
    output, errors = process.communicate()
    report = json.loads(output)
    assert (process.returncode, report["findings"]) == (0, {}), errors
    assert report["kinds"]["measures"] == {
        "documents": 100_000,
        "changed": 33_350,
        "copied": 100_000 if into else 0,
        "refused": 0,
    }
    print(f"{report['documents']:,} documents in {report['seconds']:.0f} s, {memory} MB")
    assert memory < MOST_MEGABYTES
