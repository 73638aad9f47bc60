"""Hashes passwords with argon2id, a bounded number at a time and beside the event loop (design 8)."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import argon2

from device_manager.errors import api_error
from device_manager.security.legacy_hashes import USUAL, is_legacy, legacy_matches

T = TypeVar("T")

ALGORITHM = "argon2id"
"""How `algorithm` of a credentials document names these hashes; others belong to data of another making."""
LANES = 1
HASH_BYTES = 32
SALT_BYTES = 16
LEAST_KIB = 8 * LANES
"""Below this the algorithm does not work."""


class Passwords:
    """Hashes and compares.

    Args:
        threads: how many at once.
        waiting: requests that wait for one of the threads; further ones are refused.
        memory: bytes that one hash takes.
        passes: how often it goes through them.

    Attributes:
        work: hashes computed, by kind: `argon2` and, for data of another making, `legacy`.
    """

    def __init__(self, threads: int, waiting: int, *, memory: int, passes: int) -> None:
        memory_kib = max(memory // 1024, LEAST_KIB)
        self._hasher = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=LANES, hash_len=HASH_BYTES, salt_len=SALT_BYTES
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._most = threads + waiting
        self._entered = 0
        self._nobody = _hash_of_nobody(memory_kib, passes)
        self._meets_legacy = False
        self.work = {"argon2": 0, "legacy": 0}

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The text to store. Raises `api.process.too_many_logins_requests` (429) when too many wait."""
        self.work["argon2"] += 1
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    def is_outdated(self, stored: dict[str, Any]) -> bool:
        """Whether a password that was found right should be hashed again: its form is old, or less costly than now."""
        return stored.get("algorithm") != ALGORITHM or self._hasher.check_needs_rehash(str(stored["userPassword"]))

    async def matches(self, stored: dict[str, Any] | None, password: str) -> bool:
        """Whether `password` is the one of a credentials document; the same work is done without one.

        As soon as one document of another making was met, its kind of hash is computed for every comparison too: how
        long an answer takes must not tell who exists.

        Raises:
            ApiError: `api.process.too_many_logins_requests` (429) when too many wait.
        """
        is_old = stored is not None and is_legacy(stored)
        self._meets_legacy |= is_old
        is_ours = stored is not None and stored.get("algorithm") == ALGORITHM
        text = str(stored.get("userPassword")) if stored is not None and is_ours else self._nobody
        legacy = stored if stored is not None and is_old else USUAL if self._meets_legacy else None
        self.work["argon2"] += 1
        self.work["legacy"] += legacy is not None

        def compare() -> bool:
            ours = self._verify(text, password) and is_ours
            return (legacy is not None and legacy_matches(legacy, password)) or ours

        return await self._run(compare)

    def _verify(self, text: str, password: str) -> bool:
        try:
            return self._hasher.verify(text, _bytes(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._entered >= self._most:
            raise api_error("api.process.too_many_logins_requests")
        self._entered += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._entered -= 1


def _bytes(password: str) -> bytes:
    """The password as bytes; half a character, which JSON may hold, counts as a replacement for it."""
    return password.encode("utf-8", "replace")


def _hash_of_nobody(memory_kib: int, passes: int) -> str:
    """A hash that no password has, as costly to compare with as any other."""
    salt, digest = (base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={memory_kib},t={passes},p={LANES}${salt}${digest}"
