"""The controller `server`: what the server says about itself (router-protocol 5.1)."""

from __future__ import annotations

from device_manager.controllers.server.describing import Describing
from device_manager.controllers.server.health import Health
from device_manager.controllers.server.measuring import Measuring
from device_manager.controllers.server.openapi import OpenApi
from device_manager.controllers.server.pipes import Pipes
from device_manager.controllers.server.server_parts import ServerParts

__all__ = ["ServerController", "ServerParts"]


class ServerController(Pipes, Measuring, OpenApi, Health, Describing):
    """`server`: the time, the routes, the health, the figures, the pipes."""
