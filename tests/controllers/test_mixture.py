"""Whatever clients do to the same few twins at the same time, every invariant holds, with pipes and without."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

BATCHES = 6
AT_ONCE = 16
ASKED = (
    "device-manager:device:unlink-asset:before",
    "device-manager:device:detach-engine:before",
    "device-manager:device:attach-engine:before",
    "device-manager:asset:update:before",
    "generic:document:beforeDelete",
    "generic:document:beforeWrite",
)
ACTIONS = (
    "assets:create",
    "assets:upsert",
    "assets:update",
    "assets:replaceMetadata",
    "assets:delete",
    "devices:create",
    "devices:upsert",
    "devices:delete",
    "devices:attachEngine",
    "devices:detachEngine",
    "devices:unlinkAssets",
    "devices:linkAssets",
    "devices:linkAssets",
)


def made_up(chance: random.Random, engines: list[str], platform_index: str) -> tuple[str, dict[str, Any]]:
    """Any action, on one of five devices or three assets of any engine."""
    action = chance.choice(ACTIONS)
    kind, _, name = action.partition(":")
    device, asset = str(chance.randrange(5)), str(chance.randrange(3))
    payload: dict[str, Any] = {"engineId": chance.choice(engines)}
    if name in ("create", "upsert"):
        model, reference = ("Hall", asset) if kind == "assets" else ("Dummy", device)
        return action, payload | {"body": {"model": model, "reference": reference, "metadata": {}}}
    payload["_id"] = f"Hall-{asset}" if kind == "assets" else f"Dummy-{device}"
    if name in ("update", "replaceMetadata"):
        payload["body"] = {"metadata": {"note": str(chance.random())}}
    elif name == "linkAssets":
        payload["body"] = {"linkedMeasures": [{"assetId": f"Hall-{asset}", "implicitMeasuresLinking": True}]}
    elif name == "unlinkAssets":
        payload["body"] = {"allMeasures": True}
    elif action == "assets:delete":
        payload["strict"] = chance.random() < 0.3
    elif name == "detachEngine" and chance.random() < 0.5:
        payload["engineId"] = ...
    elif action == "devices:delete" and chance.random() < 0.3:
        payload["engineId"] = platform_index
    return action, payload


async def test_a_mixture_of_everything_breaks_no_invariant(platform: Any, second_engine: str) -> None:
    chance = random.Random(2)
    engines = [platform.engine, second_engine]

    async def watch(payload: Any, request: Any) -> None:
        await asyncio.sleep(0)

    for batch in range(BATCHES):
        if batch == BATCHES // 2:
            for event in ASKED:
                platform.bus.add_pipe(event, watch, owner="watch")
            platform.bus.compile()
        calls = [made_up(chance, engines, platform.twins.platform) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*(platform.ask(action, **payload) for action, payload in calls))
        for (action, _), answer in zip(calls, answers, strict=True):
            assert answer["status"] in (200, 400, 404), (action, answer["error"])
        assert any(answer["status"] == 200 for answer in answers)
        for engine in engines:
            assert await platform.twins.examine(engine) == []
