"""A plugin in one file: `device-manager serve --plugin examples/plugin.py`.

It brings an asset model, marks every asset that gets linked, refuses links to assets under maintenance, and counts.
"""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError
from device_manager.plugins import ModelDeclaration, PluginContext, hook, hookimpl, pipe

INTERFACE_VERSION = (1, 0)
linked = 0


@hookimpl
def models() -> list[ModelDeclaration]:
    """The asset model, with the metadata that the pipes below read and write."""
    temperature = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
    fridge = {
        "engineGroup": "commons",
        "model": "Fridge",
        "metadataMappings": {"maintenance": {"type": "boolean"}, "enrichedByBeforeLinkAsset": {"type": "boolean"}},
        "measures": [{"name": "inside", "type": "temperature"}],
    }
    return [ModelDeclaration("measure", temperature), ModelDeclaration("asset", fridge)]


@pipe("device-manager:device:link-asset:before", tryfirst=True)
async def refuse_maintenance(payload: dict[str, Any], request: Any) -> None:
    """What a `before` pipe raises refuses the link; nothing is stored. In a bulk call, only its record fails."""
    if payload["asset"]["_source"]["metadata"].get("maintenance"):
        raise ApiError(f"{payload['asset']['_id']} is under maintenance.", status=409)


@pipe("device-manager:device:link-asset:before")
async def enrich(payload: dict[str, Any], request: Any) -> dict[str, Any]:
    """What a `before` pipe writes into the metadata is stored with the link, in the same commit."""
    metadata = payload["asset"]["_source"]["metadata"]
    if "enrichedByBeforeLinkAsset" in metadata:
        metadata["enrichedByBeforeLinkAsset"] = True
    return payload


@hook("device-manager:device:link-asset:after", inline=True)
def count(payload: dict[str, Any], request: Any) -> None:
    """Hooks run after the commit and can fail nothing."""
    global linked
    linked += 1


@hookimpl
def stop(context: PluginContext) -> None:
    """Called when the server stops."""
    context.log.warning("links seen", count=linked)
