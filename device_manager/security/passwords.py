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

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The text to store. Raises `api.process.too_many_logins_requests` (429) when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, stored: dict[str, Any] | None, password: str) -> bool:
        """Whether `password` is the one of a credentials document; the comparison takes the same time without one.

        Raises:
            ApiError: `api.process.too_many_logins_requests` (429) when too many wait.
        """
        known = stored is not None and stored.get("algorithm") == ALGORITHM
        text = str(stored.get("userPassword")) if stored is not None and known else self._nobody
        return await self._run(lambda: self._verify(text, password)) and known

    def _verify(self, text: str, password: str) -> bool:
        try:
            return self._hasher.verify(text, password)
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


def _hash_of_nobody(memory_kib: int, passes: int) -> str:
    """A hash that no password has, as costly to compare with as any other."""
    salt, digest = (base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={memory_kib},t={passes},p={LANES}${salt}${digest}"
