"""Stopping a server, and writing down what it is doing (router-protocol 5.8)."""

from __future__ import annotations

from device_manager.controllers.admin.upkeep import UpkeepPart
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope


class Running(UpkeepPart):
    """`admin`: `dump`, `shutdown`."""

    @action(http=["POST /admin/_dump"], writes=True, scope=Scope.ALL)
    async def dump(self, request: Request, suffix: str = "manual", refresh: Refresh = True) -> dict[str, str | bool]:
        """Write an archive for those who are to find out what is wrong with a server, on the server's disk.

        It holds versions, settings, figures, statistics, pipes, routes, mappings and what the code is doing right now;
        no documents, no passwords, no tokens. The file is in the setting `dump_directory`, where the newest few stay.
        With `refresh` false the answer does not wait for it. In a dry run there is no `file`.

        Example request:

            {"controller": "admin", "action": "dump", "suffix": "slow-links"}

        Example result:

            {"acknowledge": true, "file": "dump-20261123T073015.502314Z-slow-links.zip"}

        Raises:
            ApiError: `api.assert.invalid_argument`, `api.process.action_locked`, `file_not_written`.
        """
        if request.dry_run:
            self._upkeep.archive.check(suffix)
            return {"acknowledge": True}
        return {"acknowledge": True, "file": await self._upkeep.archive.write(suffix, wait=refresh)}

    @action(http=["POST /admin/_shutdown"], writes=True, scope=Scope.ALL)
    async def shutdown(self, request: Request) -> dict[str, bool]:
        """Stop the server as SIGTERM does: what runs is answered, then the process ends.

        Example request:

            {"controller": "admin", "action": "shutdown"}

        Example result:

            {"acknowledge": true}
        """
        if not request.dry_run:
            self._upkeep.stop()
        return {"acknowledge": True}
