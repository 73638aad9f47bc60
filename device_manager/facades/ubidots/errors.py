"""Refusals in the words of Ubidots (facades 4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.errors import ApiError

NO_CREDENTIALS = "Authentication credentials were not provided."
WRONG_CREDENTIALS = "Incorrect authentication credentials."
NOT_FOUND = "Not found."
FORBIDDEN = "You do not have permission to perform this action."
BULK_HEADER_MISSING = "Header `X-BULK-OPERATION` should be provided for bulk operation."
RETRY_AFTER = "1"
"""Seconds."""


class UbidotsError(Exception):
    """A refusal.

    Attributes:
        status: of HTTP.
        body: JSON.
        headers: beside the content type.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body.get("message", body)))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    @property
    def name(self) -> str:
        """What the access log calls it: its code, if it has one."""
        return str(self.body.get("code", self.status))


def invalid(detail: Mapping[str, list[str]]) -> UbidotsError:
    """A body or a query that cannot be used; `detail` says by member what is wrong with it."""
    return UbidotsError(400, {"code": 400001, "message": "Validation Error.", "detail": detail})


def not_json(reason: str) -> UbidotsError:
    """A body that is no JSON."""
    message = f"The payload is not valid JSON: {reason}"
    return UbidotsError(400, {"code": 400001, "message": message, "detail": message})


def coded(status: int, text: str, *, serial: int = 1, headers: Mapping[str, str] | None = None) -> UbidotsError:
    """A refusal whose message and detail say the same."""
    return UbidotsError(status, {"code": status * 1000 + serial, "message": text, "detail": text}, headers)


def no_credentials() -> UbidotsError:
    """Nothing was shown."""
    return coded(401, NO_CREDENTIALS)


def wrong_credentials() -> UbidotsError:
    """What was shown is good for nothing, or not any more."""
    return coded(401, WRONG_CREDENTIALS, serial=2)


def not_found() -> UbidotsError:
    """An unknown device, variable, task or page, or a path that leads nowhere."""
    return coded(404, NOT_FOUND)


def no_bulk_header() -> UbidotsError:
    """A bulk operation that does not say that it is one."""
    return UbidotsError(400, {"detail": BULK_HEADER_MISSING})


def wrong_verb(verb: str, allowed: str) -> UbidotsError:
    """A path that exists, but not for this verb."""
    return coded(405, f'Method "{verb}" not allowed.', headers={"allow": allowed})


def wrong_type(content_type: str) -> UbidotsError:
    """A body that does not say that it is JSON."""
    return coded(415, f'Unsupported media type "{content_type}" in request.')


def too_many() -> UbidotsError:
    """A token that is used too often."""
    return coded(429, "Request was throttled.", headers={"retry-after": RETRY_AFTER})


def translated(error: ApiError) -> UbidotsError:
    """What an action refused."""
    status = error.status
    if status == 401:
        return wrong_credentials()
    if status == 403:
        return coded(403, FORBIDDEN)
    if status == 404:
        return not_found()
    if status == 429:
        return coded(429, error.message, headers={"retry-after": RETRY_AFTER})
    if status in (409, 503):
        return coded(status, error.message)
    if status >= 500:
        return coded(500, error.message)
    return invalid({"non_field_errors": [error.message]})
