"""What a plugin can contribute besides pipes and hooks: signatures, a sentence each (design 5).

A plugin implements any of them with functions of these names, marked with `hookimpl`. They may leave out arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from device_manager.plugins.context import PluginContext
from device_manager.plugins.markers import hookspec
from device_manager.plugins.models import ModelDeclaration
from device_manager.plugins.strategies import LoginStrategy


@hookspec
def settings() -> dict[str, Any]:  # type: ignore[empty-body]
    """The plugin's own settings with their defaults; the section `[plugins.<name>]` of the file overrides them."""


@hookspec
def events() -> Sequence[str]:  # type: ignore[empty-body]
    """Names, or patterns with `{placeholders}`, of the events that the plugin triggers itself."""


@hookspec
def controllers(context: PluginContext) -> Sequence[Any]:  # type: ignore[empty-body]
    """Instances of `Controller` that the plugin adds to the API."""


@hookspec
def foreign_interfaces(context: PluginContext) -> Sequence[Any]:  # type: ignore[empty-body]
    """Instances of `ForeignInterface`, which speak another system's language on paths of their own."""


@hookspec
def decoders(context: PluginContext) -> Sequence[Any]:  # type: ignore[empty-body]
    """Instances of `Decoder`; each is an action of `device-manager/payloads` and brings its device model along."""


@hookspec
def strategies(context: PluginContext) -> Sequence[LoginStrategy]:  # type: ignore[empty-body]
    """Ways to log in, beside the strategy `local`."""


@hookspec
def models() -> Sequence[ModelDeclaration]:  # type: ignore[empty-body]
    """Asset, device, measure and group models, written at every start over what is stored under their names."""


@hookspec
def start(context: PluginContext) -> Awaitable[None] | None:
    """Called once, when the store is open and the port is not yet; may be a coroutine; failing stops the start."""


@hookspec
def stop(context: PluginContext) -> Awaitable[None] | None:
    """Called once, when the last request is answered and before the store closes; may be a coroutine."""
