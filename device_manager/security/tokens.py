"""Session tokens and API keys: issued, verified, refreshed, revoked (router-protocol 5.2, design 8).

Verifying a token that was seen before costs a look into a dictionary. Everything else that decides about a token is in
the store, so that a revocation holds after a restart and, within a second, in every process that shares the store.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Awaitable
from typing import Any, NamedTuple

from device_manager.errors import api_error
from device_manager.query.tree import Term
from device_manager.security import revocations
from device_manager.security.lifetimes import NEVER, check_limit
from device_manager.security.places import API_KEYS, TOKENS, Collections, epoch_key, revocation_key
from device_manager.security.purging import Purging
from device_manager.security.revocations import GENERATION, epoch_of
from device_manager.security.seen_tokens import Identity, Purpose, SeenToken, SeenTokens, TokenKind
from device_manager.security.signing import Signer, expired_token, invalid_token
from device_manager.security.token_links import TokenLinks
from device_manager.settings import Settings
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.generation import Generation

__all__ = ["Identity", "Issued", "Purpose", "TokenKind", "Tokens"]

SESSION_PREFIX = "kauth-"
API_KEY_PREFIX = "kapikey-"


class Issued(NamedTuple):
    """A new token.

    Attributes:
        token: its text.
        kuid: id of its user.
        expires_at: milliseconds since 1970, -1 for never.
        ttl: milliseconds, -1 for no end.
        identity: what it says.
    """

    token: str
    kuid: str
    expires_at: int
    ttl: int
    identity: Identity


class Tokens:
    """All tokens of the platform. Call `start` before anything else and `stop` at the end.

    Attributes:
        links: the connections that act on tokens.
    """

    def __init__(self, store: Store, collections: Collections, settings: Settings) -> None:
        self._store = store
        self._collections = collections
        self._signer = Signer(store, collections)
        self._seen = SeenTokens(store)
        self._get_seen = self._seen.get
        self.links = TokenLinks(self._look_again, lambda token: self._get_seen(token) is not None)
        self._seen.on_forget(self.links.look_at)
        self._generation = Generation(store, GENERATION, self._seen, "tokens")
        self._purging = Purging(store)
        self._limit = _milliseconds(settings.token_longest)
        self._grace = _milliseconds(settings.token_grace)

    async def start(self) -> None:
        """Begin to follow what other processes revoke, and to clear what has expired."""
        await self._generation.start()
        self._purging.start()

    async def stop(self) -> None:
        """Stop following."""
        await self.links.stop()
        await self._purging.stop()
        await self._generation.close()

    def verify(self, token: str) -> Identity | Awaitable[Identity]:
        """Who a token stands for; at once when it was seen before. A single-use token is used up by this.

        Args:
            token: `kauth-<jwt>`, `kapikey-<jwt>` or the bare JWT of a session.

        Raises:
            ApiError: `security.token.invalid` for one that is unknown, expired, revoked or used up;
                `services.storage.unavailable`.
        """
        seen = self._get_seen(token)
        if seen is not None and self._generation.is_trusted:
            if time.time() * 1000 <= seen.good_until:
                return seen.identity
            self._seen.drop(token)
        return self._verify(token)

    def remembered(self, token: str) -> Identity | None:
        """Who a token stood for when the store was there last; None for one that was not seen or has expired."""
        seen = self._get_seen(token)
        return seen.identity if seen is not None and time.time() * 1000 <= seen.good_until else None

    async def _verify(self, token: str) -> Identity:
        count = self._seen.forgotten
        seen = await self._look_at(token)
        if seen.identity.kind is not TokenKind.SINGLE_USE and count == self._seen.forgotten:
            self._seen.keep(token, seen)
        return seen.identity

    async def _look_at(self, token: str, *, again: bool = False) -> SeenToken:
        await self._signer.ready()
        if token.startswith(API_KEY_PREFIX):
            return await self._verify_api_key(token)
        claims = self._signer.read(token.removeprefix(SESSION_PREFIX))
        return await self._verify_session(_identity(claims), claims, again=again)

    async def _look_again(self, token: str) -> SeenToken:
        """Verify a token on which a connection acts; a single-use one is good as long as nobody revoked it."""
        return await self._look_at(token, again=True)

    async def _verify_session(self, identity: Identity, claims: dict[str, Any], *, again: bool) -> SeenToken:
        if identity.kind is TokenKind.API_KEY:
            raise invalid_token()
        now = _now()
        good_until = _check_expiry(identity, now)
        await self._collections.ready(TOKENS)
        revoked, user = revocation_key(identity.id), epoch_key(identity.kuid)
        records = await self._store.read((revoked, user))
        if epoch_of(records.get(user)) != claims["epoch"]:
            raise invalid_token()
        if identity.kind is TokenKind.SINGLE_USE:
            if not again:
                await self._use_up(identity, now)
        elif (record := records.get(revoked)) is not None:
            good_until = min(good_until, record.source["revokedAt"])
            if good_until <= now:
                raise invalid_token()
        return SeenToken(identity, good_until)

    async def _use_up(self, identity: Identity, now: int) -> None:
        def decide(tx: Transaction) -> bool:
            return revocations.use_up(tx, identity.kuid, identity.id, now=now, expires_at=identity.expires_at)

        if not await self._store.transact(decide):
            raise invalid_token()

    async def _verify_api_key(self, token: str) -> SeenToken:
        claims = self._signer.read(token.removeprefix(API_KEY_PREFIX))
        await self._collections.ready(API_KEYS)
        fingerprint = fingerprint_of(token)
        document = await self._find_api_key(claims.get("jti"), fingerprint)
        if document is None:
            raise invalid_token()
        source = document.source
        same = hmac.compare_digest(str(source.get("fingerprint")).encode(), fingerprint.encode())
        if not same or source.get("userId") != claims.get("_id"):
            raise invalid_token()
        identity = Identity(source["userId"], document.id, int(source.get("expiresAt", NEVER)), TokenKind.API_KEY)
        return SeenToken(identity, _check_expiry(identity, _now()))

    async def _find_api_key(self, id: object, fingerprint: str) -> Document | None:
        if isinstance(id, str):
            key = API_KEYS.key(id)
            return (await self._store.read((key,))).get(key)
        # Keys that an existing Kuzzle platform made do not say which document they are.
        async for page in self._store.scan(API_KEYS.index, API_KEYS.collection, Term("fingerprint", fingerprint)):
            return page[0]
        return None

    async def issue_for(self, kuid: str, lifetime: int, purpose: Purpose) -> Issued:
        """A new session token that is good for one request of one kind, as long as tokens may live at most.

        Args:
            kuid: its user.
            lifetime: milliseconds.
            purpose: the request.
        """
        await self._signer.ready()
        epoch = await self._epoch(kuid)
        lifetime = lifetime if self._limit == NEVER else min(lifetime, self._limit)
        return self._make(kuid, lifetime, epoch, single_use=True, purpose=purpose)

    def check_lifetime(self, lifetime: int) -> None:
        """Refuse milliseconds, or `NEVER`, that no token may live. Raises `security.token.ttl_exceeded`."""
        check_limit(lifetime, self._limit)

    async def issue(self, kuid: str, lifetime: int, *, single_use: bool = False) -> Issued:
        """A new session token.

        Args:
            kuid: its user.
            lifetime: milliseconds or `NEVER`.
            single_use: it is used up by its first verification.

        Raises:
            ApiError: `security.token.ttl_exceeded`.
        """
        self.check_lifetime(lifetime)
        await self._signer.ready()
        return self._make(kuid, lifetime, await self._epoch(kuid), single_use=single_use)

    async def _epoch(self, kuid: str) -> int:
        await self._collections.ready(TOKENS)
        user = epoch_key(kuid)
        return epoch_of((await self._store.read((user,))).get(user))

    def _make(
        self, kuid: str, lifetime: int, epoch: int, *, single_use: bool = False, purpose: Purpose | None = None
    ) -> Issued:
        extra: dict[str, Any] = {"epoch": epoch} | ({"once": True} if single_use else {})
        if purpose is not None:
            extra["for"] = list(purpose)
        return self._sign(SESSION_PREFIX, kuid, uuid.uuid4().hex, lifetime, extra)

    async def make_api_key(self, kuid: str, id: str, lifetime: int) -> Issued:
        """The text of an API key; it is good once its document is stored."""
        await self._signer.ready()
        return self._sign(API_KEY_PREFIX, kuid, id, lifetime, {})

    def _sign(self, prefix: str, kuid: str, id: str, lifetime: int, extra: dict[str, Any]) -> Issued:
        now = _now()
        claims = {"_id": kuid, "iat": now // 1000, "jti": id, **extra}
        expires_at = NEVER
        if lifetime != NEVER:
            expires_at = now + lifetime
            claims["exp"] = expires_at / 1000
        identity = _identity(claims)
        return Issued(prefix + self._signer.sign(claims), kuid, expires_at, lifetime, identity)

    async def refresh(self, identity: Identity, lifetime: int) -> Issued:
        """A new token in the place of a session token, which stays good for the grace time.

        Raises:
            ApiError: `security.token.refresh_forbidden` for API keys and tokens without end, `ttl_exceeded`, `invalid`
                for one that was refreshed or revoked before.
        """
        if identity.kind is TokenKind.API_KEY:
            raise api_error("security.token.refresh_forbidden", "API keys cannot be refreshed")
        if identity.expires_at == NEVER:
            raise api_error("security.token.refresh_forbidden", "it has no end")
        self.check_lifetime(lifetime)
        await self._collections.ready(TOKENS)
        user = epoch_key(identity.kuid)

        def decide(tx: Transaction) -> int | None:
            epoch = epoch_of(tx.read((user, revocation_key(identity.id))).get(user))
            if not self._end(tx, identity, _now() + self._grace):
                return None
            return epoch

        epoch = await self._store.transact(decide)
        if epoch is None:
            raise invalid_token()
        return self._make(identity.kuid, lifetime, epoch)

    async def revoke(self, identity: Identity) -> None:
        """End one session token. API keys are deleted, not revoked: nothing happens to them here."""
        if identity.kind is TokenKind.API_KEY:
            return
        await self._collections.ready(TOKENS)
        await self._store.transact(lambda tx: self._end(tx, identity, _now()))

    def _end(self, tx: Transaction, identity: Identity, at: int) -> bool:
        return revocations.revoke_one(tx, identity.kuid, identity.id, at=at, expires_at=identity.expires_at)

    async def revoke_all(self, kuid: str, *, dry_run: bool = False) -> None:
        """End all session tokens of a user; API keys stay."""
        await self._collections.ready(TOKENS)
        await self._store.transact(lambda tx: revocations.revoke_all(tx, kuid), dry_run=dry_run)


def fingerprint_of(token: str) -> str:
    """What is stored of an API key."""
    return hashlib.sha256(token.encode()).hexdigest()


def _identity(claims: dict[str, Any]) -> Identity:
    """What the claims of a token say; a signed token that lacks something was not made by `Tokens`."""
    kuid, id, expires = claims.get("_id"), claims.get("jti"), claims.get("exp")
    if not isinstance(kuid, str) or not isinstance(id, str) or not isinstance(expires, int | float | None):
        raise invalid_token()
    if "epoch" not in claims:
        kind = TokenKind.API_KEY
    else:
        kind = TokenKind.SINGLE_USE if claims.get("once") else TokenKind.SESSION
    purpose = Purpose(*claims["for"]) if "for" in claims else None
    return Identity(kuid, id, NEVER if expires is None else round(expires * 1000), kind, purpose)


def _check_expiry(identity: Identity, now: int) -> float:
    """Until when the token is good. Raises `security.token.invalid` when that is over."""
    if identity.expires_at == NEVER:
        return float("inf")
    if identity.expires_at <= now:
        raise expired_token()
    return identity.expires_at


def _now() -> int:
    return time.time_ns() // 1_000_000


def _milliseconds(seconds: float) -> int:
    return NEVER if seconds < 0 else int(seconds * 1000)
