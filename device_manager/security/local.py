"""The strategy `local`: a username and a password (router-protocol 5.2).

Documents are named after the username and lie where existing data has them. Each write replaces the user's document
too, as it is, so that two writers of one user's credentials notice each other.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.query.fields import FieldType
from device_manager.query.matcher import compile_matcher
from device_manager.query.search import Search
from device_manager.query.tree import Query, Term
from device_manager.security.documents import user_key
from device_manager.security.findings import decide_on_findings
from device_manager.security.passwords import ALGORITHM, Passwords
from device_manager.security.places import CREDENTIALS, Collections
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.mappings import check_id
from device_manager.storage.stamps import changed, created, stamp_now

T = TypeVar("T")

NAME = "local"
FIELDS = ("username", "password")

Info = dict[str, str]
"""What is told of credentials: `{username, kuid}`."""


class NewCredentials(NamedTuple):
    """Checked credentials, the password hashed; None for what is not to change."""

    username: str | None
    hashed: str | None


class LocalStrategy:
    """Credentials of the strategy `local`."""

    name = NAME
    fields = FIELDS

    def __init__(self, store: Store, collections: Collections, passwords: Passwords) -> None:
        self._store = store
        self._collections = collections
        self._passwords = passwords

    async def verify(self, credentials: object) -> str:
        """The id of the user who knows this password.

        Raises:
            ApiError: `plugin.strategy.missing_user` (401), the same for an unknown name and for a wrong password.
        """
        given = credentials if isinstance(credentials, dict) else {}
        username, password = given.get("username"), given.get("password")
        if not isinstance(username, str) or not isinstance(password, str) or not username or not password:
            raise api_error("plugin.strategy.missing_user", "Username and password are needed, as texts.")
        await self._collections.ready(CREDENTIALS)
        stored = await self._read(username)
        if not await self._passwords.matches(stored.source if stored else None, password) or stored is None:
            raise api_error("plugin.strategy.missing_user", "Wrong username or password.")
        return str(stored.source.get("kuid"))

    async def _read(self, username: str) -> Document | None:
        try:
            check_id(username)
        except ApiError:
            return None
        key = CREDENTIALS.key(username)
        return (await self._store.read((key,))).get(key)

    def check(self, credentials: object, *, complete: bool) -> dict[str, str]:
        """The fields of credentials, once they are usable; `complete` wants all of them.

        Raises:
            ApiError: `security.credentials.rejected` (400).
        """
        if not isinstance(credentials, dict):
            raise _rejected("credentials of the strategy local are an object.")
        unknown = sorted(credentials.keys() - set(FIELDS))
        if unknown:
            raise _rejected(f"the field {unknown[0]!r} is not accepted, only username and password are.")
        for field in FIELDS:
            value = credentials.get(field)
            if field in credentials and (not isinstance(value, str) or not value):
                raise _rejected(f"the field {field!r} has to be a text that is not empty.")
            if complete and field not in credentials:
                raise _rejected(f"the field {field!r} is missing.")
        if not credentials:
            raise _rejected("one of the fields username and password is needed.")
        if "username" in credentials:
            check_id(credentials["username"])
        return credentials

    async def prepare(self, credentials: object, *, complete: bool) -> NewCredentials:
        """Check credentials and hash the password, before a transaction stores them.

        Raises:
            ApiError: `security.credentials.rejected`, `api.process.too_many_logins_requests`.
        """
        fields = self.check(credentials, complete=complete)
        await self._collections.ready(CREDENTIALS)
        password = fields.get("password")
        hashed = await self._passwords.hash(password) if password is not None else None
        return NewCredentials(fields.get("username"), hashed)

    def add(self, tx: Transaction, kuid: str, new: NewCredentials, author: str | None) -> Info:
        """Store the credentials of a user who has none.

        Raises:
            ApiError: `security.credentials.username_taken` (412).
        """
        username = new.username or ""
        key = CREDENTIALS.key(username)
        if key in tx.read((key,)):
            raise api_error("security.credentials.username_taken", username)
        source: dict[str, Any] = {
            "kuid": kuid,
            "userPassword": new.hashed,
            "algorithm": ALGORITHM,
            "passwordHistory": [],
        }
        tx.create(key.index, key.collection, created(source, stamp_now(author)), key.id)
        return {"username": username, "kuid": kuid}

    async def create(self, kuid: str, credentials: object, call: Call) -> Info:
        """Give credentials to a user who has none.

        Raises:
            ApiError: `security.user.not_found`, `security.credentials.already_exist`, `username_taken` or `rejected`.
        """
        new = await self.prepare(credentials, complete=True)

        def decide(tx: Transaction, found: Document | None) -> Info:
            watch_user(tx, kuid)
            if found is not None:
                raise api_error("security.credentials.already_exist", kuid, NAME)
            return self.add(tx, kuid, new, call.user_id)

        return await self._decide(kuid, decide, call)

    async def update(self, kuid: str, credentials: object, call: Call) -> Info:
        """Change the name, the password or both.

        Raises:
            ApiError: `security.user.not_found`, `security.credentials.not_found`, `username_taken` or `rejected`.
        """
        new = await self.prepare(credentials, complete=False)

        def decide(tx: Transaction, found: Document | None) -> Info:
            watch_user(tx, kuid)
            return self._change(tx, kuid, _existing(found, kuid), new, call.user_id)

        return await self._decide(kuid, decide, call)

    def _change(self, tx: Transaction, kuid: str, found: Document, new: NewCredentials, author: str | None) -> Info:
        old_key, key = CREDENTIALS.key(found.id), CREDENTIALS.key(new.username or found.id)
        stored = tx.read({old_key, key})
        source: dict[str, Any] = changed(_existing(stored.get(old_key), kuid).source, stamp_now(author))
        if new.hashed is not None:
            source |= {"userPassword": new.hashed, "algorithm": ALGORITHM}
        if key == old_key:
            tx.replace(key, source)
        elif key in stored:
            raise api_error("security.credentials.username_taken", key.id)
        else:
            tx.delete(old_key)
            tx.create(key.index, key.collection, source, key.id)
        return {"username": key.id, "kuid": kuid}

    async def delete(self, kuid: str, call: Call) -> None:
        """Take the credentials away. Raises `security.user.not_found`, `security.credentials.not_found`."""

        def decide(tx: Transaction, found: Document | None) -> None:
            watch_user(tx, kuid)
            self.remove(tx, _existing(found, kuid))

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
            ApiError: `security.credentials.rejected`, `username_taken`.
        """
        fields = self.check(credentials, complete=False)
        await self._collections.ready(CREDENTIALS)
        known = await self._read(fields["username"]) if "username" in fields else None
        if known is not None and known.source.get("kuid") != kuid:
            raise api_error("security.credentials.username_taken", known.id)
        return True

    async def find(self, kuid: str, *, current: bool = False) -> Document | None:
        """The credentials document of a user; `current` also sees what was written this moment."""
        await self._collections.ready(CREDENTIALS)
        if current:
            await self._store.refresh(CREDENTIALS.index, CREDENTIALS.collection)
        search = Search(query=Term("kuid", kuid), size=1)
        hits = (await self._store.search(CREDENTIALS.index, CREDENTIALS.collection, search)).hits
        if not hits:
            return None
        key = CREDENTIALS.key(hits[0].id)
        return (await self._store.read((key,))).get(key)

    async def info(self, kuid: str) -> Info:
        """What is told of a user's credentials. Raises `security.credentials.not_found` (404)."""
        return _info(_existing(await self.find(kuid), kuid))

    async def info_by_id(self, username: str) -> Info:
        """The same by username. Raises `security.credentials.not_found` (404)."""
        await self._collections.ready(CREDENTIALS)
        return _info(_existing(await self._read(username), username))

    async def search(self, query: Query, offset: int, size: int) -> tuple[list[Info], int]:
        """Credentials whose username matches, in the order of their names, and how many there are.

        The username is the id of a document, which stores cannot search like text; so all of them are looked at.
        """
        await self._collections.ready(CREDENTIALS)
        await self._store.refresh(CREDENTIALS.index, CREDENTIALS.collection)
        matches = compile_matcher(query, {"username": FieldType("keyword", "username", {"type": "keyword"})})
        pages = self._store.scan(CREDENTIALS.index, CREDENTIALS.collection)
        infos = [_info(document) async for page in pages for document in page]
        found = sorted((info for info in infos if matches(info["username"], dict(info))), key=itemgetter("username"))
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


def _existing(found: Document | None, name: str) -> Document:
    if found is None:
        raise api_error("security.credentials.not_found", name, NAME)
    return found


def _info(document: Document) -> Info:
    return {"username": document.id, "kuid": str(document.source.get("kuid"))}


def _rejected(why: str) -> ApiError:
    return api_error("security.credentials.rejected", why)
