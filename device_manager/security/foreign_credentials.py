"""Credentials of other systems' clients: each stands for a user of its own and for one engine (facades 1.2).

What a client shows is looked up by what it shows, or by its hash: secrets are stored only where a signature has to be
computed with them, and sealed.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.search import Search
from device_manager.query.tree import MATCH_ALL, Query, Term
from device_manager.security.accounts import Accounts
from device_manager.security.definitions import FACADE_ROLE
from device_manager.security.documents import profile_key, user_key
from device_manager.security.memory import GENERATION, SecurityMemory, raise_generation
from device_manager.security.places import Collections, Place
from device_manager.security.sealing import Sealer
from device_manager.security.signing import Signer
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.stamps import created, stamp_now
from device_manager.storage.steps import step

FOREIGN_CREDENTIALS = Place(
    INTERNAL_INDEX,
    "facade-credentials",
    {
        "dynamic": "false",
        "properties": {
            "credential": {"type": "keyword"},
            "interface": {"type": "keyword"},
            "engineId": {"type": "keyword"},
        },
    },
)
MOST_LISTED = 10_000
REGION, ACCOUNT_DIGITS = "us-east-1", 12
REMEMBERED = 10_000
"""Lookups in memory; beyond it all are forgotten."""

Content = dict[str, Any]


class Interface(enum.StrEnum):
    """The other systems."""

    SITEWISE = "sitewise"
    TEOS = "teos"
    UBIDOTS = "ubidots"


class Proof(enum.StrEnum):
    """What a client shows."""

    ACCESS_KEY = "access-key"
    API_KEY = "api-key"
    TOKEN = "token"  # noqa: S105  # the name of a kind


class ForeignCaller(NamedTuple):
    """Who shows a proof.

    Attributes:
        credential: its id.
        engine: the one engine that it is good for.
        kuid: the user whose rights count.
        secret: what an access key signs with; empty for other proofs.
        account, region: of an access key.
        session: hash of the session token that an access key has to be shown with; empty without one.
        expires_at: milliseconds since 1970, -1 for never.
    """

    credential: str
    engine: str
    kuid: str
    secret: str = ""
    account: str = ""
    region: str = ""
    session: str = ""
    expires_at: int = -1


class Session(NamedTuple):
    """What an access key is made with.

    Attributes:
        seconds: for which it is good, and only together with its session token; 0 for one that stays without a token.
        region: for which its requests are signed; `*` for any.
    """

    seconds: int = 0
    region: str = REGION


LASTING = Session()
"""An access key that stays until it is revoked."""


def account_of(engine: str) -> str:
    """The number of an engine where clients expect an account: 12 digits, the same for all its access keys."""
    digest = int.from_bytes(hashlib.sha256(engine.encode()).digest()[:8])
    return str(10 ** (ACCOUNT_DIGITS - 1) + digest % (9 * 10 ** (ACCOUNT_DIGITS - 1)))


def hash_of(text: str) -> str:
    """What is stored of a text that clients show."""
    return hashlib.sha256(text.encode()).hexdigest()


def proof_key(interface: Interface, proof: Proof, text: str) -> Key:
    """Where what a client shows is found; access keys are no secrets, everything else is hashed."""
    name = text if proof is Proof.ACCESS_KEY else hash_of(text)
    return FOREIGN_CREDENTIALS.key(f"{interface}:{proof}:{name}")


class ForeignCredentials:
    """Makes, finds and revokes credentials.

    Args:
        store: where they are.
        collections: makes their collection.
        memory: tells when what is remembered of them is no longer true.
        accounts: makes the users that they stand for.
        platform: the platform index, which models belong to.
    """

    def __init__(
        self, store: Store, collections: Collections, memory: SecurityMemory, accounts: Accounts, platform: str
    ) -> None:
        self._store = store
        self._collections = collections
        self._memory = memory
        self._accounts = accounts
        self._platform = platform
        self._sealer = Sealer(Signer(store, collections), "facade credentials")
        self._version = -1
        self._remembered: dict[Key, ForeignCaller | None] = {}

    async def find(self, interface: Interface, proof: Proof, text: str) -> ForeignCaller | None:
        """Who shows `text`; None for what nobody was given, or no longer. Expiry is up to the caller.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        await self._memory.ensure()
        version, key = self._memory.version, proof_key(interface, proof, text)
        if version != self._version or len(self._remembered) > REMEMBERED:
            self._version = version
            self._remembered.clear()
        if key in self._remembered:
            return self._remembered[key]
        await self._ready()
        document = (await self._store.read((key,))).get(key)
        found = None if document is None else self._caller(document)
        if version == self._version == self._memory.version and found is not None:
            self._remembered[key] = found
        return found

    async def create(
        self, interface: Interface, engine: str, profile: str | None, call: Call, session: Session = LASTING
    ) -> Content:
        """A new credential with a user of its own: `{_id, interface, engineId, userId, ...}`.

        Beside that `accessKeyId`, `secretAccessKey`, `region` and `accountId` for SiteWise, with a `session` of some
        seconds `sessionToken` and `expiresAt` (milliseconds since 1970) too; `apiKey` and `token` for the others. They
        are in this answer and nowhere else.

        Args:
            interface: whose clients use it.
            engine: all that it can reach; it is up to the caller that it exists.
            profile: whose rights it gives; None for all that these interfaces need, in this engine.
            call: the caller.
            session: of an access key.

        Raises:
            ApiError: `security.profile.not_found`, `closing`.
        """
        await self._ready()
        id, stamp = f"{interface}-{secrets.token_hex(8)}", stamp_now(call.user_id)
        about = {"interface": interface.value, "engineId": engine, "userId": id}
        proofs = _new_access_key(engine, session) if interface is Interface.SITEWISE else _new_tokens()
        documents = self._documents(interface, proofs, {"credential": id, **about})

        def decide(tx: Transaction) -> Content:
            content = {"profileIds": [profile or self._own_profile(tx, engine, call.user_id)], "clients": interface}
            self._accounts.users.add(tx, id, content, (), call.user_id)
            for key, source in documents.items():
                tx.create(key.index, key.collection, created(source, stamp), key.id)
            return {"_id": id, **about, **proofs}

        return await self._accounts.closings.transact(decide, call, refresh=True)

    async def add_token(self, interface: Interface, caller: ForeignCaller, expires_at: int) -> str:
        """A further token of a credential, good until `expires_at` (milliseconds since 1970); expired ones go."""
        token = _new_secret()
        key = proof_key(interface, Proof.TOKEN, token)
        content = {
            "credential": caller.credential,
            "interface": interface.value,
            "engineId": caller.engine,
            "userId": caller.kuid,
            "expiresAt": expires_at,
        }
        await self._store.refresh(FOREIGN_CREDENTIALS.index, FOREIGN_CREDENTIALS.collection)
        known = await self._documents_of(_of(caller.credential))
        expired = [FOREIGN_CREDENTIALS.key(document.id) for document in known if _has_expired(document.source)]

        def decide(tx: Transaction) -> None:
            owner = user_key(caller.kuid)
            found = tx.read((owner, *expired))
            if owner not in found:
                raise api_error("security.user.not_found", caller.kuid)
            for old in expired:
                if old in found and _has_expired(found[old].source):
                    tx.delete(old)
            tx.create(key.index, key.collection, created(content, stamp_now(caller.kuid)), key.id)

        await self._store.transact(decide)
        return token

    async def renew_token(self, interface: Interface, token: str, expires_at: int) -> ForeignCaller | None:
        """Let a token live until `expires_at` (milliseconds since 1970) at least; None when it has expired already."""
        key = proof_key(interface, Proof.TOKEN, token)

        def decide(tx: Transaction) -> Document | None:
            document = tx.read((key,)).get(key)
            if document is None or _has_expired(document.source):
                return None
            if document.source["expiresAt"] >= expires_at:
                return document
            return tx.replace(key, document.source | {"expiresAt": expires_at})

        version = self._memory.version
        document = await self._store.transact(decide)
        caller = None if document is None else self._caller(document)
        if caller is None:
            self._remembered.pop(key, None)
        elif version == self._version == self._memory.version:
            self._remembered[key] = caller
        return caller

    async def find_all(self, engine: str | None) -> list[Content]:
        """The credentials of an engine, or all: `{_id, interface, engineId, userId, createdAt}`, the oldest first.

        Access keys for some time have `expiresAt` as well.
        """
        await self._ready()
        await self._store.refresh(FOREIGN_CREDENTIALS.index, FOREIGN_CREDENTIALS.collection)
        found = await self._documents_of(MATCH_ALL if engine is None else Term("engineId", engine))
        listed: dict[str, Content] = {}
        for source in sorted((document.source for document in found), key=_created_at):
            shown = {"interface": source["interface"], "engineId": source["engineId"], "userId": source["userId"]}
            if source.get("session"):
                shown["expiresAt"] = source["expiresAt"]
            listed.setdefault(source["credential"], {**shown, "createdAt": _created_at(source)})
        return [{"_id": credential, **shown} for credential, shown in listed.items()]

    @step
    async def revoke(self, credential: str, call: Call) -> None:
        """Delete a credential and its user; what its clients show is refused from then on.

        Raises:
            ApiError: `security.credentials.unknown_foreign`.
        """
        await self._ready()
        await self._store.refresh(FOREIGN_CREDENTIALS.index, FOREIGN_CREDENTIALS.collection)
        keys = [FOREIGN_CREDENTIALS.key(document.id) for document in await self._documents_of(_of(credential))]
        if not keys:
            raise api_error("security.credentials.unknown_foreign", credential)
        owner = user_key(credential)

        def decide(tx: Transaction) -> None:
            for key in tx.read([*keys, owner, GENERATION]):
                if key != GENERATION:
                    tx.delete(key)
            raise_generation(tx)

        await self._store.transact(decide, dry_run=call.dry_run, refresh=True)

    async def _ready(self) -> None:
        await self._collections.ready(FOREIGN_CREDENTIALS)
        await self._sealer.ready()

    async def _documents_of(self, query: Query) -> list[Any]:
        place = FOREIGN_CREDENTIALS
        return (await self._store.search(place.index, place.collection, Search(query=query, size=MOST_LISTED))).hits

    def _own_profile(self, tx: Transaction, engine: str, author: str | None) -> str:
        """The profile with the rights that the interfaces need in one engine, made when it is missing."""
        key = profile_key(f"{FACADE_ROLE}.{engine}")
        if key not in tx.read((key,)):
            places = [{"index": engine}, {"index": self._platform}]
            content = {"policies": [{"roleId": FACADE_ROLE, "restrictedTo": places}], "rateLimit": 0}
            tx.create(key.index, key.collection, created(content, stamp_now(author)), key.id)
        return key.id

    def _documents(self, interface: Interface, shown: Mapping[str, Any], common: Content) -> dict[Key, Content]:
        if interface is Interface.SITEWISE:
            access_key = shown["accessKeyId"]
            sealed = self._sealer.seal(shown["secretAccessKey"], access_key)
            more = {name: shown[name] for name in ("accessKeyId", "region", "accountId", "expiresAt") if name in shown}
            if "sessionToken" in shown:
                more["session"] = hash_of(shown["sessionToken"])
            return {proof_key(interface, Proof.ACCESS_KEY, access_key): common | more | {"secret": sealed}}
        return {
            proof_key(interface, Proof.API_KEY, shown["apiKey"]): common | {"expiresAt": -1},
            proof_key(interface, Proof.TOKEN, shown["token"]): common | {"expiresAt": -1},
        }

    def _caller(self, document: Document) -> ForeignCaller | None:
        source = document.source
        secret: str | None = ""
        if "secret" in source:
            secret = self._sealer.open(source["secret"], source["accessKeyId"])
        if secret is None:
            return None
        return ForeignCaller(
            source["credential"],
            source["engineId"],
            source["userId"],
            secret,
            source.get("accountId", ""),
            source.get("region", ""),
            source.get("session", ""),
            source.get("expiresAt", -1),
        )


def _new_tokens() -> Content:
    return {"apiKey": _new_secret(), "token": _new_secret()}


def _new_access_key(engine: str, session: Session) -> Content:
    letters = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
    made: Content = {
        "accessKeyId": ("ASIA" if session.seconds else "AKIA") + letters,
        "secretAccessKey": secrets.token_urlsafe(30),
        "region": session.region,
        "accountId": account_of(engine),
    }
    if session.seconds:
        made["sessionToken"] = secrets.token_urlsafe(96)
        made["expiresAt"] = time.time_ns() // 1_000_000 + session.seconds * 1000
    return made


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _of(credential: str) -> Query:
    return Term("credential", credential)


def _has_expired(source: Content) -> bool:
    return 0 <= int(source.get("expiresAt", -1)) <= time.time_ns() // 1_000_000


def _created_at(source: Content) -> int:
    return int((source.get("_kuzzle_info") or {}).get("createdAt") or 0)
