"""Secrets that have to be read again: encrypted with a key of the server (facades 1.2)."""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from device_manager.security.signing import Signer

NONCE_BYTES = 12


class Sealer:
    """Encrypts texts for one purpose; whoever reads a single collection learns nothing from them.

    Args:
        signer: has the server's secret.
        purpose: what is sealed for one purpose cannot be opened for another.
    """

    def __init__(self, signer: Signer, purpose: str) -> None:
        self._signer = signer
        self._purpose = purpose
        self._cipher: AESGCM | None = None

    async def ready(self) -> None:
        """Get the key. Raises what the store raises."""
        if self._cipher is None:
            await self._signer.ready()
            self._cipher = AESGCM(self._signer.derived_key(self._purpose))

    def seal(self, text: str, owner: str) -> str:
        """The encrypted text; it can be opened only for the same `owner`. Call `ready` before."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._key.encrypt(nonce, text.encode(), owner.encode())).decode()

    def open(self, sealed: str, owner: str) -> str | None:
        """The text; None when it was sealed for somebody else, with another key, or altered. Call `ready` before."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], owner.encode()).decode()
        except (ValueError, InvalidTag):
            return None

    @property
    def _key(self) -> AESGCM:
        if self._cipher is None:
            raise RuntimeError("the key is asked for before `ready`")
        return self._cipher
