"""Signs and reads tokens: JWT, HS256, with a secret made once and kept in the store (router-protocol 5.2)."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

import jwt

from device_manager.errors import ApiError, api_error
from device_manager.security.places import CONFIG, SECRET, Collections
from device_manager.storage.contract import Store, Transaction

ALGORITHM = "HS256"
SECRET_BYTES = 512
LONGEST_TOKEN = 8192
"""Characters; a longer one cannot be of our making."""

_JWS = jwt.PyJWS()
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in ">?~\x7f"}
"""These would make a `-` or `_` of the text of a token, which SDKs that read it cannot (router-protocol 1.6)."""

# Expiry has milliseconds with us, and clocks of servers that share a store differ: neither is for the library to judge.
_CHECKS = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False}


class Signer:
    """Knows the secret once `ready` has returned."""

    def __init__(self, store: Store, collections: Collections) -> None:
        self._store = store
        self._collections = collections
        self._secret = ""

    async def ready(self) -> None:
        """Read the secret, or make one when there is none; whichever server comes first makes it for all."""
        if self._secret:
            return
        await self._collections.ready(CONFIG)
        fresh = secrets.token_hex(SECRET_BYTES)

        def decide(tx: Transaction) -> str:
            stored = tx.read((SECRET,)).get(SECRET)
            seed = stored.source.get("seed") if stored else None
            if isinstance(seed, str) and seed:
                return seed
            if stored is not None:
                tx.replace(SECRET, stored.source | {"seed": fresh})
            else:
                tx.create(SECRET.index, SECRET.collection, {"seed": fresh}, SECRET.id)
            return fresh

        self._secret = await self._store.transact(decide)

    def derived_key(self, purpose: str) -> bytes:
        """A key of 32 bytes for another purpose than signing; from it nobody finds the secret."""
        return hmac.digest(self._secret.encode(), purpose.encode(), "sha256")

    def sign(self, claims: dict[str, Any]) -> str:
        """The token that carries `claims`."""
        payload = json.dumps(claims, separators=(",", ":")).translate(_ESCAPED)
        return _JWS.encode(payload.encode(), self._secret, algorithm=ALGORITHM)

    def read(self, text: str) -> dict[str, Any]:
        """The claims of a token that this server, or one with the same store, has signed. Expiry is not looked at.

        Raises:
            ApiError: `security.token.invalid`.
        """
        claims = self.claims(text)
        if claims is None:
            raise invalid_token()
        return claims

    def claims(self, text: str) -> dict[str, Any] | None:
        """The same; None for what is no such token."""
        if len(text) > LONGEST_TOKEN:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(text, self._secret, algorithms=[ALGORITHM], options=_CHECKS)  # type: ignore[arg-type]
        except (jwt.InvalidTokenError, UnicodeError):
            return None
        return claims


def invalid_token() -> ApiError:
    """The one answer to every token that cannot be used, so that nobody learns why."""
    return api_error("security.token.invalid")


def expired_token() -> ApiError:
    """The answer to a token whose time is over, by the id that makes SDKs log in again (router-protocol 9 item 36)."""
    error = invalid_token()
    error.message = api_error("security.token.expired").message
    return error
