"""The controller `admin` (router-protocol 5.8)."""

from __future__ import annotations

from device_manager.controllers.admin.load_securities import LoadSecurities
from device_manager.controllers.admin.loading import LoadDocuments
from device_manager.controllers.admin.resetting import Resetting
from device_manager.controllers.admin.running import Running
from device_manager.controllers.admin.support_archive import SupportArchive
from device_manager.controllers.admin.upkeep import Upkeep
from device_manager.documents.domain import Documents
from device_manager.plugins.context import Caller
from device_manager.security.users import Users

__all__ = ["AdminController", "SupportArchive", "Upkeep"]


class AdminController(Running, Resetting, LoadDocuments, LoadSecurities):
    """`admin`: load what a test or an installation needs, empty it again, look after the server.

    Args:
        documents: loads mappings and documents.
        users: tells which users exist.
        caller: makes the requests that load users and their rights.
        upkeep: the rest.
    """

    dead_routes = (("POST /admin/_resetKuzzleData", "resetKuzzleData"),)

    def __init__(self, documents: Documents, users: Users, caller: Caller, upkeep: Upkeep) -> None:
        self._loading = documents.loading
        self._users = users
        self._caller = caller
        self._upkeep = upkeep
