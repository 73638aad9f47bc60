"""Group models: affinity, and the rules that they share with the others (device-manager 1.6, 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANY = {"type": ["assets", "devices"], "models": {"assets": [], "devices": []}, "strict": False}
INCOMPLETE = "The group affinity must specify a type array, models and strictness"
TYPE = 'The group type must be an array containing "assets" and/or "devices"'
MISSING = "The group affinity must contain an array for every present type"


async def test_a_group_model_is_stored_found_and_listed(platform: Any, name: Any) -> None:
    model, field = name("Ward"), name("Beds").lower()
    affinity = {"type": ["assets"], "models": {"assets": ["Container"]}, "strict": True}
    body = {
        "engineGroup": "air",
        "model": model,
        "affinity": affinity,
        "metadataMappings": {field: {"type": "integer"}},
        "defaultValues": {field: 4},
    }
    written = await platform.do("models:writeGroup", body=body)
    assert (written["_id"], written["created"]) == (f"model-group-{model}", True)
    source = written["_source"]
    source.pop("_kuzzle_info")
    assert source == {
        "type": "group",
        "engineGroup": "air",
        "group": {
            "model": model,
            "affinity": affinity,
            "metadataMappings": {field: {"type": "integer"}},
            "defaultMetadata": {field: 4},
            "metadataDetails": {},
            "metadataGroups": {},
        },
    }
    for arguments in ({}, {"engineGroup": "air"}):
        assert (await platform.do("models:getGroup", model=model, **arguments))["_id"] == written["_id"]
    error = await platform.refused("models:getGroup", model=model, engineGroup="sea")
    assert (error["status"], error["message"]) == (404, f'Unknown Group model "{model}".')
    for group, is_listed in (("air", True), ("sea", False)):
        listed = await platform.do("models:listGroups", engineGroup=group)
        assert (written["_id"] in [found["_id"] for found in listed["models"]]) is is_listed
    mapping = await platform.store.mappings(platform.engine, "groups")
    assert field in mapping["properties"]["metadata"]["properties"]


async def test_without_affinity_groups_hold_any_twin(platform: Any, name: Any) -> None:
    written = await platform.do("models:writeGroup", body={"engineGroup": "commons", "model": name("Any")})
    assert written["_source"]["group"]["affinity"] == ANY


@pytest.mark.parametrize(
    ("affinity", "id", "message"),
    [
        ({}, "affinity_incomplete", INCOMPLETE),
        ({"type": ["assets"], "strict": True}, "affinity_incomplete", INCOMPLETE),
        ({"type": ["assets"], "models": {"assets": []}}, "affinity_incomplete", INCOMPLETE),
        (ANY | {"type": "assets"}, "affinity_type", TYPE),
        (ANY | {"type": []}, "affinity_type", TYPE),
        (ANY | {"type": ["assets", "groups"]}, "affinity_type", TYPE),
        (ANY | {"type": ["assets", "devices", "assets"]}, "affinity_type", TYPE),
        (ANY | {"strict": "yes"}, "affinity_strict", "The group affinity strict field must be a boolean"),
        (ANY | {"models": {"assets": []}}, "affinity_models_missing", MISSING),
        (ANY | {"models": []}, "affinity_models_missing", MISSING),
        (
            ANY | {"models": {"assets": ["Container", 7], "devices": []}},
            "affinity_models",
            "The group affinity models must be an array of models id",
        ),
    ],
)
async def test_an_affinity_that_says_too_little_or_too_much(
    platform: Any, affinity: Any, id: str, message: str
) -> None:
    body = {"engineGroup": "commons", "model": "Odd", "affinity": affinity}
    error = await platform.refused("models:writeGroup", body=body)
    assert (error["status"], error["id"], error["message"]) == (400, f"device_manager.models.{id}", message)


async def test_other_refusals(platform: Any, name: Any) -> None:
    field = name("Beds").lower()
    good = {"engineGroup": "commons", "model": name("Ward"), "metadataMappings": {field: {"type": "integer"}}}
    await platform.do("models:writeGroup", body=good)
    for changes, expected in (
        ({"model": "my_ward"}, (400, 'Group model "my_ward" must be PascalCase.')),
        ({"defaultValues": {"x": 1}}, (400, 'The default value "x" is not in the metadata mappings.')),
        ({"metadataMappings": {field: {"type": "keyword"}}}, (409, "New group mappings are causing conflicts")),
        ({"metadataMappings": {"a": {"type": "smell"}}}, (400, ...)),
        ({"metadataMappings": {"a": {"index": False}}}, (400, ...)),
        ({"affinity": "any"}, (400, 'Wrong type for argument "body.affinity" (expected: object)')),
    ):
        error = await platform.refused("models:writeGroup", body=good | {"model": "Other"} | changes)
        assert error["status"] == expected[0]
        assert expected[1] in (..., error["message"])
    error = await platform.refused("models:writeGroup", body={"model": "Plane"})
    assert error["message"] == 'Missing argument "body.engineGroup".'
