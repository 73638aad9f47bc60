"""The strategy `local`: a username and a password (router-protocol 5.2).

Each write replaces the user's document too, as it is, so that two writers of one user's credentials notice each other.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from operator import itemgetter
from typing import TypeVar

import structlog

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.query.fields import FieldType
from device_manager.query.matcher import compile_matcher
from device_manager.query.tree import Query
from device_manager.security.closing import Closings, check_open
from device_manager.security.documents import user_key
from device_manager.security.findings import Outdated, decide_on_findings
from device_manager.security.guessing import Guessing
from device_manager.security.local_documents import (
    NAME,
    Info,
    LocalDocuments,
    NewCredentials,
    changed_source,
    existing,
    info_of,
    new_source,
    rehashed,
    rejected,
)
from device_manager.security.local_fields import FIELDS, check_fields
from device_manager.security.password_policies import PasswordPolicies
from device_manager.security.password_resets import PasswordResets
from device_manager.security.passwords import Passwords
from device_manager.security.places import CREDENTIALS, TOKENS, Collections
from device_manager.security.reuse import Reuse
from device_manager.security.revocations import revoke_all
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.stamps import stamp_now
from device_manager.storage.steps import step

T = TypeVar("T")

log = structlog.get_logger("credentials")


class LocalStrategy:
    """Credentials of the strategy `local`.

    Args:
        store: where they are.
        collections: makes their collection.
        passwords: hashes and compares.
        policies: what passwords have to be like.
        guessing: makes guessing slow.
        reuse: tells of passwords that were used before.
        closings: tells of users that are being deleted.
        resets: tokens to set a new password with.
        rehashes: whether right passwords of another making are stored anew.
    """

    name = NAME
    fields = FIELDS

    def __init__(
        self,
        store: Store,
        collections: Collections,
        passwords: Passwords,
        policies: PasswordPolicies,
        guessing: Guessing,
        reuse: Reuse,
        closings: Closings,
        resets: PasswordResets,
        *,
        rehashes: bool = True,
    ) -> None:
        self._store = store
        self._collections = collections
        self._documents = LocalDocuments(store, collections)
        self._passwords = passwords
        self._policies = policies
        self._guessing = guessing
        self._reuse = reuse
        self._closings = closings
        self._resets = resets
        self._rehashes = rehashes

    async def verify(self, credentials: object, address: str = "") -> str:
        """The id of the user who knows this password.

        Args:
            credentials: `{username, password}`.
            address: where the caller is.

        Raises:
            ApiError: `plugin.strategy.missing_user` (401), the same for an unknown name and for a wrong password;
                `api.process.too_many_logins_requests` (429) after too many of these; of the local strategy
                `expired_password`, `must_change_password` (401) with the `resetToken` that a new one is set with.
        """
        given = credentials if isinstance(credentials, dict) else {}
        username, password = given.get("username"), given.get("password")
        if not isinstance(username, str) or not isinstance(password, str) or not username or not password:
            raise api_error("plugin.strategy.missing_user", "Username and password are needed, as texts.")
        stored = await self._known_by(username, password, address, await self._documents.read(username))
        if stored is None:
            raise api_error("plugin.strategy.missing_user", "Wrong username or password.")
        kuid = str(stored.source.get("kuid"))
        objection = (await self._policies.of(kuid)).objection(stored.source)
        if objection is not None:
            objection.extra["resetToken"] = await self._resets.make(stored)
            raise objection
        if self._rehashes and self._passwords.is_outdated(stored.source):
            await self._rehash(stored, password)
        return kuid

    async def _known_by(self, username: str, password: str, address: str, stored: Document | None) -> Document | None:
        """`stored` if it has this password, else None; counted as an attempt to guess."""
        attempt = self._guessing.begin(username, address)
        try:
            is_right = await self._passwords.matches(stored.source if stored else None, password)
        except ApiError:
            attempt.withdraw()
            raise
        if not is_right or stored is None:
            return None
        attempt.succeeded()
        return stored

    async def _rehash(self, stored: Document, password: str) -> None:
        """Store a password in our form. What keeps it from being stored is no matter of the login's."""
        key = CREDENTIALS.key(stored.id)
        try:
            hashed = await self._passwords.hash(password)

            def decide(tx: Transaction) -> None:
                now = tx.read((key,)).get(key)
                if now is not None and now.source.get("userPassword") == stored.source["userPassword"]:
                    tx.replace(key, rehashed(now.source, hashed))

            await self._store.transact(decide)
        except ApiError as error:
            log.warning("a password of another making could not be stored anew", reason=error.message)

    async def confirm(self, kuid: str, password: object, address: str) -> None:
        """Make sure that a user knows the password in use.

        Raises:
            ApiError: `security.credentials.rejected` (400) without one, `wrong_password` (403),
                `api.process.too_many_logins_requests` (429).
        """
        if not isinstance(password, str) or not password:
            raise rejected("currentPassword is needed, the password that is in use.")
        stored = await self._documents.find(kuid, current=True)
        name = stored.id if stored else kuid
        if await self._known_by(name, password, address, stored) is None:
            raise api_error("security.credentials.wrong_password")

    async def prepare(self, credentials: object, kuid: str, profile_ids: Sequence[str] | None) -> NewCredentials:
        """Check new credentials of a user who has none, and hash the password, before a transaction stores them.

        Args:
            credentials: `{username, password}`.
            kuid: id of the user.
            profile_ids: of the user; None for one who is stored.

        Raises:
            ApiError: `security.credentials.rejected`, `api.process.too_many_logins_requests`, and of the local strategy
                `weak_password`, `login_in_password` where a policy refuses the password.
        """
        fields = check_fields(credentials, complete=True)
        await self._documents.ready()
        rules = await self._policies.of(kuid, profile_ids)
        rules.check(fields["username"], fields["password"])
        return NewCredentials(fields["username"], await self._passwords.hash(fields["password"]), rules.remembered)

    @contextlib.asynccontextmanager
    async def _prepared_change(
        self, kuid: str, fields: dict[str, str], call: Call, address: str
    ) -> AsyncIterator[NewCredentials]:
        """What to store of changed credentials; a change that is made is no attempt to guess."""
        await self._documents.ready()
        password = fields.get("password")
        if password is None:
            yield NewCredentials(fields.get("username"), None)
            return
        rules = await self._policies.of(kuid)
        found = await self._documents.find(kuid, current=True) if rules.rules else None
        rules.check(fields.get("username") or (found.id if found else ""), password)
        attempt = await self._reuse.check(found, rules.remembered, password, address)
        yield NewCredentials(fields.get("username"), await self._passwords.hash(password), rules.remembered)
        if attempt is not None and not call.dry_run:
            attempt.withdraw()

    def add(self, tx: Transaction, kuid: str, new: NewCredentials, author: str | None) -> Info:
        """Store the credentials of a user who has none.

        Raises:
            ApiError: `security.credentials.username_taken` (412).
        """
        username = new.username or ""
        key = CREDENTIALS.key(username)
        if key in tx.read((key,)):
            raise api_error("security.credentials.username_taken", username)
        tx.create(key.index, key.collection, new_source(kuid, new, stamp_now(author)), key.id)
        return {"username": username, "kuid": kuid}

    async def create(self, kuid: str, credentials: object, call: Call) -> Info:
        """Give credentials to a user who has none.

        Raises:
            ApiError: `security.user.not_found`, `security.credentials.already_exist`, `username_taken` or `rejected`,
                and what a policy refuses.
        """
        new = await self.prepare(credentials, kuid, None)
        key = user_key(kuid)

        async def find() -> tuple[Document | None, Document | None]:
            return (await self._store.read((key,))).get(key), await self.find(kuid, current=True)

        def decide(tx: Transaction, found: tuple[Document | None, Document | None]) -> Info:
            user, stored = found
            now = watch_user(tx, kuid)
            if user is None or now.version != user.version:  # somebody else may have added some
                raise Outdated
            if stored is not None:
                raise api_error("security.credentials.already_exist", kuid, NAME)
            return self.add(tx, kuid, new, call.user_id)

        return await decide_on_findings(self._closings, kuid, find, decide, call._replace(refresh=True))

    async def update(self, kuid: str, credentials: object, call: Call, address: str) -> Info:
        """Change the name, the password or both.

        Args:
            kuid: whose.
            credentials: `{username?, password?}`.
            call: the caller.
            address: where the caller is.

        Raises:
            ApiError: `security.user.not_found`, `closing`, `security.credentials.not_found`, `username_taken` or
                `rejected`, what a policy refuses, and what `Reuse.check` raises.
        """
        async with self._prepared_change(kuid, check_fields(credentials, complete=False), call, address) as new:

            def decide(tx: Transaction, found: Document | None) -> Info:
                return self._change(tx, kuid, existing(found, kuid), new, call.user_id)

            return await self._decide(kuid, decide, call)

    def _change(self, tx: Transaction, kuid: str, found: Document, new: NewCredentials, author: str | None) -> Info:
        old_key, key = CREDENTIALS.key(found.id), CREDENTIALS.key(new.username or found.id)
        stored = tx.read({old_key, key})
        source = changed_source(existing(stored.get(old_key), kuid).source, new, stamp_now(author))
        if key == old_key:
            tx.replace(key, source)
        elif key in stored:
            raise api_error("security.credentials.username_taken", key.id)
        else:
            tx.delete(old_key)
            tx.create(key.index, key.collection, source, key.id)
        return {"username": key.id, "kuid": kuid}

    async def reset_token(self, kuid: str) -> str:
        """A token with which whoever has it sets a new password. Raises `security.credentials.not_found` (404)."""
        return await self._resets.make(existing(await self._documents.find(kuid, current=True), kuid))

    async def reset(self, token: str, password: str, call: Call, address: str) -> str:
        """Set a new password; all session tokens of the user end. The id of the user.

        Args:
            token: what `reset_token` answered.
            password: the new one.
            call: the caller.
            address: where the caller is.

        Raises:
            ApiError: of the local strategy `invalid_token` (400) and `expired_token` (401), and what `update` raises.
        """
        await self._collections.ready(TOKENS)
        reset = await self._resets.read(token)
        kuid = reset.kuid
        reset.check(await self._documents.find(kuid, current=True))
        fields = check_fields({"password": password}, complete=False)
        async with self._prepared_change(kuid, fields, call, address) as new:

            def decide(tx: Transaction, found: Document | None) -> str:
                self._change(tx, kuid, reset.check(found), new, kuid)
                revoke_all(tx, kuid)
                return kuid

            return await self._decide(kuid, decide, call)

    @step
    async def delete(self, kuid: str, call: Call) -> None:
        """Take the credentials away. Raises `security.user.not_found`, `closing`, `security.credentials.not_found`."""

        def decide(tx: Transaction, found: Document | None) -> None:
            self.remove(tx, existing(found, kuid))

        await self._decide(kuid, decide, call)

    def remove(self, tx: Transaction, found: Document | None) -> None:
        """Delete a document of credentials, if it is still there."""
        key = CREDENTIALS.key(found.id) if found else None
        if key is not None and key in tx.read((key,)):
            tx.delete(key)

    async def _decide(self, kuid: str, decide: Callable[[Transaction, Document | None], T], call: Call) -> T:
        """Decide on the credentials of a user as they are; they may get another name while they are searched for."""

        def on_current(tx: Transaction, found: Document | None) -> T:
            key = CREDENTIALS.key(found.id) if found is not None else None
            known = tx.read([user_key(kuid), *([key] if key else [])])
            watch_user(tx, kuid)
            now = known.get(key) if key else None
            if found is not None and (now is None or now.source.get("kuid") != kuid):
                raise Outdated
            return decide(tx, now)

        def find() -> Awaitable[Document | None]:
            return self.find(kuid, current=True)

        # What a user has is searched for, and others wait for no refresh.
        return await decide_on_findings(self._closings, kuid, find, on_current, call._replace(refresh=True))

    async def validate(self, kuid: str, credentials: object, address: str) -> bool:
        """True for credentials that could be stored for a user.

        Args:
            kuid: the user.
            credentials: `{username?, password?}`.
            address: where the caller is.

        Raises:
            ApiError: `security.credentials.rejected`, `username_taken`, what a policy refuses, and what `Reuse.check`
                raises.
        """
        fields = check_fields(credentials, complete=False)
        known = await self._documents.read(fields["username"]) if "username" in fields else None
        if known is not None and known.source.get("kuid") != kuid:
            raise api_error("security.credentials.username_taken", known.id)
        if "password" in fields:
            rules = await self._policies.of(kuid)
            found = await self._documents.find(kuid) if rules.rules else None
            rules.check(fields.get("username") or (found.id if found else ""), fields["password"])
            await self._reuse.check(found, rules.remembered, fields["password"], address)
        return True

    async def find(self, kuid: str, *, current: bool = False) -> Document | None:
        """The credentials document of a user; `current` also sees what was written this moment."""
        return await self._documents.find(kuid, current=current)

    async def info(self, kuid: str) -> Info:
        """What is told of a user's credentials. Raises `security.credentials.not_found` (404)."""
        return info_of(existing(await self._documents.find(kuid), kuid))

    async def info_by_id(self, username: str) -> Info:
        """The same by username. Raises `security.credentials.not_found` (404)."""
        return info_of(existing(await self._documents.read(username), username))

    async def search(self, query: Query, offset: int, size: int) -> tuple[list[Info], int]:
        """Credentials whose username matches, in the order of their names, and how many there are.

        The username is the id of a document, which stores cannot search like text; so all of them are looked at.
        """
        await self._documents.ready()
        await self._store.refresh(CREDENTIALS.index, CREDENTIALS.collection)
        matches = compile_matcher(query, {"username": FieldType("keyword", "username", {"type": "keyword"})})
        pages = self._store.scan(CREDENTIALS.index, CREDENTIALS.collection)
        infos = (info_of(document) async for page in pages for document in page)
        found = [info async for info in infos if matches(info["username"], dict(info))]
        found.sort(key=itemgetter("username"))
        return found[offset : offset + size], len(found)


def watch_user(tx: Transaction, kuid: str) -> Document:
    """Write the user's document as it is, so that everything that goes with it has one order.

    Raises:
        ApiError: `security.user.not_found`, `closing`.
    """
    key: Key = user_key(kuid)
    user = tx.read((key,)).get(key)
    if user is None:
        raise api_error("security.user.not_found", kuid)
    check_open(key, user)
    tx.replace(key, user.source)
    return user
