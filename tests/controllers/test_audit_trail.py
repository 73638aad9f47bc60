"""The link audit trail that ships, loaded as a plugin (design 5)."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from device_manager.pipes import audit_trail
from device_manager.plugins import Plugins

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_link_that_is_made_or_removed_leaves_a_line(platform: Any) -> None:
    plugins = Plugins()
    plugins.register(audit_trail, "audit-trail")
    plugins.attach(platform.bus)
    platform.bus.compile()
    await platform.device("1")
    await platform.asset("1")
    records = [{"assetId": "Container-1", "deviceId": "Dummy-1"}, {"assetId": "Container-1", "deviceId": "Dummy-2"}]
    with structlog.testing.capture_logs() as lines:
        await platform.do("devices:mLinkAssets", body={"records": records}, requestId="r1")
        await platform.do("devices:mLinkAssets", body={"records": records[:1]})
        await platform.do("devices:unlinkAssets", _id="Dummy-1", body={"measureSlots": ["battery"]})
        await platform.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True}, dryRun=True)
    made, gone = (line for line in lines if line["event"] in ("linked", "unlinked"))
    assert made == {
        "event": "linked",
        "log_level": "info",
        "engine": platform.engine,
        "device": "Dummy-1",
        "asset": "Container-1",
        "slots": ["temperature -> temperatureExt", "battery -> power"],
        "user": "-1",
        "request": "r1",
        "action": "device-manager/devices:mLinkAssets",
        "addresses": (),
    }
    assert (gone["event"], gone["slots"]) == ("unlinked", ["temperature -> temperatureExt"])
