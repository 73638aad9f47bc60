"""Emptying what a server keeps (router-protocol 5.8)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.admin.upkeep import UpkeepPart
from device_manager.controllers.calls import call_of
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.router.response import ABSENT, Response
from device_manager.security.scope import Scope


class Resetting(UpkeepPart):
    """`admin`: `refreshIndexCache`, `resetCache`, `resetDatabase`, `resetSecurity`."""

    @action(http=["POST /admin/_refreshIndexCache"], scope=Scope.PLATFORM)
    async def refresh_index_cache(self, request: Request) -> Response:
        """Look at the store for indices and collections that were made or removed past this server.

        Example request:

            {"controller": "admin", "action": "refreshIndexCache"}

        Example result:

            null
        """
        await self._upkeep.store.indices()
        return Response(request, result=ABSENT)

    @action(http=["POST /admin/_resetCache"], writes=True, scope=Scope.ALL)
    async def reset_cache(self, request: Request, database: str) -> dict[str, bool]:
        """Empty a cache: `memoryStorage` with the values of `ms`, or `internalCache` with what this server remembers.

        What the server remembers is read from the store again; nobody is logged out by that.

        Example request:

            {"controller": "admin", "action": "resetCache", "database": "memoryStorage"}

        Example result:

            {"acknowledge": true}

        Raises:
            ApiError: `services.cache.database_not_found`.
        """
        empty = self._upkeep.caches.get(database)
        if empty is None:
            raise api_error("services.cache.database_not_found", database)
        if not request.dry_run:
            await empty()
        return {"acknowledge": True}

    @action(http=["POST /admin/_resetDatabase"], writes=True, scope=Scope.ALL)
    async def reset_database(self, request: Request, refresh: Refresh = True) -> dict[str, Any]:
        """Remove all indices with their documents, engines and models among them; users and their rights stay.

        The platform is as on its first start then, with the models of plugins and decoders. The work is a task, which
        goes on after a crash. If it takes more than a minute the answer names it in `task`.

        Example request:

            {"controller": "admin", "action": "resetDatabase"}

        Example result:

            {"acknowledge": true}

        Raises:
            ApiError: `api.process.action_locked`.
        """
        task = await self._upkeep.database_reset.reset(call_of(request, refresh=refresh))
        unfinished = {} if task.is_over or request.dry_run else {"task": task.id}
        return {"acknowledge": True, **unfinished}

    @action(http=["POST /admin/_resetSecurity"], writes=True, scope=Scope.ALL)
    async def reset_security(self, request: Request, refresh: Refresh = True) -> dict[str, Any]:
        """Remove all users with their credentials and tokens, all profiles and roles, and begin anew.

        Everybody may do everything then, as on a fresh store, so a server that strangers can reach refuses it. The work
        is a task, which goes on after a crash. If it takes more than a minute the answer names it in `task`.

        Example request:

            {"controller": "admin", "action": "resetSecurity"}

        Example result:

            {"deletedUsers": 12, "deletedProfiles": 3, "deletedRoles": 5}

        Raises:
            ApiError: `api.process.action_locked`, `security.rights.would_open`.
        """
        task = await self._upkeep.security_reset.reset(call_of(request, refresh=refresh))
        counts = task.result or {"deletedUsers": 0, "deletedProfiles": 0, "deletedRoles": 0}
        unfinished = {} if task.is_over or request.dry_run else {"task": task.id}
        return {**counts, **unfinished}
