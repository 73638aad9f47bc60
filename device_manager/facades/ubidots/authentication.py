"""Who calls: by token, or by an API key that gets one (facades 4.2)."""

from __future__ import annotations

import time

from device_manager.facades.ubidots.errors import no_credentials, too_many, wrong_credentials
from device_manager.facades.ubidots.exchange import Incoming
from device_manager.security.foreign_credentials import ForeignCaller, ForeignCredentials, Interface, Proof
from device_manager.security.rates import PerSecond

RENEWED_EVERY = 60_000
"""Milliseconds for which the use of a token is not written down again."""
BEARER = "bearer "


class Authentication:
    """Finds out who calls.

    Args:
        credentials: knows what clients show.
        lifetime: seconds without use after which a token that was made for an API key is good no more.
        rate: requests of one credential in a second; 0 for any number.
    """

    def __init__(self, credentials: ForeignCredentials, lifetime: float, rate: int) -> None:
        self._credentials = credentials
        self._lifetime = int(lifetime * 1000)
        self._slack = min(RENEWED_EVERY, self._lifetime // 10)
        self._rate = rate
        self._counts = PerSecond()

    async def caller(self, incoming: Incoming) -> ForeignCaller:
        """Who shows a token, in a header or as a query parameter.

        Raises:
            UbidotsError: 401001 without a token, 401002 for one that is wrong or has expired, 429001.
            ApiError: the store does not answer.
        """
        token = _token(incoming)
        if not token:
            raise no_credentials()
        found = await self._credentials.find(Interface.UBIDOTS, Proof.TOKEN, token)
        if found is not None and 0 <= found.expires_at < _now() + self._lifetime:
            found = await self._credentials.renew_token(Interface.UBIDOTS, token, _now() + self._lifetime + self._slack)
        if found is None:
            raise wrong_credentials()
        if self._rate and not self._counts.passes(found.credential, self._rate):
            raise too_many()
        return found

    async def key_holder(self, incoming: Incoming) -> ForeignCaller:
        """Who shows an API key.

        Raises:
            UbidotsError: 401001 without a key, 401002 for a wrong one.
            ApiError: the store does not answer.
        """
        key = incoming.headers.get("x-ubidots-apikey")
        if not key:
            raise no_credentials()
        found = await self._credentials.find(Interface.UBIDOTS, Proof.API_KEY, key)
        if found is None:
            raise wrong_credentials()
        return found

    async def new_token(self, holder: ForeignCaller) -> str:
        """A token for the holder of an API key. Raises `ApiError` when the store does not answer."""
        return await self._credentials.add_token(Interface.UBIDOTS, holder, _now() + self._lifetime + self._slack)


def _token(incoming: Incoming) -> str | None:
    shown = incoming.headers.get("x-auth-token")
    if shown:
        return shown
    if shown := incoming.argument("token"):
        return shown
    authorization = incoming.headers.get("authorization", "")
    return authorization[len(BEARER) :].strip() if authorization.lower().startswith(BEARER) else None


def _now() -> int:
    return time.time_ns() // 1_000_000
