"""Passwords as the local strategy of existing Kuzzle platforms stored them (router-protocol 5.2).

Such a document says how it was made: `algorithm`, `stretching` (PBKDF2, else one round) and `encryption` (`hmac` or
`hash`). How the bytes were written as text it does not say, so all usual ways are compared.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any

ROUNDS = 10_000
KEY_BYTES = {"sha1": 40, "sha224": 224, "sha256": 256, "sha384": 384, "sha512": 512}
"""How long the keys are that stretching makes; it is not the size of the hash."""
USUAL = {"algorithm": "sha512", "stretching": True, "encryption": "hmac", "userSalt": "00" * 128, "userPassword": ""}
"""A document of the usual form that no password matches: comparing with it costs what comparing with others does."""
_ALGORITHM = re.compile(r"(?:rsa-)?(sha1|sha224|sha256|sha384|sha512)(?:withrsaencryption)?", re.IGNORECASE)


def is_legacy(stored: dict[str, Any]) -> bool:
    """Whether a credentials document, or an entry of its history, has one of these forms."""
    return _algorithm(stored) is not None and isinstance(stored.get("userPassword"), str)


def legacy_matches(stored: dict[str, Any], password: str) -> bool:
    """Whether `password` is the one of a document for which `is_legacy` holds. Takes some tenths of a second."""
    digest = _digest(stored, password)
    expected = stored["userPassword"].encode()
    texts = (digest.hex().encode(), base64.b64encode(digest), base64.urlsafe_b64encode(digest).rstrip(b"="))
    return bool(expected) and any([hmac.compare_digest(text, expected) for text in texts])


def _digest(stored: dict[str, Any], password: str) -> bytes:
    algorithm = _algorithm(stored) or "sha512"
    salt = stored.get("userSalt")
    salt = salt if isinstance(salt, str) else ""
    secret = password.encode("utf-8", "replace")
    if stored.get("stretching", True):
        return hashlib.pbkdf2_hmac(algorithm, secret, salt.encode(), ROUNDS, KEY_BYTES[algorithm])
    if stored.get("encryption") == "hash":
        return hashlib.new(algorithm, f"{salt}:".encode() + secret if salt else secret).digest()
    return hmac.digest(salt.encode(), secret, algorithm)


def _algorithm(stored: dict[str, Any]) -> str | None:
    """The plain name of the hash, whatever alias of it the document uses."""
    name = stored.get("algorithm")
    match = _ALGORITHM.fullmatch(name) if isinstance(name, str) else None
    return match[1].lower() if match else None
