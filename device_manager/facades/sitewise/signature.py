"""AWS Signature Version 4: reads the proof out of a request and computes what it has to be (facades 2.11). Pure.

Everything is taken as it came over the wire: a path or a value that was decoded and encoded again may look the same
and still have another signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from device_manager.router.request import HttpMessage

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "iotsitewise"
TERMINATOR = "aws4_request"
UNSIGNED = "UNSIGNED-PAYLOAD"
SESSION_HEADER = "x-amz-security-token"
LONGEST_LIFE = 604_800
"""Seconds for which a signature in a query may be good."""
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Unreadable(ValueError):
    """The proof is incomplete or not of the form that it has to have; the text says what is wrong."""


class Proof(NamedTuple):
    """What a request shows.

    Attributes:
        access_key: whose secret signed.
        date: `YYYYMMDD` of the scope.
        region: of the scope.
        service: of the scope.
        signed_headers: their names, in order.
        signature: 64 hex digits.
        signed_at: `YYYYMMDDTHHMMSSZ`.
        lifetime: seconds for which a signature in a query is good; None for one in a header.
        session_token: what is shown beside the access key; empty without one.
    """

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str
    lifetime: int | None
    session_token: str

    @property
    def time(self) -> float:
        """When it was signed, in seconds since 1970."""
        try:
            return datetime.strptime(self.signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise Unreadable(f"{self.signed_at} is not a date.") from None


def read_proof(message: HttpMessage, query: bytes) -> Proof | None:
    """The proof in the header `Authorization`, or else in the query; None without any.

    Raises:
        Unreadable: it is of another form, or a part is missing.
    """
    given = [value for name, value in message.headers if name == b"authorization"]
    if given:
        return _from_header(message, _text(given[0]), len(given))
    parameters = _parameters(query)
    if "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters:
        return _from_query(parameters)
    return None


def expected_signature(message: HttpMessage, path: bytes, query: bytes, proof: Proof, secret: str) -> str:
    """What the signature has to be.

    Args:
        message: the request.
        path: the raw path, with what it is mounted at.
        query: the raw query.
        proof: what the request shows.
        secret: the secret of the access key.

    Raises:
        Unreadable: a signed header is missing.
    """
    scope = f"{proof.date}/{proof.region}/{proof.service}/{TERMINATOR}"
    canonical = canonical_request(message, path, query, proof)
    to_sign = "\n".join((ALGORITHM, proof.signed_at, scope, hashlib.sha256(canonical).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (proof.date, proof.region, proof.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest()


def canonical_request(message: HttpMessage, path: bytes, query: bytes, proof: Proof) -> bytes:
    """The form of a request that is signed. Raises `Unreadable` for a signed header that is missing."""
    signed = "".join(f"{name}:{_header(message, name)}\n" for name in proof.signed_headers)
    parts = (
        message.verb,
        quote_from_bytes(_normalised(path), safe="/~"),
        _canonical_query(query),
        signed,
        ";".join(proof.signed_headers),
        _payload_hash(message),
    )
    return "\n".join(parts).encode("latin-1")


def _from_header(message: HttpMessage, text: str, times: int) -> Proof:
    scheme, _, rest = text.partition(" ")
    if times > 1 or scheme != ALGORITHM:
        raise Unreadable(f"There has to be one Authorization header, and it has to begin with {ALGORITHM}.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    return _proof(
        parts.get("Credential"),
        parts.get("SignedHeaders"),
        parts.get("Signature"),
        _optional_header(message, "x-amz-date"),
        None,
        _optional_header(message, SESSION_HEADER) or "",
    )


def _from_query(parameters: dict[str, str]) -> Proof:
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        raise Unreadable(f"X-Amz-Algorithm has to be {ALGORITHM}.")
    lifetime = parameters.get("X-Amz-Expires", "")
    if not (lifetime.isascii() and lifetime.isdigit() and 0 < int(lifetime) <= LONGEST_LIFE):
        raise Unreadable(f"X-Amz-Expires has to be a number from 1 to {LONGEST_LIFE}.")
    return _proof(
        parameters.get("X-Amz-Credential"),
        parameters.get("X-Amz-SignedHeaders"),
        parameters.get("X-Amz-Signature"),
        parameters.get("X-Amz-Date"),
        int(lifetime),
        parameters.get("X-Amz-Security-Token", ""),
    )


def _proof(
    credential: str | None,
    signed_headers: str | None,
    signature: str | None,
    signed_at: str | None,
    lifetime: int | None,
    session_token: str,
) -> Proof:
    scope = (credential or "").split("/")
    if len(scope) != 5 or not all(scope) or scope[4] != TERMINATOR:
        raise Unreadable(f"Credential has to be KEY/DATE/REGION/SERVICE/{TERMINATOR}.")
    names = tuple((signed_headers or "").split(";"))
    if "host" not in names or len(set(names)) != len(names) or any(name != name.lower() for name in names):
        raise Unreadable("SignedHeaders has to name each signed header once, in lower case, host among them.")
    if signature is None or not _SIGNATURE.fullmatch(signature):
        raise Unreadable("Signature has to be 64 hex digits in lower case.")
    if signed_at is None or not _DATE.fullmatch(signed_at):
        raise Unreadable("X-Amz-Date has to be a time such as 20261122T182250Z.")
    access_key, date, region, service, _ = scope
    return Proof(access_key, date, region, service, names, signature, signed_at, lifetime, session_token)


def _parameters(query: bytes) -> dict[str, str]:
    """The parameters of a query that authenticate, decoded; of one that is repeated the last."""
    found: dict[str, str] = {}
    for name, value in _pairs(query):
        if name.startswith(b"X-Amz-"):
            found[_text(name)] = _text(unquote_to_bytes(value))
    return found


def _canonical_query(query: bytes) -> str:
    pairs = sorted(pair for pair in _pairs(query) if pair[0] != b"X-Amz-Signature")
    return "&".join(f"{_text(name)}={_text(value)}" for name, value in pairs)


def _pairs(query: bytes) -> Iterable[tuple[bytes, bytes]]:
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            yield name, value


def _normalised(path: bytes) -> bytes:
    """The path without doubled slashes and dot segments."""
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    end = b"/" if kept and path.endswith(b"/") else b""
    return b"/" + b"/".join(kept) + end


def _header(message: HttpMessage, name: str) -> str:
    value = _optional_header(message, name)
    if value is None:
        raise Unreadable(f"The signed header {name} is missing.")
    return value


def _optional_header(message: HttpMessage, name: str) -> str | None:
    """The values of a header as they are signed: trimmed, inner blanks collapsed, joined."""
    raw = name.encode("latin-1", "replace")
    values = [" ".join(_text(value).split()) for found, value in message.headers if found == raw]
    return ",".join(values) if values else None


def _payload_hash(message: HttpMessage) -> str:
    """The hash that is signed. One that is shown and is not that of the body makes any signature wrong."""
    actual = hashlib.sha256(message.body).hexdigest()
    given = _optional_header(message, "x-amz-content-sha256")
    if given in (None, UNSIGNED, actual):
        return given or actual
    return f"{actual}, not {given}"


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")
