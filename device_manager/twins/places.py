"""Where documents live: collections of the platform and of engines, and ids (device-manager 1.2, 1.8)."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from device_manager.storage.contract import Key

CONFIG = "config"
DEVICES = "devices"
PAYLOADS = "payloads"
MODELS = "models"
ASSETS = "assets"
HISTORY = "assets-history"
MEASURES = "measures"
GROUPS = "groups"

PLUGIN_CONFIG = "plugin--device-manager"

ENGINE_COLLECTIONS = (CONFIG, ASSETS, HISTORY, GROUPS, DEVICES, MEASURES)
"""Collections of an engine, in the order in which they are listed."""

COMMONS = "commons"
"""The engine group whose asset models apply to every engine."""


class Places(NamedTuple):
    """Addresses of the domain's documents, given the name of the platform index."""

    platform: str

    def provisioning(self, device_id: str) -> Key:
        """The platform's record of a device."""
        return Key(self.platform, DEVICES, device_id)

    def engine_config(self, engine: str) -> Key:
        """The record that makes an index an engine."""
        return Key(self.platform, CONFIG, f"engine-device-manager--{engine}")

    def payload(self, uuid: str) -> Key:
        """An archived payload."""
        return Key(self.platform, PAYLOADS, uuid)

    def plugin_config(self) -> Key:
        """The document that says how unknown devices are provisioned (device-manager 1.3)."""
        return Key(self.platform, CONFIG, PLUGIN_CONFIG)

    def model(self, model_id: str) -> Key:
        """A model of any kind."""
        return Key(self.platform, MODELS, model_id)


def device_key(engine: str, device_id: str) -> Key:
    """A device inside the engine that it is attached to."""
    return Key(engine, DEVICES, device_id)


def asset_key(engine: str, asset_id: str) -> Key:
    """An asset."""
    return Key(engine, ASSETS, asset_id)


def group_key(engine: str, group_id: str) -> Key:
    """A group."""
    return Key(engine, GROUPS, group_id)


def deletion_key(engine: str, asset_id: str) -> Key:
    """The history entry of an asset's deletion, as long as no asset of that id exists again.

    Whoever creates an asset finds it there, so that the history of the new one begins after the end of the old one.
    """
    digest = hashlib.blake2b(asset_id.encode(), digest_size=16).hexdigest()
    return Key(engine, HISTORY, f"deletion-{digest}")


def twin_id(model: str, reference: str) -> str:
    """The id of a device or asset."""
    return f"{model}-{reference}"
