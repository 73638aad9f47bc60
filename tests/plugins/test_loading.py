"""Plugins from files, modules and entry points, and everything that stops the start (design 5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.plugins import PluginError, Plugins, hookimpl, pipe

Write = Callable[[str, str], Path]

LISTENER = """
    from device_manager.plugins import pipe

    @pipe("server:beforeNow")
    async def note(request):
        request.args["seen"] = True
"""


def load(*files_and_modules: str) -> Plugins:
    plugins = Plugins()
    plugins.load(files_and_modules)
    return plugins


def test_from_a_file(write: Write) -> None:
    assert load(str(write("audit.py", LISTENER))).names == ["audit"]


def test_from_a_module(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    package = write("acme_plugins/audit.py", LISTENER).parent
    monkeypatch.syspath_prepend(str(package.parent))
    assert load("acme_plugins.audit").names == ["acme_plugins.audit"]


def test_from_an_entry_point(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("acme_installed.py", LISTENER).parent
    write("acme_installed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-installed\nVersion: 1.0\n")
    write("acme_installed-1.0.dist-info/entry_points.txt", "[device_manager.plugins]\nacme-audit = acme_installed\n")
    monkeypatch.syspath_prepend(str(folder))
    assert load().names == ["acme-audit"]


def test_an_entry_point_that_fails_to_import_stops_the_start(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("acme_broken.py", "import no_such_module_at_all").parent
    write("acme_broken-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-broken\nVersion: 1.0\n")
    write("acme_broken-1.0.dist-info/entry_points.txt", "[device_manager.plugins]\nacme-broken = acme_broken\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(PluginError, match=r'"acme-broken" \(acme_broken\).*no_such_module_at_all'):
        load()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_module_at_all", "no_such_module_at_all"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "no licence"),
        ("x = 1", "contributes nothing"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(write: Write, text: str, reason: str) -> None:
    path = write("faulty.py", text)
    with pytest.raises(PluginError, match=reason) as caught:
        load(str(path))
    assert "faulty" in str(caught.value)


@pytest.mark.parametrize("missing", ["no_such_plugin_anywhere", "./nowhere/plugin.py"])
def test_missing_plugins_stop_the_start(missing: str) -> None:
    with pytest.raises(PluginError, match=missing):
        load(missing)


def test_a_file_cannot_hide_a_module(write: Write) -> None:
    with pytest.raises(PluginError, match="rename the file"):
        load(str(write("json.py", LISTENER)))


def test_classes_with_marked_methods_are_instantiated(write: Write) -> None:
    text = """
        from device_manager.plugins import hook, pipe

        class Audit:
            @pipe("server:beforeNow")
            async def note(self, request):
                pass

        class Unrelated:
            pass
    """
    assert load(str(write("audit.py", text))).names == ["audit.Audit"]
    broken = text.replace("class Audit:", "class Audit:\n            def __init__(self, size): ...\n")
    with pytest.raises(PluginError, match=r'"faulty.Audit": Audit\(\) failed'):
        load(str(write("faulty.py", broken)))


def test_names_are_unique() -> None:
    class Audit:
        @pipe("server:beforeNow")
        async def note(self, request: Any) -> None:
            """Does nothing."""

    plugins = Plugins()
    plugins.register(Audit(), "audit")
    with pytest.raises(PluginError, match='"audit" cannot be registered'):
        plugins.register(Audit(), "audit")


def test_unknown_contributions_stop_the_start_and_name_the_nearest() -> None:
    class Shop:
        @hookimpl
        def controlers(self) -> list[Any]:
            return []

    with pytest.raises(PluginError, match=r'"shop" contributes "controlers".*controllers'):
        Plugins().register(Shop(), "shop")


def test_contributions_with_unknown_arguments_stop_the_start() -> None:
    class Shop:
        @hookimpl
        def start(self, server: Any) -> None:
            """Wants something that there is not."""

    with pytest.raises(PluginError, match="server"):
        Plugins().register(Shop(), "shop")


@pytest.mark.parametrize(("version", "fits"), [((1, 0), True), ((1, 99), False), ((2, 0), False), ((0, 9), False)])
def test_the_interface_version_must_fit(version: tuple[int, int], fits: bool) -> None:
    class Audit:
        INTERFACE_VERSION = version

        @pipe("server:beforeNow")
        async def note(self, request: Any) -> None:
            """Does nothing."""

    if fits:
        Plugins().register(Audit(), "audit")
    else:
        with pytest.raises(PluginError, match=r'"audit" needs plugin interface \d+\.\d+'):
            Plugins().register(Audit(), "audit")
