"""The controller `device-manager/credentials`: what clients of other systems identify themselves by (facades 1.2)."""

from __future__ import annotations

import re
from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.security.foreign_credentials import REGION, ForeignCredentials, Interface, Session
from device_manager.security.scope import Scope
from device_manager.twins.catalogue import Catalogue

REGIONS = re.compile(r"[a-z0-9-]{1,63}|\*")
LONGEST_SESSION = 129_600
"""Seconds: a day and a half, as elsewhere."""


class CredentialsController(Controller):
    """`device-manager/credentials`: make, list and revoke. Whoever makes one gives rights to a user that comes with it.

    Args:
        credentials: of all interfaces.
        catalogue: knows the engines.
    """

    name = "device-manager/credentials"
    scope = Scope.ALL

    def __init__(self, credentials: ForeignCredentials, catalogue: Catalogue) -> None:
        self._credentials = credentials
        self._catalogue = catalogue

    @action(http=["POST /_/device-manager/:engineId/credentials/:interface"], writes=True, secret=True)
    async def create(
        self,
        request: Request,
        engine_id: str,
        interface: Interface,
        profile: str | None = None,
        session_seconds: int = 0,
        region: str = REGION,
    ) -> dict[str, Any]:
        """Make a credential that reaches one engine, with a user of its own. Its secrets are in this answer only.

        `interface` is `sitewise`, `teos` or `ubidots`. Without a `profile` the user may do what these interfaces need,
        in that engine. The answer holds `accessKeyId`, `secretAccessKey`, `region` and `accountId`, or `apiKey` and
        `token`. An access key is signed with for one `region`, or any with `*`; with `sessionSeconds` it is good for
        so long, together with the `sessionToken` that the answer holds then.

        Example request:

            {"controller": "device-manager/credentials", "action": "create", "engineId": "tenant-a",
             "interface": "ubidots"}

        Example result:

            {"_id": "ubidots-5f0c7be1a9d24d70", "interface": "ubidots", "engineId": "tenant-a",
             "userId": "ubidots-5f0c7be1a9d24d70", "apiKey": "q0v5Jm", "token": "T2s9cA"}

        Raises:
            ApiError: `device_manager.engines.not_found`, `security.profile.not_found`, `closing`,
                `api.assert.invalid_argument`.
        """
        if REGIONS.fullmatch(region) is None:
            raise api_error("api.assert.invalid_argument", "region", "a region such as eu-west-1, or *")
        if session_seconds and not (interface is Interface.SITEWISE and 0 < session_seconds <= LONGEST_SESSION):
            expected = f"1 to {LONGEST_SESSION} seconds, for sitewise only"
            raise api_error("api.assert.invalid_argument", "sessionSeconds", expected)
        await self._catalogue.ensure()
        if engine_id not in self._catalogue.engines:
            raise api_error("device_manager.engines.not_found", engine_id)
        session = Session(session_seconds, region)
        return await self._credentials.create(interface, engine_id, profile, call_of(request), session)

    @action(http=["GET /_/device-manager/credentials"])
    async def list(self, engine_id: str | None = None) -> dict[str, Any]:
        """The credentials of an engine, or all, without their secrets.

        Example request:

            {"controller": "device-manager/credentials", "action": "list", "engineId": "tenant-a"}

        Example result:

            {"credentials": [{"_id": "ubidots-5f0c7be1a9d24d70", "interface": "ubidots", "engineId": "tenant-a",
                              "userId": "ubidots-5f0c7be1a9d24d70", "createdAt": 1732000000000}], "total": 1}
        """
        found = await self._credentials.find_all(engine_id)
        return {"credentials": found, "total": len(found)}

    @action(http=["DELETE /_/device-manager/credentials/:_id"], writes=True)
    async def revoke(self, request: Request, _id: str) -> dict[str, Any]:
        """Delete a credential and its user. What its clients show is refused from then on.

        Example request:

            {"controller": "device-manager/credentials", "action": "revoke", "_id": "ubidots-5f0c7be1a9d24d70"}

        Example result:

            {"_id": "ubidots-5f0c7be1a9d24d70"}

        Raises:
            ApiError: `security.credentials.unknown_foreign`.
        """
        await self._credentials.revoke(_id, call_of(request))
        return {"_id": _id}
