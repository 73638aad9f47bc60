"""Tokens with which a user who cannot log in sets a new password, once (router-protocol 5.2; 9 item 40)."""

from __future__ import annotations

import time
from typing import NamedTuple

from device_manager.errors import api_error
from device_manager.security.password_policies import PLUGIN
from device_manager.security.signing import Signer
from device_manager.storage.contract import Document
from device_manager.storage.stamps import changed_at


class Reset(NamedTuple):
    """What a token says: whose password, and when the credentials that it replaces were changed last."""

    kuid: str
    changed_at: int

    def check(self, stored: Document | None) -> Document:
        """The credentials that the token is for. Raises `invalid_token` (400) once they have been changed."""
        if stored is None or stored.source.get("kuid") != self.kuid or changed_at(stored.source) != self.changed_at:
            raise api_error(f"{PLUGIN}.invalid_token")
        return stored


class PasswordResets:
    """Makes and reads the tokens.

    Args:
        signer: signs them.
        lifetime: seconds for which they are good.
    """

    def __init__(self, signer: Signer, lifetime: float) -> None:
        self._signer = signer
        self._lifetime = lifetime

    async def make(self, stored: Document) -> str:
        """A token for credentials; it is good until they change, within its lifetime."""
        await self._signer.ready()
        now = time.time()
        claims = {"resetForKuid": stored.source.get("kuid"), "changedAt": changed_at(stored.source)}
        return self._signer.sign(claims | {"iat": int(now), "exp": now + self._lifetime})

    async def read(self, token: str) -> Reset:
        """What a token says.

        Raises:
            ApiError: `invalid_token` (400), `expired_token` (401) of the local strategy.
        """
        await self._signer.ready()
        claims = self._signer.claims(token)
        if claims is None or not isinstance(claims.get("resetForKuid"), str):
            raise api_error(f"{PLUGIN}.invalid_token")
        if claims["exp"] <= time.time():
            raise api_error(f"{PLUGIN}.expired_token")
        return Reset(claims["resetForKuid"], claims["changedAt"])
