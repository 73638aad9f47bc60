"""Storing the roles and profiles that a platform begins with, and closing it (router-protocol 5.10, design 8)."""

from __future__ import annotations

from device_manager.security.definitions import (
    ADMIN,
    ANONYMOUS,
    DEFAULT,
    DOMAIN_PROFILES,
    DOMAIN_ROLES,
    OPEN_PROFILES,
    OPEN_ROLES,
    PAYLOAD_GATEWAY,
    RESTRICTED_PROFILES,
    RESTRICTED_ROLES,
    Content,
)
from device_manager.security.documents import ANONYMOUS_USER, profile_key, role_key, user_key
from device_manager.security.memory import GENERATION, SecurityMemory, profiles_of, raise_generation
from device_manager.security.rights import grant
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.stamps import changed, created, stamp_now

_GIVING_RIGHTS = (
    ("*", "*"),
    ("security", "createUser"),
    ("security", "createOrReplaceRole"),
    ("admin", "loadSecurities"),
)
"""Whoever may do any of these can give everything to everybody."""

_NATIVE = [key(name) for key in (role_key, profile_key) for name in (ADMIN, DEFAULT, ANONYMOUS)]


def _contents(roles: dict[str, Content], profiles: dict[str, Content]) -> dict[Key, Content]:
    return {role_key(id): content for id, content in roles.items()} | {
        profile_key(id): content for id, content in profiles.items()
    }


async def store_missing(store: Store) -> None:
    """Store the roles and profiles that are missing: open on a fresh store, closed where others had rights before.

    Raises:
        ApiError: the store does not answer.
    """
    wanted = _contents(OPEN_ROLES | DOMAIN_ROLES, OPEN_PROFILES | DOMAIN_PROFILES)
    keys = list(wanted)
    if len(await store.read(keys)) == len(keys):
        return

    def decide(tx: Transaction) -> None:
        known = tx.read([*keys, GENERATION])
        contents = wanted
        if any(key in known for key in _NATIVE):
            contents = wanted | _contents(RESTRICTED_ROLES, RESTRICTED_PROFILES)
        stamp = stamp_now(None)
        for key in keys:
            if key not in known:
                tx.create(key.index, key.collection, created(contents[key], stamp), key.id)
        raise_generation(tx)

    await store.transact(decide)


async def store_gateway_user(store: Store) -> None:
    """Store the user that gateways post payloads as, without credentials, unless it is there (device-manager 5.4).

    Raises:
        ApiError: the store does not answer.
    """
    key = user_key(PAYLOAD_GATEWAY)
    if await store.read((key,)):
        return

    def decide(tx: Transaction) -> None:
        if key not in tx.read((key, GENERATION)):
            content = {"profileIds": [PAYLOAD_GATEWAY]}
            tx.create(key.index, key.collection, created(content, stamp_now(None)), key.id)
            raise_generation(tx)

    await store.transact(decide)


def restrict(tx: Transaction, user_id: str | None) -> None:
    """Leave strangers no more than logging in, and users of the profile `default` not much more.

    Args:
        tx: the transaction.
        user_id: who does it.
    """
    _write(tx, _contents(RESTRICTED_ROLES, RESTRICTED_PROFILES), user_id)


def reopen(tx: Transaction, user_id: str | None) -> None:
    """Make roles and profiles what they are on a fresh store, where everybody may do everything; others stay."""
    _write(tx, _contents(OPEN_ROLES | DOMAIN_ROLES, OPEN_PROFILES | DOMAIN_PROFILES), user_id)


def _write(tx: Transaction, contents: dict[Key, Content], user_id: str | None) -> None:
    """Store roles and profiles in the place of those of the same ids."""
    known: dict[Key, Document] = tx.read([*contents, GENERATION])
    stamp = stamp_now(user_id)
    for key, content in contents.items():
        if key in known:
            tx.replace(key, changed(content | {"_kuzzle_info": known[key].source.get("_kuzzle_info")}, stamp))
        else:
            tx.create(key.index, key.collection, created(content, stamp), key.id)
    raise_generation(tx)


def is_open(memory: SecurityMemory) -> bool:
    """Whether callers who did not log in may do everything, or may make themselves administrators."""
    profiles = profiles_of(memory, ANONYMOUS_USER)
    granted = (grant(profiles, memory.role, *action) for action in _GIVING_RIGHTS)
    return any(found is not None and found.indices is None for found in granted)
