"""The fields of credentials of the strategy `local`, as clients send them (router-protocol 5.2)."""

from __future__ import annotations

from device_manager.security.local_documents import rejected
from device_manager.storage.mappings import check_id

FIELDS = ("username", "password")
LONGEST_PASSWORD = 4096
"""Characters of a new password."""


def check_fields(credentials: object, *, complete: bool) -> dict[str, str]:
    """The fields of credentials, once they are usable; `complete` wants all of them.

    Raises:
        ApiError: `security.credentials.rejected` (400).
    """
    if not isinstance(credentials, dict):
        raise rejected("credentials of the strategy local are an object.")
    unknown = sorted(credentials.keys() - set(FIELDS))
    if unknown:
        raise rejected(f"the field {unknown[0]!r} is not accepted, only username and password are.")
    for field in FIELDS:
        value = credentials.get(field)
        if field in credentials and (not isinstance(value, str) or not value):
            raise rejected(f"the field {field!r} has to be a text that is not empty.")
        if complete and field not in credentials:
            raise rejected(f"the field {field!r} is missing.")
    if not credentials:
        raise rejected("one of the fields username and password is needed.")
    if len(credentials.get("password", "")) > LONGEST_PASSWORD:
        raise rejected(f"the password has more than {LONGEST_PASSWORD} characters.")
    if "username" in credentials:
        check_id(credentials["username"])
    return credentials
