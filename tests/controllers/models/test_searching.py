"""Searches of models see those of one kind that apply to an engine group, whatever is asked (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_kind_is_found_by_a_query(platform: Any, name: Any) -> None:
    model = name("Quest")
    for group in ("air", "sea", "commons"):
        await platform.do("models:writeAsset", body={"engineGroup": group, "model": model})
        await platform.do("models:writeGroup", body={"engineGroup": group, "model": model})
    await platform.do("models:writeDevice", body={"model": model, "measures": []})
    await platform.do("models:writeMeasure", body={"type": model, "valuesMappings": {}})
    for kind, field, arguments, count in (
        ("asset", "asset.model", {"engineGroup": "air"}, 2),
        ("group", "group.model", {"engineGroup": "land"}, 1),
        ("device", "device.model", {}, 1),
        ("measure", "measure.type", {}, 1),
    ):
        action = f"models:search{kind.capitalize()}s"
        found = await platform.do(action, body={"query": {"term": {field: model}}}, **arguments)
        assert set(found) == {"hits", "total", "fetched"}
        assert (found["total"], found["fetched"]) == (count, count)
        hit = found["hits"][0]
        assert (hit["index"], hit["collection"]) == (platform.twins.platform, "models")
        assert hit["_source"]["type"] == kind
        everything = await platform.do(action, size=500, **arguments)
        assert {hit["_source"]["type"] for hit in everything["hits"]} == {kind}
        should = {"bool": {"should": [{"term": {"type": "device"}}, {"match_all": {}}]}}
        assert (await platform.do(action, body={"query": should}, **arguments))["total"] == everything["total"]
        page = await platform.do(action, **{"from": 0, "size": 1}, **arguments)
        assert (page["fetched"], page["total"]) == (1, everything["total"])
        error = await platform.refused(action, body={"query": {"telepathy": {}}}, **arguments)
        assert error["status"] == 400
        error = await platform.refused(action, size=20_000, **arguments)
        assert (error["status"], error["id"]) == (413, "services.storage.get_limit_exceeded")
    error = await platform.refused("models:searchAssets", body={})
    assert error["message"] == 'Missing argument "engineGroup".'
