"""The strategy `local`: a username and a password (router-protocol 5.2).

Each write replaces the user's document too, as it is, so that two writers of one user's credentials notice each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeVar

import structlog

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.query.fields import FieldType
from device_manager.query.matcher import compile_matcher
from device_manager.query.tree import Query
from device_manager.security.documents import user_key
from device_manager.security.findings import decide_on_findings
from device_manager.security.guessing import Guessing
from device_manager.security.local_documents import (
    NAME,
    Info,
    LocalDocuments,
    NewCredentials,
    changed_source,
    existing,
    history_of,
    info_of,
    new_source,
    rehashed,
    rejected,
)
from device_manager.security.password_policies import PLUGIN, PasswordPolicies, Rules
from device_manager.security.password_resets import PasswordResets
from device_manager.security.passwords import Passwords
from device_manager.security.places import CREDENTIALS, TOKENS, Collections
from device_manager.security.revocations import revoke_all
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.mappings import check_id
from device_manager.storage.stamps import stamp_now
from device_manager.storage.steps import step

T = TypeVar("T")

FIELDS = ("username", "password")
LONGEST_PASSWORD = 4096
"""Characters of a new password."""

log = structlog.get_logger("credentials")


class LocalStrategy:
    """Credentials of the strategy `local`.

    Args:
        store: where they are.
        collections: makes their collection.
        passwords: hashes and compares.
        policies: what passwords have to be like.
        guessing: makes guessing slow.
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

    def check(self, credentials: object, *, complete: bool) -> dict[str, str]:
        """The fields of credentials, once they are usable; `complete` wants all of them.

        Raises:
            ApiError: `security.credentials.rejected` (400).
        """
        if not isinstance(credentials, dict):
            raise rejected("credentials of the strategy local are an object.")
        unknown = sorted(credentials.keys() - set(FIELDS))
        if unknown:
            raise rejected(f"the field {unknown[0]!r} is not accepted, only username and password are.")
        for field in FIELDS:
            value = credentials.get(field)
            if field in credentials and (not isinstance(value, str) or not value):
                raise rejected(f"the field {field!r} has to be a text that is not empty.")
            if complete and field not in credentials:
                raise rejected(f"the field {field!r} is missing.")
        if not credentials:
            raise rejected("one of the fields username and password is needed.")
        if len(credentials.get("password", "")) > LONGEST_PASSWORD:
            raise rejected(f"the password has more than {LONGEST_PASSWORD} characters.")
        if "username" in credentials:
            check_id(credentials["username"])
        return credentials

    async def prepare(self, credentials: object, kuid: str, profile_ids: Sequence[str]) -> NewCredentials:
        """Check the credentials of a new user and hash the password, before a transaction stores them.

        Args:
            credentials: `{username, password}`.
            kuid: id of the user.
            profile_ids: of the user.

        Raises:
            ApiError: `security.credentials.rejected`, `api.process.too_many_logins_requests`, and of the local strategy
                `weak_password`, `login_in_password` where a policy refuses the password.
        """
        fields = self.check(credentials, complete=True)
        return await self._prepare(fields, await self._policies.of(kuid, profile_ids), None)

    async def _prepare(self, fields: dict[str, str], rules: Rules, found: Document | None) -> NewCredentials:
        await self._documents.ready()
        password = fields.get("password")
        if password is None:
            return NewCredentials(fields.get("username"), None)
        await self._check_password(fields, rules, found)
        return NewCredentials(fields.get("username"), await self._passwords.hash(password), rules.remembered)

    async def _check_password(self, fields: dict[str, str], rules: Rules, found: Document | None) -> None:
        """Refuse a password that a policy forbids."""
        password = fields["password"]
        rules.check(fields.get("username") or (found.id if found else ""), password)
        before = [found.source, *history_of(found.source)] if found else []
        for stored in before[: rules.remembered]:
            if await self._passwords.matches(stored, password):
                raise api_error(f"{PLUGIN}.reused_password")

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
        fields = self.check(credentials, complete=True)
        new = await self._prepare(fields, await self._policies.of(kuid), None)

        def decide(tx: Transaction, found: Document | None) -> Info:
            watch_user(tx, kuid)
            if found is not None:
                raise api_error("security.credentials.already_exist", kuid, NAME)
            return self.add(tx, kuid, new, call.user_id)

        return await self._decide(kuid, decide, call)

    async def update(self, kuid: str, credentials: object, call: Call) -> Info:
        """Change the name, the password or both.

        Raises:
            ApiError: `security.user.not_found`, `security.credentials.not_found`, `username_taken` or `rejected`, and
                what a policy refuses.
        """
        new = await self._prepare_change(kuid, self.check(credentials, complete=False))

        def decide(tx: Transaction, found: Document | None) -> Info:
            watch_user(tx, kuid)
            return self._change(tx, kuid, existing(found, kuid), new, call.user_id)

        return await self._decide(kuid, decide, call)

    async def _prepare_change(self, kuid: str, fields: dict[str, str]) -> NewCredentials:
        rules = await self._policies.of(kuid)
        found = await self._documents.find(kuid, current=True) if rules.rules else None
        return await self._prepare(fields, rules, found)

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

    async def reset(self, token: str, password: str, call: Call) -> str:
        """Set a new password; all session tokens of the user end. The id of the user.

        Raises:
            ApiError: of the local strategy `invalid_token` (400) and `expired_token` (401), and what `update` raises.
        """
        await self._collections.ready(TOKENS)
        reset = await self._resets.read(token)
        kuid = reset.kuid
        reset.check(await self._documents.find(kuid, current=True))
        new = await self._prepare_change(kuid, self.check({"password": password}, complete=False))

        def decide(tx: Transaction, found: Document | None) -> str:
            watch_user(tx, kuid)
            self._change(tx, kuid, reset.check(found), new, kuid)
            revoke_all(tx, kuid)
            return kuid

        return await self._decide(kuid, decide, call)

    @step
    async def delete(self, kuid: str, call: Call) -> None:
        """Take the credentials away. Raises `security.user.not_found`, `security.credentials.not_found`."""

        def decide(tx: Transaction, found: Document | None) -> None:
            watch_user(tx, kuid)
            self.remove(tx, existing(found, kuid))

        await self._decide(kuid, decide, call)

    def remove(self, tx: Transaction, found: Document | None) -> None:
        """Delete a document of credentials, if it is still there."""
        key = CREDENTIALS.key(found.id) if found else None
        if key is not None and key in tx.read((key,)):
            tx.delete(key)

    async def _decide(self, kuid: str, decide: Callable[[Transaction, Document | None], T], call: Call) -> T:
        return await decide_on_findings(
            self._store,
            user_key(kuid),
            lambda: self.find(kuid, current=True),
            decide,
            dry_run=call.dry_run,
            refresh=True,  # what a user has is searched for, and others wait for no refresh
        )

    async def validate(self, kuid: str, credentials: object) -> bool:
        """True for credentials that could be stored for a user.

        Raises:
            ApiError: `security.credentials.rejected`, `username_taken`, and what a policy refuses.
        """
        fields = self.check(credentials, complete=False)
        known = await self._documents.read(fields["username"]) if "username" in fields else None
        if known is not None and known.source.get("kuid") != kuid:
            raise api_error("security.credentials.username_taken", known.id)
        if "password" in fields:
            rules = await self._policies.of(kuid)
            await self._check_password(fields, rules, await self._documents.find(kuid) if rules.rules else None)
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
        ApiError: `security.user.not_found`.
    """
    key: Key = user_key(kuid)
    user = tx.read((key,)).get(key)
    if user is None:
        raise api_error("security.user.not_found", kuid)
    tx.replace(key, user.source)
    return user
