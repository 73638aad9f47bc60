"""`device-manager migrate`: what it refuses, and what it tells and leaves as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from kuzzle_mappings import KEYWORD
from kuzzle_platform import KuzzlePlatform

from device_manager.migration.mapping import UNMARKED, UNREADABLE
from device_manager.migration.opening import Listener, Order, migrate
from device_manager.settings import InvalidSettings, load_settings
from device_manager.storage.contract import StoreError
from device_manager.storage.elasticsearch.store import ElasticsearchStore
from device_manager.storage.opening import open_store

WritePlatform = Callable[..., KuzzlePlatform]
Run = Callable[..., Any]
DEAF = Listener(expect=lambda count: None, done=lambda count: None, resuming=lambda record: None, checking=lambda: None)


async def test_what_cannot_be_migrated(write_platform: WritePlatform, tmp_path: Path) -> None:
    platform = write_platform(2, ward=None, rooms=2, linked=1, measures=1)
    cluster, used = f"elasticsearch:{platform.url}", f"sqlite:{tmp_path / 'used'}"
    store = open_store(load_settings({"store": used}))
    await store.start()
    await store.create_collection("something", "else", {})
    await store.close()
    for store_url, platform_index, into, text in (
        (used, None, None, "needs no migration"),
        (cluster, "elsewhere", None, "Name the index with --platform-index"),
        (cluster, None, cluster, "Leave it out"),
        (cluster, None, used, "empty store"),
    ):
        flags = {"platform_index": platform_index}
        target = load_settings(flags | {"store": into}) if into else None
        order = Order(load_settings(flags | {"store": store_url}), target, applies=True)
        with pytest.raises((InvalidSettings, StoreError), match=text):
            await migrate(order, DEAF)


async def test_what_is_refused_tells_no_password() -> None:
    order = Order(load_settings({"store": "http://ada:hunter2@search.example:9200"}), None, applies=False)
    with pytest.raises(InvalidSettings) as refused:
        await migrate(order, DEAF)
    assert "hunter2" not in str(refused.value)


def damage(platform: KuzzlePlatform) -> dict[str, Any]:
    """An index without room for another field, an alias of two indices, and an asset with half a link."""
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        full = {"settings": {"index.mapping.total_fields.limit": 1}, "mappings": {"properties": {"name": KEYWORD}}}
        client.put("/%26crm.full", json=full).raise_for_status()
        for physical in ("%26crm.twice", "%26crm.twice.1"):
            client.put(f"/{physical}", json={"aliases": {"@&crm.twice": {}}}).raise_for_status()
        path = f"/%26{platform.hotel}.assets/_doc/Room-0"
        asset: dict[str, Any] = client.get(path).json()["_source"]
        asset["linkedDevices"].append({"_id": "Thermometer-gone"})
        client.put(path, json=asset, params={"refresh": "true"}).raise_for_status()
        return asset


async def test_what_is_wrong_in_the_cluster_is_told_and_left(write_platform: WritePlatform) -> None:
    platform = write_platform(2, ward=None, rooms=2, linked=1, measures=1)
    odd = await asyncio.to_thread(damage, platform)
    settings = load_settings({"store": f"elasticsearch:{platform.url}"})
    result = await migrate(Order(settings, None, applies=True), DEAF)
    tally = result.outcome.tally
    assert result.outcome.error is None
    assert tally.collections[UNMARKED].examples == ["crm:full"]
    assert "crm:twice" in tally.collections[UNREADABLE].examples[0]
    assert tally.notes["members of another form than either version has, kept"].count == 1
    assert tally.kept["assets.linkedDevices"] == 1
    assert result.findings is not None
    assert set(result.findings) == {"dangling_link", "history_differs"}
    store = ElasticsearchStore(platform.url, settings)
    await store.start()
    asset = (await store.get(platform.hotel, "assets", "Room-0")).source
    assert asset["linkedDevices"] == odd["linkedDevices"]
    assert [entry["deviceId"] for entry in asset["linkedMeasures"]] == [
        f"Thermometer-{platform.hotel}-0",
        "Thermometer-gone",
    ]
    await store.close()


def test_usage(run_command: Run) -> None:
    for arguments, status in (([], 2), (["--store", "elasticsearch:http://127.0.0.1:1"], 3)):
        ran = run_command("migrate", *arguments)
        assert ran.status == status, (arguments, ran.output, ran.errors)
        assert "Traceback" not in ran.errors
