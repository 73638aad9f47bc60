"""Who calls: the holder of the access key that signed the request (facades 2.10 and 2.11)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from device_manager.facades.sitewise.errors import SiteWiseError
from device_manager.facades.sitewise.signature import (
    SERVICE,
    SESSION_HEADER,
    Proof,
    Unreadable,
    expected_signature,
    read_proof,
)
from device_manager.router.foreign import ForeignRequest
from device_manager.security import foreign_credentials
from device_manager.security.foreign_credentials import ForeignCaller, ForeignCredentials, Interface, hash_of

ANY_REGION = "*"


class Authentication:
    """Finds out who calls.

    Args:
        credentials: knows the access keys.
        skew: seconds by which the caller's clock may differ.
        clock: seconds since 1970.
    """

    def __init__(self, credentials: ForeignCredentials, skew: float, clock: Callable[[], float] = time.time) -> None:
        self._credentials = credentials
        self._skew = skew
        self._clock = clock

    async def caller(self, request: ForeignRequest) -> ForeignCaller:
        """Whose signature the request bears, and the region for which it is.

        Raises:
            SiteWiseError: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
                `UnrecognizedClientException`, `InvalidSignatureException` or `ExpiredTokenException`.
            ApiError: the store does not answer.
        """
        try:
            proof = read_proof(request.message, request.query)
            if proof is None:
                raise _refusal("MissingAuthenticationToken", 403, "The request is not signed.")
            caller = await self._known(proof)
            self._check_scope(proof, caller)
            expected = expected_signature(request.message, request.path, request.query, proof, caller.secret)
        except Unreadable as error:
            raise _refusal("IncompleteSignature", 400, str(error)) from None
        if not hmac.compare_digest(expected, proof.signature):
            raise _refusal(
                "InvalidSignature",
                403,
                "The signature is not the one that follows from this request and the secret access key. Look at the "
                "secret, and at proxies that change the path, the query, the body or a signed header.",
            )
        if 0 <= caller.expires_at <= self._clock() * 1000:
            raise _refusal("ExpiredToken", 403, "The session of the access key is over.")
        return caller._replace(region=proof.region)

    async def _known(self, proof: Proof) -> ForeignCaller:
        caller = await self._credentials.find(
            Interface.SITEWISE, foreign_credentials.Proof.ACCESS_KEY, proof.access_key
        )
        if caller is None:
            raise _refusal("UnrecognizedClient", 403, f"There is no access key {proof.access_key}.")
        if not hmac.compare_digest(hash_of(proof.session_token) if proof.session_token else "", caller.session):
            whose = "is good together with its session token only" if caller.session else "has no session token"
            raise _refusal("UnrecognizedClient", 403, f"The access key {proof.access_key} {whose}.")
        if proof.session_token and proof.lifetime is None and SESSION_HEADER not in proof.signed_headers:
            raise _refusal("InvalidSignature", 403, f"The header {SESSION_HEADER} has to be signed.")
        return caller

    def _check_scope(self, proof: Proof, caller: ForeignCaller) -> None:
        """Refuse a signature for another service, region or time. Raises `Unreadable` for what is no date."""
        if proof.service != SERVICE:
            raise _refusal("InvalidSignature", 403, f"It is signed for {proof.service}, and has to be for {SERVICE}.")
        if caller.region not in (ANY_REGION, proof.region):
            reason = f"It is signed for the region {proof.region}, and has to be for {caller.region}."
            raise _refusal("InvalidSignature", 403, reason)
        if not proof.signed_at.startswith(proof.date):
            reason = f"The scope is of {proof.date}, but it is signed at {proof.signed_at}."
            raise _refusal("InvalidSignature", 403, reason)
        age = self._clock() - proof.time
        if not -self._skew <= age <= self._skew + (proof.lifetime or 0):
            reason = (
                f"It is signed at {proof.signed_at}, {age:.0f} s before now by the clock of the server; at most "
                f"{self._skew:.0f} s are allowed."
            )
            raise _refusal("InvalidSignature", 403, reason)


def _refusal(name: str, status: int, message: str) -> SiteWiseError:
    return SiteWiseError(f"{name}Exception", status, message)
