"""Who calls, whether they may, and on which engines: the interface that the router asks, and its one guard (design 8).

A decision is made once for each user and action and kept until a user, a profile or a role changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

import msgspec

from device_manager.errors import ApiError, api_error
from device_manager.security.addresses import client_address
from device_manager.security.cookies import token_of
from device_manager.security.documents import ANONYMOUS, User
from device_manager.security.memory import SecurityMemory, profiles_of
from device_manager.security.rates import PerSecond
from device_manager.security.rights import EVERYWHERE, Grant, grant, rate_of
from device_manager.security.scope import Scope
from device_manager.security.seen_tokens import Identity
from device_manager.security.token_links import TokenLinks

_UNCOUNTED = frozenset({("auth", "login"), ("auth", "logout")})
"""Actions without a share in `rateLimit`: logins have a limit of their own, and to leave is always allowed."""
MOST_DECISIONS = 20_000
"""Users whose right to one action is remembered; beyond it all of them are decided again."""


class Call(Protocol):
    """What a guard sees of a request."""

    controller: str
    action: str
    args: dict[str, Any]
    jwt: str | None
    connection: Any
    user_id: str | None
    identity: Identity | None
    engines: frozenset[str] | None
    covers: Callable[[str, str | None], bool] | None


class ActionRule:
    """What a guard knows of an action, and what it decided about it.

    Attributes:
        controller: canonical name of the controller, which roles use.
        action: canonical name.
        scope: which tenants the action concerns.
        collection: the collection that it is about; None leaves it to the argument.
        needs_engine: without an argument that names the engine, the action refuses the request by itself.
        outlasts_store: while the store is away, what was known last of its callers is enough.
        version: of the memory that the decisions rest on.
        grants: user id -> where that user may perform the action.
    """

    __slots__ = ("action", "collection", "controller", "grants", "needs_engine", "outlasts_store", "scope", "version")

    def __init__(
        self,
        controller: str,
        action: str,
        scope: Scope = Scope.PLATFORM,
        collection: str | None = None,
        *,
        needs_engine: bool = False,
        outlasts_store: bool = False,
    ) -> None:
        self.controller = controller
        self.action = action
        self.scope = scope
        self.collection = collection
        self.needs_engine = needs_engine
        self.outlasts_store = outlasts_store
        self.version = -1
        self.grants: dict[str, Grant] = {}


class TokenState(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What `auth:checkToken` tells about a token (router-protocol 5.2).

    Attributes:
        valid: whether it may be used.
        kuid: id of its user, if valid.
        expires_at: milliseconds since 1970, null for never.
        state: why it is not valid.
    """

    valid: bool
    kuid: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET
    state: str | msgspec.UnsetType = msgspec.UNSET


class Guard(Protocol):
    """Identifies callers and checks their rights."""

    def authorize(self, request: Call, rule: ActionRule | None) -> Awaitable[None] | None:
        """Identify the caller by the token, check the rights and note both; at once where nothing is fetched.

        Sets `user_id`, `identity` and `engines` of the request.

        Args:
            request: the request.
            rule: of its action; None when there is no such action, which only those are told who may know.

        Raises:
            ApiError: 401 `security.token.invalid`, 401 `security.rights.unauthorized` for anonymous callers,
                403 `security.rights.forbidden` for others, 429 `api.process.too_many_requests` for those who make more
                requests a second than their profiles allow.
        """

    def check_rights(self, request: Call, rule: ActionRule | None) -> Awaitable[None] | None:
        """Check that the user `request.user_id` may do this, whatever token there is (design 5: `as_user`).

        Raises:
            ApiError: as for `authorize`, without counting.
        """

    async def check_token(self, token: str | None) -> TokenState:
        """The state of a token; no token is the valid state of an anonymous caller."""


class Verifier(Protocol):
    """Knows the tokens; `Tokens` is one."""

    links: TokenLinks

    def verify(self, token: str) -> Identity | Awaitable[Identity]:
        """Who a token stands for. Raises `security.token.invalid`."""

    def remembered(self, token: str) -> Identity | None:
        """Who a token stood for when the store was there last; None for one that was not seen or has expired."""


class OpenGuard:
    """Lets everybody do everything, for routers without users. Every token is unknown."""

    def authorize(self, request: Call, rule: ActionRule | None) -> None:
        """Let the request pass unless it holds a token."""
        if request.jwt:
            raise api_error("security.token.invalid")

    def check_rights(self, request: Call, rule: ActionRule | None) -> None:
        """Let every user pass."""

    async def check_token(self, token: str | None) -> TokenState:
        """No token is valid, any token is not."""
        if not token:
            return TokenState(valid=True, kuid=ANONYMOUS, expires_at=None)
        return TokenState(valid=False, state=api_error("security.token.invalid").message)


class RightsGuard:
    """Lets users do what their profiles say.

    Args:
        memory: users, profiles and roles.
        tokens: verifies tokens.
        platform: the platform index, which is a tenant like any other.
        cookies: whether tokens may come by cookie.
        proxies: see `client_address`.
    """

    def __init__(
        self, memory: SecurityMemory, tokens: Verifier, platform: str, *, cookies: bool = True, proxies: int = 0
    ) -> None:
        self._memory = memory
        self._tokens = tokens
        self._link = tokens.links.link
        self._rates = PerSecond()
        self._platform = platform
        self._cookies = cookies
        self._proxies = proxies

    def authorize(self, request: Call, rule: ActionRule | None) -> Awaitable[None] | None:
        """See `Guard.authorize`."""
        token = token_of(request, allowed=self._cookies)
        if token is None:
            return self._check(request, rule, ANONYMOUS, counts=True)
        identity = self._tokens.verify(token)
        if isinstance(identity, Identity):
            self._identify(request, rule, token, identity)
            return self._check(request, rule, identity.kuid, counts=True)
        return self._authorize_later(request, rule, token, identity)

    async def _authorize_later(
        self, request: Call, rule: ActionRule | None, token: str, verifying: Awaitable[Identity]
    ) -> None:
        try:
            identity = await verifying
        except ApiError as error:
            remembered = self._tokens.remembered(token) if _may_outlast(rule, error) else None
            if remembered is None:
                raise
            identity = remembered
        self._identify(request, rule, token, identity)
        pending = self._check(request, rule, identity.kuid, counts=True)
        if pending is not None:
            await pending

    def _identify(self, request: Call, rule: ActionRule | None, token: str, identity: Identity) -> None:
        request.identity = identity
        _check_purpose(request, rule, identity)
        held = request.connection.held
        if held is None or held.identity is not identity:
            self._link(request.connection, token, identity)

    def check_rights(self, request: Call, rule: ActionRule | None) -> Awaitable[None] | None:
        """See `Guard.check_rights`. What the server does in its own name may be done."""
        return None if request.user_id is None else self._check(request, rule, request.user_id)

    async def is_allowed(self, request: Call, rule: ActionRule | None, kuid: str) -> bool:
        """Whether a user might make a request (`checkRights`), which is changed by this as if the user made it.

        Raises:
            ApiError: what keeps the answer from being known.
        """
        try:
            pending = self._check(request, rule, kuid)
            if pending is not None:
                await pending
        except ApiError as error:
            if error.id in ("security.rights.unauthorized", "security.rights.forbidden"):
                return False
            raise
        return True

    async def check_token(self, token: str | None) -> TokenState:
        """See `Guard.check_token`."""
        if not token:
            return TokenState(valid=True, kuid=ANONYMOUS, expires_at=None)
        try:
            verified = self._tokens.verify(token)
            identity = verified if isinstance(verified, Identity) else await verified
        except ApiError as error:
            if error.status != 401:
                raise
            return TokenState(valid=False, state=error.message)
        return TokenState(valid=True, kuid=identity.kuid, expires_at=identity.expires_at)

    def _check(
        self, request: Call, rule: ActionRule | None, kuid: str, *, counts: bool = False
    ) -> Awaitable[None] | None:
        request.user_id = kuid
        memory = self._memory
        if rule is None:
            rule = ActionRule(request.controller, request.action, Scope.NONE)
        if not memory.is_trusted:
            return self._check_later(request, rule, kuid, counts=counts)
        granted = rule.grants.get(kuid) if rule.version == memory.version else None
        if granted is EVERYWHERE:
            return None
        if granted is None:
            user = memory.known_user(kuid)
            if user is None:
                return self._check_later(request, rule, kuid, counts=counts)
            granted = self._decide(request, rule, user)
        self._apply(request, rule, granted, counts=counts)
        return None

    async def _check_later(self, request: Call, rule: ActionRule, kuid: str, *, counts: bool) -> None:
        """The same with what has to be fetched first."""
        try:
            await self._memory.ensure()
        except ApiError as error:
            known = self._memory.known_user(kuid) if _may_outlast(rule, error) else None
            if known is None:
                raise
            self._apply(request, rule, self._decide(request, rule, known), counts=counts)
            return
        user = await self._memory.user(kuid)
        if user is None:  # deleted a moment ago: its tokens are about to be revoked
            raise api_error("security.token.invalid")
        self._apply(request, rule, self._decide(request, rule, user), counts=counts)

    def _decide(self, request: Call, rule: ActionRule, user: User) -> Grant:
        memory = self._memory
        profiles = profiles_of(memory, user)
        granted = grant(profiles, memory.role, rule.controller, rule.action)
        if granted is None:
            raise _refusal(request)
        rate = rate_of(profiles)
        if rate and (rule.controller, rule.action) not in _UNCOUNTED:
            granted = granted._replace(rate=rate)
        if rule.version != memory.version or len(rule.grants) > MOST_DECISIONS:
            rule.version = memory.version
            rule.grants.clear()
        if memory.known_user(user.id) is user:  # else it changed while it was read
            rule.grants[user.id] = granted
        return granted

    def _apply(self, request: Call, rule: ActionRule, granted: Grant, *, counts: bool) -> None:
        """Refuse a request that concerns an engine without a right, note those with one, and count it."""
        self._apply_places(request, rule, granted)
        if counts and granted.rate:
            who = request.user_id or ""
            if who == ANONYMOUS:  # strangers are told apart by where they are
                who = f"{who} {client_address(request.connection, self._proxies)}"
            if not self._rates.passes(who, granted.rate):
                raise api_error("api.process.too_many_requests")

    def _apply_places(self, request: Call, rule: ActionRule, granted: Grant) -> None:
        if granted.indices is None:
            request.engines = None
            return
        request.engines = granted.engines(rule.collection)
        request.covers = granted.covers
        if rule.scope is Scope.NONE:
            return
        if rule.scope is Scope.ALL:
            raise _refusal(request)
        places = list(named_places(request.args, rule.collection))
        if rule.scope is Scope.PLATFORM:
            places.append((self._platform, rule.collection))
        elif rule.scope is Scope.ENGINE and not places and not rule.needs_engine:
            raise _refusal(request)
        for index, collection in places:
            if not granted.covers(index, collection):
                raise _refusal(request)


def _may_outlast(rule: ActionRule | None, error: ApiError) -> bool:
    """Whether an action goes on without a store that says who its caller is now."""
    return rule is not None and rule.outlasts_store and error.id == "services.storage.unavailable"


def _check_purpose(request: Call, rule: ActionRule | None, identity: Identity) -> None:
    """Refuse a token that was made for another request. Raises `security.token.invalid`."""
    purpose = identity.purpose
    if purpose is not None and (rule is None or not purpose.allows(rule.controller, rule.action, request.args)):
        raise api_error("security.token.invalid")


def named_places(args: dict[str, Any], collection: str | None) -> Iterator[tuple[str, str | None]]:
    """Every index and collection that the arguments of a request name.

    Args:
        args: the arguments.
        collection: the collection that the action is about; None takes the one that is named.

    Raises:
        ApiError: `api.assert.invalid_type` for a name that is no text: nobody can say what it would reach.
    """
    for name in ("engineId", "index"):
        index = args.get(name)
        if index is not None:
            yield _text(index, name), collection or _text_or_none(args.get("collection"))
    targets = args.get("targets")
    if targets is None:
        return
    if type(targets) is not list:
        raise api_error("api.assert.invalid_type", "targets", "array")
    for place, target in enumerate(targets):
        if type(target) is not dict:
            raise api_error("api.assert.invalid_type", f"targets[{place}]", "object")
        index = _text(target.get("index"), f"targets[{place}].index")
        collections = target.get("collections")
        if type(collections) is not list or not collections:
            yield index, None
        else:
            for name in collections:
                yield index, _text(name, f"targets[{place}].collections")


def _text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise api_error("api.assert.invalid_type", name, "string")
    return value


def _text_or_none(value: Any) -> str | None:
    return value if type(value) is str else None


def _refusal(request: Call) -> ApiError:
    kind = "unauthorized" if request.user_id == ANONYMOUS else "forbidden"
    return api_error(f"security.rights.{kind}", request.controller, request.action, request.user_id)
