"""Where credentials, API keys, the signing secret and token records live (router-protocol 5.2, 6.1; design 6).

The indices are those of an existing Kuzzle cluster, so that its data opens. Collections are made when something is
first asked of them: a server without accounts has none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.security.documents import SECURITY_INDEX
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store

LOCAL_INDEX = "%plugin-kuzzle-plugin-auth-passport-local"
"""What the local strategy keeps."""


class Place(NamedTuple):
    """A collection and its mapping."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    collection: str
    mapping: Mapping[str, Any]

    def key(self, id: str) -> Key:
        """The address of a document in it."""
        return Key(self.index, self.collection, id)


CONFIG = Place(SECURITY_INDEX, "config", {"dynamic": "false"})
API_KEYS = Place(
    SECURITY_INDEX,
    "api-keys",
    {
        "dynamic": "false",
        "properties": {
            "userId": {"type": "keyword"},
            "expiresAt": {"type": "long"},
            "ttl": {"type": "keyword"},
            "description": {"type": "text"},
            "fingerprint": {"type": "keyword"},
        },
    },
)
CREDENTIALS = Place(LOCAL_INDEX, "users", {"dynamic": "false", "properties": {"kuid": {"type": "keyword"}}})
TOKENS = Place(
    INTERNAL_INDEX,
    "tokens",
    {
        "dynamic": "strict",
        "properties": {
            "kuid": {"type": "keyword"},
            "revokedAt": {"type": "long"},
            "expiresAt": {"type": "long"},
            "epoch": {"type": "long"},
            "position": {"type": "long"},
            "latest": {"type": "keyword"},
        },
    },
)

SECRET = CONFIG.key("security.jwt.secret")
"""The secret that signs tokens."""
REVOCATION_LOG = TOKENS.key("log")
"""Whose tokens were revoked last, for the other processes."""


def revocation_key(token_id: str) -> Key:
    """The record that a token was revoked or used up."""
    return TOKENS.key(f"token:{token_id}")


def epoch_key(kuid: str) -> Key:
    """The number that all valid session tokens of a user carry."""
    return TOKENS.key(f"user:{hashlib.sha256(kuid.encode()).hexdigest()}")


class Collections:
    """Makes collections when they are first needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ready: set[tuple[str, str]] = set()

    async def ready(self, *places: Place) -> None:
        """Make the collections at `places` unless this process knows that they exist."""
        for place in places:
            if place[:2] not in self._ready:
                await self._create(place)
                self._ready.add(place[:2])

    async def _create(self, place: Place) -> None:
        try:
            await self._store.create_collection(place.index, place.collection, dict(place.mapping))
        except ApiError as error:
            # Data of another making may map a field differently; searches by it are then what that mapping allows.
            if error.id != "services.storage.cannot_change_mapping":
                raise
