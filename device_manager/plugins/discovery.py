"""Finds plugins: installed ones by entry point, others by the path of a file or the name of a module (design 5)."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from device_manager.plugins.markers import MARK, PROJECT

GROUP = "device_manager.plugins"
"""The entry-point group of installed plugins."""


class PluginError(Exception):
    """A plugin that cannot be used. It stops the start; the text names the plugin."""


def installed() -> Iterator[tuple[str, object]]:
    """Name and content of every installed plugin, by name.

    Raises:
        PluginError: one fails to import.
    """
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            content = entry.load()
        except Exception as error:
            raise PluginError(f'Plugin "{entry.name}" ({entry.value}) cannot be imported: {_tell(error)}') from error
        yield from parts(entry.name, content)


def given(file_or_module: str) -> Iterator[tuple[str, object]]:
    """Name and content of the plugins in a file (`./audit.py`) or a module (`acme.audit`).

    Raises:
        PluginError: it does not exist or fails to import.
    """
    try:
        if file_or_module.endswith(".py") or "/" in file_or_module:
            module = _import_file(Path(file_or_module))
        else:
            module = importlib.import_module(file_or_module)
    except Exception as error:
        raise PluginError(f'Plugin "{file_or_module}" cannot be imported: {_tell(error)}') from error
    yield from parts(module.__name__, module)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    if path.stem in sys.modules:
        raise ImportError(f'a module named "{path.stem}" is loaded already; rename the file')
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _tell(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def parts(name: str, content: Any) -> Iterator[tuple[str, object]]:
    """The plugins in what was found: the object itself, or an instance of each class with marked methods.

    Raises:
        PluginError: a class cannot be instantiated, or nothing is marked.
    """
    found = False
    if inspect.isclass(content):
        yield name, _instance(name, content)
        return
    if _has_marks(content):
        found = True
        yield name, content
    if inspect.ismodule(content):
        for attribute, value in vars(content).items():
            if inspect.isclass(value) and value.__module__ == content.__name__ and _has_marks(value):
                found = True
                yield f"{name}.{attribute}", _instance(f"{name}.{attribute}", value)
    if not found:
        raise PluginError(f'Plugin "{name}" contributes nothing: no function of it is marked.')


def _instance(name: str, cls: type) -> object:
    try:
        return cls()
    except Exception as error:
        raise PluginError(f'Plugin "{name}": {cls.__name__}() failed: {_tell(error)}') from error


def _has_marks(content: Any) -> bool:
    return any(is_marked(value) for value in _functions(content))


def is_marked(function: Any) -> bool:
    """Whether a function is a pipe, a hook or a contribution."""
    return hasattr(function, MARK) or hasattr(function, f"{PROJECT}_impl")


def _functions(content: Any) -> Iterator[Any]:
    for attribute in dir(content):
        value = getattr(content, attribute, None)
        if inspect.isroutine(value):
            yield value
