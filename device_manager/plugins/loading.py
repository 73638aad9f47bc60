"""The loaded plugins and what they contribute; pluggy checks and orders it (design 5)."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pluggy

from device_manager.plugins import hookspecs
from device_manager.plugins.context import Events, PluginContext
from device_manager.plugins.discovery import PluginError, given, installed
from device_manager.plugins.markers import MARK, PROJECT, Mark
from device_manager.plugins.models import ModelDeclaration
from device_manager.plugins.strategies import LoginStrategy

INTERFACE_VERSION = (1, 4)
"""Version of the plugin interface. The second number grows with additions; the first when something is taken away,
which is announced by a warning at start for one version before. A plugin may state `INTERFACE_VERSION = (1, 0)`."""

MakeContext = Callable[[str, dict[str, Any]], PluginContext]
"""`(plugin's name, its settings) -> its context`."""


class Plugins:
    """The plugins of one server, in the order in which they were registered."""

    def __init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._contexts: dict[str, PluginContext] = {}
        self._started: list[str] = []

    def load(self, files_and_modules: Iterable[str] = (), *, with_installed: bool = True) -> None:
        """Find and register the installed plugins, by name, then the given ones, in order.

        Raises:
            PluginError: a plugin fails to import or cannot be used.
        """
        found = list(installed()) if with_installed else []
        for file_or_module in files_and_modules:
            found += given(file_or_module)
        for name, plugin in found:
            self.register(plugin, name)

    def register(self, plugin: object, name: str) -> None:
        """Add one plugin: a module, or an object with marked methods.

        Raises:
            PluginError: the name is taken, the interface version is not ours, or a contribution has an unknown name or
                argument.
        """
        module = sys.modules.get(type(plugin).__module__)
        wanted = getattr(plugin, "INTERFACE_VERSION", getattr(module, "INTERFACE_VERSION", INTERFACE_VERSION))
        if wanted[0] != INTERFACE_VERSION[0] or wanted[1] > INTERFACE_VERSION[1]:
            ours, theirs = (".".join(map(str, version)) for version in (INTERFACE_VERSION, wanted))
            raise PluginError(f'Plugin "{name}" needs plugin interface {theirs}, this server has {ours}.')
        try:
            self._pluggy.register(plugin, name)
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(f'Plugin "{name}" cannot be registered: {error}') from error
        self._refuse_unknown(plugin, name)

    def _refuse_unknown(self, plugin: object, name: str) -> None:
        """A contribution by a name that nobody knows would never be used."""
        known = {spec for spec, value in vars(hookspecs).items() if hasattr(value, f"{PROJECT}_spec")}
        for caller in self._pluggy.get_hookcallers(plugin) or ():
            if caller.name not in known:
                near = difflib.get_close_matches(caller.name, known, n=3)
                hint = f" Did you mean {', '.join(near)}?" if near else ""
                raise PluginError(f'Plugin "{name}" contributes "{caller.name}", which does not exist.{hint}')

    @property
    def names(self) -> list[str]:
        """Names in the order of registration."""
        return [name for name, _ in self._pluggy.list_name_plugin()]

    def attach(self, events: Events) -> None:
        """Declare the plugins' events and hang their pipes and hooks into the chains."""
        for _, declared in self._each("events"):
            for pattern in declared:
                events.declare(pattern)
        for name, plugin in self._pluggy.list_name_plugin():
            for mark, listener in _listeners(plugin):
                if mark.kind == "hook":
                    events.add_hook(mark.event, listener, owner=name, inline=mark.inline)
                else:
                    position = "first" if mark.tryfirst else "last" if mark.trylast else "normal"
                    events.add_pipe(mark.event, listener, owner=name, position=position, inline=mark.inline)

    def models(self) -> list[ModelDeclaration]:
        """The models of all plugins."""
        return [model for _, models in self._each("models") for model in models]

    def prepare(self, make_context: MakeContext, sections: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Give every plugin its context; call it before `controllers`, `decoders` and `start`.

        Args:
            make_context: builds a context.
            sections: the plugins' sections of the settings, by plugin name.

        Raises:
            PluginError: a section is there for a plugin that is not, or holds an unknown setting.
        """
        sections = sections or {}
        defaults = dict(self._each("settings"))
        for name in sections:
            if name not in self.names:
                raise PluginError(f'There are settings for the plugin "{name}", but it is not loaded.')
        for name in self.names:
            own, given_settings = defaults.get(name, {}), sections.get(name, {})
            for key in given_settings:
                if key not in own:
                    raise PluginError(f'Plugin "{name}" has no setting "{key}" (known: {", ".join(sorted(own))}).')
            self._contexts[name] = make_context(name, {**own, **given_settings})

    def controllers(self) -> list[Any]:
        """The controllers of all plugins."""
        return [controller for _, controllers in self._each("controllers") for controller in controllers]

    def decoders(self) -> list[Any]:
        """The decoders of all plugins."""
        return [decoder for _, decoders in self._each("decoders") for decoder in decoders]

    def strategies(self) -> list[tuple[str, LoginStrategy]]:
        """The ways to log in of all plugins, with the names of these."""
        return [(name, strategy) for name, strategies in self._each("strategies") for strategy in strategies]

    def foreign_interfaces(self) -> list[Any]:
        """The foreign interfaces of all plugins."""
        return [interface for _, interfaces in self._each("foreign_interfaces") for interface in interfaces]

    async def start(self) -> None:
        """Start all plugins, one after another.

        Raises:
            PluginError: one fails.
        """
        for name in self.names:
            await self._call("start", name)
            self._started.append(name)

    async def stop(self) -> None:
        """Stop all plugins that were started, in reverse order, every one whether others fail or not.

        Raises:
            PluginError: the first failure.
        """
        failures: list[PluginError] = []
        while self._started:
            try:
                await self._call("stop", self._started.pop())
            except PluginError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def _call(self, contribution: str, name: str) -> None:
        for owner, result in self._each(contribution, only=name):
            try:
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                raise PluginError(f'Plugin "{owner}" failed in {contribution}: {error}') from error

    def _each(self, contribution: str, only: str | None = None) -> Iterator[tuple[str, Any]]:
        """Call one contribution of every plugin that has it, in the order of registration."""
        implementations = getattr(self._pluggy.hook, contribution).get_hookimpls()
        order = {name: place for place, name in enumerate(self.names)}
        for implementation in sorted(implementations, key=lambda found: order[found.plugin_name]):
            name = implementation.plugin_name
            if only is None or only == name:
                arguments = [self._contexts[name] for _ in implementation.argnames]
                try:
                    yield name, implementation.function(*arguments)
                except PluginError:
                    raise
                except Exception as error:
                    raise PluginError(f'Plugin "{name}" failed in {contribution}: {error}') from error


def _listeners(plugin: object) -> list[tuple[Mark, Callable[..., Any]]]:
    """The marked functions of a plugin, in the order of its source."""
    found: dict[int, tuple[Mark, Callable[..., Any]]] = {}
    for attribute in dir(plugin):
        function = getattr(plugin, attribute, None)
        if function is not None and inspect.isroutine(function):
            for mark in getattr(function, MARK, ()):
                found[mark.sequence] = (mark, function)
    return [found[sequence] for sequence in sorted(found)]
