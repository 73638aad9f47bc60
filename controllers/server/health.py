"""Whether the server is well, and whether somebody administers it (router-protocol 5.1)."""

from __future__ import annotations

from device_manager.controllers.server.server_parts import ServerPart
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.router.response import Response


class Health(ServerPart):
    """`server`: `healthCheck`, `adminExists`."""

    @action(http=["GET /_healthCheck"])
    async def health_check(self, request: Request, services: str | None = None) -> Response:
        """Whether the server and what it rests on are well, each `green` or `red`; 500 with the result if any is red.

        The argument `services` is a list of names with commas; without it all are checked.

        Example request:

            {"controller": "server", "action": "healthCheck", "services": "storageEngine"}

        Example result:

            {"status": "green", "services": {"storageEngine": "green"}}

        Raises:
            ApiError: `core.fatal.service_unavailable`.
        """
        checks = self._parts.services
        names = checks if services is None else [name for name in services.split(",") if name in checks]
        colours = {name: "green" if await checks[name]() else "red" for name in names}
        red = [name for name, colour in colours.items() if colour == "red"]
        result = {"status": "red" if red else "green", "services": colours}
        if not red:
            return Response(request, result=result)
        error = api_error("core.fatal.service_unavailable", ", ".join(red))
        return Response(request, status=error.status, result=result, error=error)

    @action(http=["GET /_adminExists"])
    async def admin_exists(self) -> dict[str, bool]:
        """Whether some user has the profile `admin`.

        Example request:

            {"controller": "server", "action": "adminExists"}

        Example result:

            {"exists": true}
        """
        first_admin = self._parts.first_admin
        return {"exists": first_admin is not None and await first_admin.is_made()}
