"""What plugins can contribute, how they are found, and what they get (design 5).

Authors of plugins need only this package: `pipe` and `hook` to listen to events, `hookimpl` for the contributions
that `hookspecs` lists, `PluginContext` for what the server offers them.
"""

from __future__ import annotations

from device_manager.plugins.context import PluginContext
from device_manager.plugins.discovery import PluginError
from device_manager.plugins.loading import INTERFACE_VERSION, Plugins
from device_manager.plugins.markers import hook, hookimpl, pipe
from device_manager.plugins.models import ModelDeclaration
from device_manager.plugins.strategies import LoginStrategy

__all__ = [
    "INTERFACE_VERSION",
    "LoginStrategy",
    "ModelDeclaration",
    "PluginContext",
    "PluginError",
    "Plugins",
    "hook",
    "hookimpl",
    "pipe",
]
