"""Refusals in the words of TEOS (facades 3.13)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import structlog

from device_manager.errors import ApiError
from device_manager.router.current import CURRENT

Casing = Literal["camel", "pascal", "both"]
UNAUTHORISED = "11001"
UNUSABLE, UNBOUND = "12001", "12002"
TOO_MANY = "13000"
PRECONDITIONS, VALIDATION, TRANSACTIONS = "21000", "22000", "32000"
UNEXPECTED = "50000"

log = structlog.get_logger("teos")


class Detail(NamedTuple):
    """One reason of a refusal.

    Attributes:
        code: number of the reason, as text.
        message: for people.
        arguments: what the reason is about, by name.
        target: the member that it is about; empty for none.
    """

    code: str
    message: str
    arguments: Mapping[str, str] = {}
    target: str = ""


class TeosError(Exception):
    """A refusal.

    Attributes:
        status: of HTTP.
        code: number of the kind of refusal, as text.
        details: its reasons.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Iterable[Detail] = (),
        *,
        more: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self._more = dict(more or {})

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its body."""
        if self.status == 401:
            return {"www-authenticate": "Bearer"}
        busy = {"x-rate-limit-limit": "1s", "x-rate-limit-remaining": "0"} if self.status == 429 else {}
        return busy | self._more

    def body(self, target: str, casing: Casing) -> dict[str, Any]:
        """The error as JSON; its trace id is the one by which the log has the request.

        Args:
            target: the route.
            casing: of the members' names.
        """
        request = CURRENT.get()
        trace = str(uuid.uuid4()) if request is None else request.id
        log.info("refused", code=self.code, reason=self.message, target=target)
        details = [
            _cased(
                {
                    "code": detail.code,
                    "message": detail.message,
                    "arguments": dict(detail.arguments),
                    "target": detail.target,
                },
                casing,
            )
            for detail in self.details
        ]
        content = {
            "code": self.code,
            "message": self.message,
            "target": target,
            "details": details,
            "clTraceId": trace,
        }
        return _cased(content, casing)


def _cased(content: dict[str, Any], casing: Casing) -> dict[str, Any]:
    if casing == "camel":
        return content
    pascal = {name[0].upper() + name[1:]: value for name, value in content.items()}
    return pascal if casing == "pascal" else content | pascal


def unauthorised(reason: str = "A bearer token is needed: Authorization: Bearer <token>.") -> TeosError:
    """Nobody knows the caller, or the caller's token is not good for this."""
    return TeosError(401, UNAUTHORISED, reason)


def unusable(message: str, target: str = "", further: Iterable[Detail] = ()) -> TeosError:
    """A query option or a member of a body that cannot be used."""
    return TeosError(400, UNUSABLE, message, (Detail(UNUSABLE, message, target=target), *further))


def refused(code: str, details: Iterable[Detail]) -> TeosError:
    """A refusal with one or several reasons; the first one's text is the message."""
    reasons = tuple(details)
    return TeosError(400, code, reasons[0].message, reasons)


def invalid(reason: int, message: str, target: str = "", **arguments: str) -> TeosError:
    """A body that can be read and says something that is not allowed."""
    return refused(VALIDATION, (Detail(str(reason), message, arguments, target),))


def of_transaction(reason: int, message: str, **arguments: str) -> TeosError:
    """What the transaction server refuses."""
    return refused(TRANSACTIONS, (Detail(str(reason), message, arguments),))


def not_found(message: str, **arguments: str) -> TeosError:
    """Nothing has the key of a GET."""
    return TeosError(404, PRECONDITIONS, message, (Detail("1001", message, arguments),))


def translated(error: ApiError) -> TeosError:
    """What an action, the store or the bounds of the server refuse."""
    if error.status == 401:
        return unauthorised(error.message)
    if error.status == 403:
        return TeosError(403, UNAUTHORISED, error.message)
    if error.status == 429:
        return TeosError(429, TOO_MANY, error.message)
    if error.status in (404, 503):
        return TeosError(error.status, UNEXPECTED, error.message)
    if error.status >= 500:
        return TeosError(500, UNEXPECTED, error.message)
    return TeosError(400, UNBOUND, error.message, (Detail(UNBOUND, error.message),))
