"""The documents of the strategy `local`: what is in them, and how to find them (router-protocol 5.2).

They are named after the username and lie where existing data has them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.security.passwords import ALGORITHM
from device_manager.security.places import CREDENTIALS, Collections
from device_manager.storage.contract import Document, Store
from device_manager.storage.mappings import check_id
from device_manager.storage.stamps import Source, Stamp, changed, changed_at, created

NAME = "local"

Info = dict[str, str]
"""What is told of credentials: `{username, kuid}`."""

_OF_ONE_PASSWORD = ("userPassword", "algorithm", "userSalt", "stretching", "encryption", "pepper")
"""What a document says of a password; our own hashes have but the first two."""


class NewCredentials(NamedTuple):
    """Checked credentials, the password hashed; None for what is not to change.

    Attributes:
        username: the new name.
        hashed: the new password.
        remembered: passwords, the new one among them, that must not be taken again.
    """

    username: str | None
    hashed: str | None
    remembered: int = 0


class LocalDocuments:
    """Finds them."""

    def __init__(self, store: Store, collections: Collections) -> None:
        self._store = store
        self._collections = collections

    async def ready(self) -> None:
        """Make the collection, unless it is there."""
        await self._collections.ready(CREDENTIALS)

    async def read(self, username: str) -> Document | None:
        """Those with a name; None for a name that nobody has or can have."""
        try:
            check_id(username)
        except ApiError:
            return None
        await self.ready()
        key = CREDENTIALS.key(username)
        return (await self._store.read((key,))).get(key)

    async def find(self, kuid: str, *, current: bool = False) -> Document | None:
        """Those of a user; `current` also sees what was written this moment."""
        await self.ready()
        if current:
            await self._store.refresh(CREDENTIALS.index, CREDENTIALS.collection)
        search = Search(query=Term("kuid", kuid), size=1)
        hits = (await self._store.search(CREDENTIALS.index, CREDENTIALS.collection, search)).hits
        if not hits:
            return None
        key = CREDENTIALS.key(hits[0].id)
        return (await self._store.read((key,))).get(key)


def new_source(kuid: str, new: NewCredentials, stamp: Stamp) -> Source:
    """The content of a new document."""
    source = {"kuid": kuid, "userPassword": new.hashed, "algorithm": ALGORITHM}
    return created(source | {"passwordHistory": [], "updater": stamp.user_id}, stamp)


def changed_source(source: Source, new: NewCredentials, stamp: Stamp) -> Source:
    """The content of a document whose password, if there is a new one, goes into its history."""
    updated = changed(source, stamp)
    if new.hashed is None:
        return updated
    history = [_archived(source), *history_of(source)][: max(0, new.remembered - 1)]
    return rehashed(updated, new.hashed) | {"passwordHistory": history, "updater": stamp.user_id}


def rehashed(source: Source, hashed: str) -> Source:
    """The same password in our form."""
    kept = {name: value for name, value in source.items() if name not in _OF_ONE_PASSWORD}
    return kept | {"userPassword": hashed, "algorithm": ALGORITHM}


def history_of(source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The passwords before this one, the latest first."""
    history = source.get("passwordHistory")
    return [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []


def _archived(source: Source) -> dict[str, Any]:
    entry = {name: source[name] for name in _OF_ONE_PASSWORD if name in source}
    return entry | {"archivedAt": time.time_ns() // 1_000_000, "updatedAt": changed_at(source)}


def existing(found: Document | None, name: str) -> Document:
    """`found`. Raises `security.credentials.not_found` (404) when there is nothing."""
    if found is None:
        raise api_error("security.credentials.not_found", name, NAME)
    return found


def info_of(document: Document) -> Info:
    """What is told of credentials."""
    return {"username": document.id, "kuid": str(document.source.get("kuid"))}


def rejected(why: str) -> ApiError:
    """Credentials that cannot be used."""
    return api_error("security.credentials.rejected", why)
