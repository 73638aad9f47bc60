"""What the upkeep actions of the controller `admin` work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from device_manager.controllers.admin.support_archive import SupportArchive
from device_manager.router.controller import Controller
from device_manager.security.reset import SecurityReset
from device_manager.security.scope import Scope
from device_manager.storage.contract import Store
from device_manager.twins.database_reset import DatabaseReset


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """What looks after a server.

    Attributes:
        store: where everything is.
        database_reset: empties the store.
        security_reset: forgets users and rights.
        archive: writes what helps to understand a problem.
        stop: begins to stop the server.
        caches: how each cache is emptied, by name.
    """

    store: Store
    database_reset: DatabaseReset
    security_reset: SecurityReset
    archive: SupportArchive
    stop: Callable[[], None]
    caches: Mapping[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)


class UpkeepPart(Controller):
    """One module of the controller."""

    name = "admin"
    scope = Scope.PLATFORM

    _upkeep: Upkeep
