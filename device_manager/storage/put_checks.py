"""What every store refuses of a put before it looks at anything: one bad operation would refuse a shared request."""

from __future__ import annotations

from device_manager.storage.contract import Put
from device_manager.storage.mappings import bad_value, check_id

MAX_VERSION = (1 << 63) - 1


def check_put(put: Put) -> None:
    """Refuse an id that no document can have, and a version that no store can keep.

    Raises:
        ApiError: `services.storage.unexpected_bad_request`.
    """
    check_id(put.key.id)
    if not 0 <= put.version <= MAX_VERSION:
        raise bad_value(f'The version {put.version} of document "{put.key.id}" is not from 0 to {MAX_VERSION}.')
