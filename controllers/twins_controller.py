"""The base of the controllers that work on the domain."""

from __future__ import annotations

from device_manager.router.controller import Controller
from device_manager.twins.domain import Twins


class TwinsController(Controller):
    """A controller, or a group of actions of one, over the domain."""

    def __init__(self, twins: Twins) -> None:
        self._twins = twins
