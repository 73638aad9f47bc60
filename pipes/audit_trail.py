"""Audit trail: one structured log line for every link that was made or removed, by whatever door the request came.

Load it with `--plugin device_manager.pipes.audit_trail --log-level info`. For pipes of your own, copy this file and
load the copy with `--plugin my_pipes.py`. What it shows:

- `@pipe(event)` hangs a function around an event. Before pipes (`...:before`) may refuse by raising and may change the
  twins' metadata; after pipes (`...:after`) run once the change is stored and cannot undo it.
- A pipe gets the event's payload and the request. It returns a payload to pass on another one, None to keep it.
- `inline=True` fits a plain function that never waits. Leave it out for one that does, or write `async def`.
- `settings()` declares the plugin's settings; the table `[plugins."<name of the plugin>"]` of the settings file
  overrides them, and `start(context)` hands them over.
"""

from __future__ import annotations

from typing import Any

import structlog

from device_manager.plugins import PluginContext, hookimpl, pipe

_log = structlog.get_logger("audit")
_with_addresses = True


@hookimpl
def settings() -> dict[str, Any]:
    """`addresses`: whether the lines name the caller's network addresses."""
    return {"addresses": True}


@hookimpl
def start(context: PluginContext) -> None:
    """Take over the settings."""
    global _with_addresses  # a plugin module is one object, loaded once
    _with_addresses = context.settings["addresses"]


@pipe("device-manager:device:link-asset:after", inline=True, trylast=True)
def linked(twins: dict[str, Any], request: Any) -> None:
    """Note a link as it is after the request, with all its slots."""
    _note("linked", twins, request)


@pipe("device-manager:device:unlink-asset:after", inline=True, trylast=True)
def unlinked(twins: dict[str, Any], request: Any) -> None:
    """Note what is left of a link, which is nothing when all of it went."""
    _note("unlinked", twins, request)


def _note(what: str, twins: dict[str, Any], request: Any) -> None:
    device, asset = twins["device"], twins["asset"]
    asset_id = asset["_id"] if asset else None
    slots = [
        f"{pair['device']} -> {pair['asset']}"
        for link in device["_source"]["linkedMeasures"]
        if link["assetId"] == asset_id
        for pair in link["measureSlots"]
    ]
    caller: dict[str, Any] = {}
    if request is not None:
        caller = {"user": request.user_id, "request": request.id, "action": f"{request.controller}:{request.action}"}
        if _with_addresses:
            caller["addresses"] = request.connection.ips
    _log.info(what, engine=device["_source"]["engineId"], device=device["_id"], asset=asset_id, slots=slots, **caller)
