"""Every action's docstring shows a request that its signature accepts, and a result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.controllers.assets import AssetsController
from device_manager.controllers.devices import DevicesController
from device_manager.controllers.engine import EngineController
from device_manager.controllers.models import ModelsController
from device_manager.router.binding import camel, compile_binder
from device_manager.router.controller import Controller
from device_manager.router.parse import parse
from device_manager.router.request import Connection

EXAMPLE = re.compile(r"Example (request|result):\n\n((?: {12}.*\n)+)")
CONTROLLERS: list[type[Controller]] = [EngineController, ModelsController, AssetsController, DevicesController]
ACTIONS = [
    pytest.param(controller, attribute, id=f"{controller.name}:{camel(attribute)}")
    for controller in CONTROLLERS
    for attribute in dir(controller)
    if hasattr(getattr(controller, attribute), "__action__")
]


class Nothing:
    """Stands for the domain, which no signature needs."""

    def __getattr__(self, name: str) -> Any:
        return None


@pytest.mark.parametrize(("controller", "attribute"), ACTIONS)
def test_the_example_fits_the_signature(controller: Callable[[Any], Controller], attribute: str) -> None:
    made = controller(Nothing())
    method = getattr(made, attribute)
    examples = dict(EXAMPLE.findall(method.__doc__ + "\n"))
    assert examples.keys() == {"request", "result"}
    message = json.loads(examples["request"])
    json.loads(examples["result"])
    assert message["controller"] == made.name
    assert message["action"] == camel(attribute)
    compile_binder(method)(parse(message, Connection("test", "websocket")))
