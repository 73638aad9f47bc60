"""API keys: long-lived tokens of which only a hash is stored (router-protocol 5.2)."""

from __future__ import annotations

import uuid
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.search import Search
from device_manager.query.tree import Bool, Query, Term
from device_manager.security.closing import Closings
from device_manager.security.local import watch_user
from device_manager.security.places import API_KEYS, TOKENS, Collections
from device_manager.security.revocations import announce
from device_manager.security.tokens import Tokens, fingerprint_of
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.stamps import created, stamp_now
from device_manager.storage.steps import step

Hit = dict[str, Any]
"""`{_id, _source}`."""


class ApiKeys:
    """Creates, finds and deletes the API keys of users.

    Args:
        store: where they are.
        collections: makes their collection.
        tokens: signs them.
        closings: tells of users that are being deleted.
    """

    def __init__(self, store: Store, collections: Collections, tokens: Tokens, closings: Closings) -> None:
        self._store = store
        self._collections = collections
        self._tokens = tokens
        self._closings = closings

    async def create(self, kuid: str, description: str, lifetime: int, id: str | None, call: Call) -> Hit:
        """A new key; its text is in the answer and nowhere else.

        Args:
            kuid: whose key.
            description: for people.
            lifetime: milliseconds, -1 for no end.
            id: of its document; None for a generated one.
            call: the caller.

        Raises:
            ApiError: `security.user.not_found`, `closing`, `services.storage.document_already_exists`.
        """
        await self._collections.ready(API_KEYS)
        key = API_KEYS.key(id or str(uuid.uuid4()))
        issued = await self._tokens.make_api_key(kuid, key.id, lifetime)
        content = {
            "userId": kuid,
            "description": description,
            "expiresAt": issued.expires_at,
            "ttl": issued.ttl,
            "fingerprint": fingerprint_of(issued.token),
        }

        def decide(tx: Transaction) -> Document:
            watch_user(tx, kuid)
            return tx.create(key.index, key.collection, created(content, stamp_now(call.user_id)), key.id)

        document = await self._closings.transact(decide, call)
        return {"_id": document.id, "_source": {**content, "token": issued.token}}

    async def search(self, kuid: str, query: Query, offset: int, size: int) -> list[Hit]:
        """The keys of a user that match `query`. Raises what `Store.search` raises."""
        await self._collections.ready(API_KEYS)
        search = Search(query=Bool(filter=(Term("userId", kuid), query)), offset=offset, size=size)
        found = await self._store.search(API_KEYS.index, API_KEYS.collection, search)
        return [{"_id": hit.id, "_source": hit.source} for hit in found.hits]

    @step
    async def delete(self, kuid: str, id: str, call: Call) -> None:
        """Delete a key; it is refused from then on. Raises `services.storage.not_found` for one of somebody else."""
        await self._collections.ready(API_KEYS, TOKENS)
        key = API_KEYS.key(id)

        def decide(tx: Transaction) -> None:
            stored = tx.read((key,)).get(key)
            if stored is None or stored.source.get("userId") != kuid:
                raise api_error("services.storage.not_found", id, "kuzzle", API_KEYS.collection)
            tx.delete(key)
            announce(tx, kuid)

        await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)

    async def keys_of(self, kuid: str) -> list[Key]:
        """Where all keys of a user are, those included that were written this moment."""
        await self._collections.ready(API_KEYS)
        await self._store.refresh(API_KEYS.index, API_KEYS.collection)
        pages = self._store.scan(API_KEYS.index, API_KEYS.collection, Term("userId", kuid))
        return [API_KEYS.key(document.id) async for page in pages for document in page]
