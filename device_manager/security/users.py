"""Users: create, change, delete with everything that is theirs, find (router-protocol 5.10)."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.security.api_keys import ApiKeys
from device_manager.security.closing import Closings, check_open
from device_manager.security.documents import ANONYMOUS, ANONYMOUS_PROFILE, profile_key, read_user, user_key
from device_manager.security.local import LocalStrategy
from device_manager.security.local_documents import NewCredentials
from device_manager.security.memory import raise_generation
from device_manager.security.places import TOKENS, Collections
from device_manager.security.revocations import revoke_all
from device_manager.security.searching import Hit
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.ids import ADJECTIVES, NAMES
from device_manager.storage.stamps import INFO, changed, created, stamp_now
from device_manager.storage.steps import step

Content = dict[str, Any]

ANONYMOUS_IDS = frozenset({ANONYMOUS, "anonymous"})
ANONYMOUS_HIT: Hit = {"_id": ANONYMOUS, "_source": {"profileIds": [ANONYMOUS_PROFILE], "name": "Anonymous"}}
GENERATED_NUMBERS = 10**7


class Users:
    """Reads and writes users.

    Args:
        store: where they are.
        collections: makes the collections of what goes with users.
        strategies: by name.
        api_keys: of users.
        closings: closes those that are deleted, and tells of profiles that are.
    """

    def __init__(
        self,
        store: Store,
        collections: Collections,
        strategies: Mapping[str, LocalStrategy],
        api_keys: ApiKeys,
        closings: Closings,
    ) -> None:
        self._store = store
        self._collections = collections
        self._closings = closings
        self._strategies = strategies
        self._api_keys = api_keys

    async def create(self, kuid: str, content: Content, credentials: Mapping[str, Any], call: Call) -> Hit:
        """Add a user, with credentials by strategy.

        Raises:
            ApiError: `security.user.already_exists`, `security.profile.not_found`, `closing`, a wrong `profileIds`,
                `security.credentials.unknown_strategy`, `rejected` or `username_taken`.
        """
        self.check_new(kuid)
        content = user_content(content, "body.content")
        new = await self.prepare(credentials, kuid, content["profileIds"])

        def decide(tx: Transaction) -> Hit:
            if user_key(kuid) in tx.read((user_key(kuid),)):
                raise api_error("security.user.already_exists", kuid)
            return self.add(tx, kuid, content, new, call.user_id)

        return await self._closings.transact(decide, call)

    def check_new(self, kuid: str) -> None:
        """Refuse the ids of the anonymous user. Raises `security.user.already_exists`."""
        if kuid in ANONYMOUS_IDS:
            raise api_error("security.user.already_exists", kuid)

    async def prepare(
        self, credentials: Mapping[str, Any], kuid: str, profile_ids: Sequence[str]
    ) -> list[tuple[LocalStrategy, NewCredentials]]:
        """Credentials of a new user, by strategy, checked and hashed, before `add` stores them.

        Args:
            credentials: by name of the strategy.
            kuid: id of the user.
            profile_ids: of the user.

        Raises:
            ApiError: `security.credentials.unknown_strategy` or `rejected`, and what a password policy refuses.
        """
        for name in credentials:
            if name not in self._strategies:
                raise api_error("security.credentials.unknown_strategy", name)
        return [
            (self._strategies[name], await self._strategies[name].prepare(content, kuid, profile_ids))
            for name, content in credentials.items()
        ]

    def add(
        self,
        tx: Transaction,
        kuid: str,
        content: Content,
        credentials: Iterable[tuple[LocalStrategy, NewCredentials]],
        author: str | None,
    ) -> Hit:
        """Add a user who does not exist, as a step of a transaction that `Closings.transact` runs.

        Raises:
            ApiError: `security.profile.not_found`, `closing`, `security.credentials.username_taken`.
        """
        check_profiles(tx, content, None)
        key = user_key(kuid)
        document = tx.create(key.index, key.collection, created(content, stamp_now(author)), kuid)
        for strategy, new in credentials:
            strategy.add(tx, kuid, new, author)
        raise_generation(tx)
        return hit_of(document)

    async def update(self, kuid: str, content: Content, call: Call) -> Hit:
        """Merge `content` into a user.

        Raises:
            ApiError: `security.user.not_found`, `prevent_overwrite`, `anonymous_profile_required`,
                `security.profile.not_found`, `closing`, a wrong `profileIds`.
        """
        content = _without_info(content)
        return await self._change(kuid, lambda source: source | content, content, call)

    async def replace(self, kuid: str, content: Content, call: Call) -> Hit:
        """Give a user a new content, `profileIds` included. Raises what `update` raises."""
        content = user_content(content, "body")
        return await self._change(kuid, lambda source: {INFO: source.get(INFO), **content}, content, call)

    @step
    async def _change(self, kuid: str, merge: Callable[[Content], Content], content: Content, call: Call) -> Hit:
        check_not_anonymous(kuid, content)
        if "profileIds" in content:
            check_profile_ids(content, "body")
        key = user_key(kuid)

        def decide(tx: Transaction) -> Hit:
            stored = tx.read((key,)).get(key)
            if stored is None:
                raise api_error("security.user.not_found", kuid)
            return self._write(tx, stored, merge(stored.source), content, call)

        return await self._closings.transact(decide, call)

    def _write(self, tx: Transaction, stored: Document, source: Content, content: Content, call: Call) -> Hit:
        if "profileIds" in content:
            check_profiles(tx, content, stored)
        document = tx.replace(user_key(stored.id), changed(source, stamp_now(call.user_id)))
        raise_generation(tx)
        return hit_of(document)

    async def upsert(
        self, kuid: str, content: Content, default: Content, credentials: Mapping[str, Any], call: Call
    ) -> Hit:
        """Merge `content` into a user, or create one of `default` and `content`, with credentials.

        Raises:
            ApiError: what `create` and `update` raise.
        """
        check_not_anonymous(kuid, content)
        if "profileIds" in content:
            check_profile_ids(content, "body.content")
        content = _without_info(content)
        new = await self.prepare(credentials, kuid, _texts((default | content).get("profileIds")))
        key = user_key(kuid)

        def decide(tx: Transaction) -> Hit:
            stored = tx.read((key,)).get(key)
            if stored is not None:
                return self._write(tx, stored, stored.source | content, content, call)
            return self.add(tx, kuid, user_content(default | content, "body.content"), new, call.user_id)

        return await self._closings.transact(decide, call)

    @step
    async def delete(self, kuid: str, call: Call) -> None:
        """Delete a user with credentials, API keys and session tokens; nothing is added to the user meanwhile.

        Raises:
            ApiError: `security.user.not_found`, `prevent_overwrite`.
        """
        check_not_anonymous(kuid, {})
        await self._collections.ready(TOKENS)
        key = user_key(kuid)

        async def find() -> tuple[list[Key], list[Document | None]]:
            keys = await self._api_keys.keys_of(kuid)
            return keys, [await strategy.find(kuid, current=True) for strategy in self._strategies.values()]

        def decide(tx: Transaction, found: tuple[list[Key], list[Document | None]]) -> None:
            keys, credentials = found
            if key not in tx.read((key, *keys)):
                raise api_error("security.user.not_found", kuid)
            for gone in (key, *tx.read(keys)):
                tx.delete(gone)
            for strategy, document in zip(self._strategies.values(), credentials, strict=True):
                strategy.remove(tx, document)
            revoke_all(tx, kuid)
            raise_generation(tx)

        await self._closings.decide(key, find, decide, call)

    async def get(self, kuid: str) -> Hit:
        """A user; the anonymous one too. Raises `security.user.not_found`."""
        hits = await self.get_many((kuid,))
        if not hits:
            raise api_error("security.user.not_found", kuid)
        return hits[0]

    async def get_many(self, kuids: Sequence[str]) -> list[Hit]:
        """The users among `kuids` that exist, in that order."""
        documents = await self._store.read([user_key(kuid) for kuid in kuids if kuid not in ANONYMOUS_IDS])
        hits = []
        for kuid in kuids:
            document = documents.get(user_key(kuid))
            if kuid in ANONYMOUS_IDS:
                hits.append(ANONYMOUS_HIT)
            elif document is not None:
                hits.append(hit_of(document))
        return hits

    async def strategies_of(self, kuid: str) -> list[str]:
        """Names of the strategies for which a user has credentials."""
        if kuid in ANONYMOUS_IDS:
            return []
        return [name for name, strategy in self._strategies.items() if await strategy.find(kuid) is not None]


def new_kuid(kind: str) -> str:
    """A generated user id: of words that people can tell apart, or with `kind` `uuid` a UUID.

    Raises:
        ApiError: `api.assert.invalid_argument` for another kind.
    """
    if kind == "uuid":
        return f"kuid-{uuid.uuid4()}"
    if kind != "human":
        raise api_error("api.assert.invalid_argument", "kuid", '"human" or "uuid"')
    pick = random.SystemRandom()
    return f"kuid-{pick.choice(ADJECTIVES)}-{pick.choice(NAMES)}-{pick.randrange(GENERATED_NUMBERS)}"


def user_content(content: Content, where: str) -> Content:
    """The content of a new user. Raises a 400 for `profileIds` that are missing or of the wrong type."""
    if "profileIds" not in content:
        raise api_error("api.assert.missing_argument", f"{where}.profileIds")
    check_profile_ids(content, where)
    return _without_info(content)


def check_profile_ids(content: Content, where: str) -> None:
    """Refuse `profileIds` that are no list of ids with at least one."""
    ids = content["profileIds"]
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise api_error("api.assert.invalid_type", f"{where}.profileIds", "array")
    if not ids:
        raise api_error("api.assert.empty_argument", f"{where}.profileIds")


def check_profiles(tx: Transaction, content: Content, user: Document | None) -> None:
    """Refuse a user with a new profile that does not exist or is closing.

    Args:
        tx: the transaction.
        content: what the user is going to be.
        user: as it is; None for a new one.

    Raises:
        ApiError: `security.profile.not_found`, `closing`.
    """
    keys = {id: profile_key(id) for id in content["profileIds"]}
    stored = tx.read(keys.values())
    has = read_user(user).profile_ids if user is not None else ()
    for id, key in keys.items():
        if key not in stored:
            raise api_error("security.profile.not_found", id)
        if id not in has:
            check_open(key, stored[key])


def check_not_anonymous(kuid: str, content: Content) -> None:
    """Refuse to change the anonymous user, who is not stored."""
    if kuid not in ANONYMOUS_IDS:
        return
    if "profileIds" in content and content["profileIds"] != [ANONYMOUS_PROFILE]:
        raise api_error("security.user.anonymous_profile_required")
    raise api_error("security.user.prevent_overwrite")


def _without_info(content: Content) -> Content:
    return {name: value for name, value in content.items() if name != INFO}


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def hit_of(document: Document) -> Hit:
    """A document as the wire shows it."""
    return {"_id": document.id, "_source": document.source}
