"""What indices, collections and documents may be called (router-protocol 6.2)."""

from __future__ import annotations

import re

from device_manager.errors import api_error

MAX_NAME_BYTES = 126
MAX_ID_BYTES = 512
RESERVED_COLLECTION = "_kuzzle_keep"

_FORBIDDEN = re.compile(r'[\\/*?"<>| \t\r\n,+#:.&%]')


def check_index_name(name: str) -> None:
    """Refuse what cannot name a new index. Raises `services.storage.invalid_index_name`."""
    if not is_usable_name(name):
        raise api_error("services.storage.invalid_index_name", name)


def check_collection_name(name: str) -> None:
    """Refuse what cannot name a new collection.

    Raises:
        ApiError: `services.storage.collection_reserved` or `invalid_collection_name`.
    """
    if name == RESERVED_COLLECTION:
        raise api_error("services.storage.collection_reserved", name)
    if not is_usable_name(name):
        raise api_error("services.storage.invalid_collection_name", name)


def check_id(id: str) -> None:
    """Refuse what cannot be the id of a document. Raises `services.storage.unexpected_bad_request`."""
    if not id or len(id) > MAX_ID_BYTES or len(id.encode()) > MAX_ID_BYTES:
        raise api_error(
            "services.storage.unexpected_bad_request",
            f'The document id "{id[:40]}..." is longer than {MAX_ID_BYTES} bytes.' if id else "A document id is empty.",
        )


def is_usable_name(name: str) -> bool:
    """Whether an index or a collection can be called that."""
    return (
        bool(name)
        and name == name.lower()
        and len(name.encode()) <= MAX_NAME_BYTES
        and name != "_all"
        and not _FORBIDDEN.search(name)
    )
