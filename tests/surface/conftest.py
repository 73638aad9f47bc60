"""The API of a server as its declarations make it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from device_manager.app import Application
from device_manager.router.action_text import ActionText, read_action_text
from device_manager.router.registry import BoundAction
from device_manager.settings import Settings


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """A server that was built and not started."""
    return Application(Settings(store=f"sqlite:{tmp_path_factory.mktemp('surface')}"))


@pytest.fixture(scope="session")
def actions(application: Application) -> list[BoundAction]:
    """Every action of the server once, under its own name."""
    return [
        bound
        for controller, actions in application.router.registry.table.items()
        for name, bound in actions.items()
        if (bound.controller, bound.action) == (controller, name)
    ]


@pytest.fixture(scope="session")
def text_of() -> Callable[[BoundAction], ActionText]:
    """What an action's docstring says."""
    return lambda bound: read_action_text(bound.method.__doc__)
