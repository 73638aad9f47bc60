"""Whether a password was used before, told no faster than logins can be guessed (router-protocol 5.2)."""

from __future__ import annotations

from device_manager.errors import ApiError, api_error
from device_manager.security.guessing import Attempt, Guessing
from device_manager.security.local_documents import history_of
from device_manager.security.password_policies import PLUGIN
from device_manager.security.passwords import Passwords
from device_manager.storage.contract import Document


class Reuse:
    """Holds new passwords against those that a user has and had.

    Args:
        passwords: compares.
        guessing: counts each look as an attempt to guess the password; of its own, so that nobody who tries new
            passwords is kept from logging in.
    """

    def __init__(self, passwords: Passwords, guessing: Guessing) -> None:
        self._passwords = passwords
        self._guessing = guessing

    async def check(self, found: Document | None, remembered: int, password: str, address: str) -> Attempt | None:
        """Refuse a password that must not be taken again.

        Args:
            found: the credentials that it is for, if there are any.
            remembered: how many of the last passwords, the one in use among them, are looked at.
            password: the new one.
            address: where the caller is.

        Returns:
            What was counted, to be withdrawn once the password has become the one in use: that tells nothing twice.
            None when there was nothing to look at.

        Raises:
            ApiError: `reused_password` (400) of the local strategy, `api.process.too_many_logins_requests` (429) after
                too many looks.
        """
        before = [found.source, *history_of(found.source)][:remembered] if found else []
        if found is None or not before:
            return None
        attempt = self._guessing.begin(found.id, address)
        try:
            is_reused = [await self._passwords.matches(stored, password) for stored in before]
        except ApiError:
            attempt.withdraw()
            raise
        if any(is_reused):
            raise api_error(f"{PLUGIN}.reused_password")
        return attempt
