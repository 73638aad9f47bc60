"""Enriches assets when devices are linked to them.

Every asset whose model has the metadata fields `enrichedByBeforeLinkAsset` and `lastLinkedDeviceModel` gets them filled
in the same commit as the link. The asset model `Cabinet` that comes along has both.
"""

from __future__ import annotations

from typing import Any

from device_manager.plugins import ModelDeclaration, PluginContext, hookimpl, pipe


class LinkEnricher:
    """The plugin; the server makes one instance of it."""

    INTERFACE_VERSION = (1, 0)

    def __init__(self) -> None:
        self._ignored: frozenset[str] = frozenset()

    @hookimpl
    def settings(self) -> dict[str, Any]:
        """`ignored_models`: device models whose links leave assets as they are."""
        return {"ignored_models": []}

    @hookimpl
    def start(self, context: PluginContext) -> None:
        """Read the settings once."""
        self._ignored = frozenset(context.settings["ignored_models"])

    @hookimpl
    def models(self) -> list[ModelDeclaration]:
        """The asset model with the fields that the pipe fills, and the measure that its slot takes."""
        temperature = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
        cabinet = {
            "engineGroup": "commons",
            "model": "Cabinet",
            "metadataMappings": {
                "enrichedByBeforeLinkAsset": {"type": "boolean"},
                "lastLinkedDeviceModel": {"type": "keyword"},
            },
            "measures": [{"name": "inside", "type": "temperature"}],
        }
        return [ModelDeclaration("measure", temperature), ModelDeclaration("asset", cabinet)]

    @pipe("device-manager:device:link-asset:before", inline=True)
    def enrich(self, payload: dict[str, Any], request: Any) -> dict[str, Any]:
        """Fill the fields; what is changed here is stored with the link, or not at all."""
        model = payload["device"]["_source"]["model"]
        metadata = payload["asset"]["_source"]["metadata"]
        if "enrichedByBeforeLinkAsset" in metadata and model not in self._ignored:
            metadata["enrichedByBeforeLinkAsset"] = True
            metadata["lastLinkedDeviceModel"] = model
        return payload
