"""What a collection is called inside the cluster (router-protocol 6.1)."""

from __future__ import annotations

import re

from device_manager.storage.contract import INTERNAL_INDEX, PRIVATE_PREFIX, is_private
from device_manager.storage.mappings.names import RESERVED_COLLECTION

PUBLIC = "&"
PRIVATE = PRIVATE_PREFIX
ALIAS = "@"
PLACEHOLDER = RESERVED_COLLECTION

TRANSACTIONS = "tx"
"""The internal collection that holds the intents of undecided transactions."""

_PHYSICAL = re.compile(r"([&%])([^.]+)\.([^.]+)(?:\.\d+)?")


def physical_name(index: str, collection: str) -> str:
    """The cluster's index that holds the documents of a new collection."""
    scope = "" if index.startswith(PRIVATE) else PRIVATE if is_private(index) else PUBLIC
    return f"{scope}{index}.{collection}"


def alias_name(index: str, collection: str) -> str:
    """The alias that every request uses."""
    return ALIAS + physical_name(index, collection)


def alias_of_physical(physical: str) -> str | None:
    """The alias that belongs to one of the cluster's indices; None when it is none of ours."""
    match = _PHYSICAL.fullmatch(physical)
    return f"{ALIAS}{match[1]}{match[2]}.{match[3]}" if match else None


def parse_alias(alias: str) -> tuple[str, str] | None:
    """Index and collection of an alias; None for what is no alias of ours."""
    scope, (index, _, collection) = alias[1:2], alias[2:].partition(".")
    if not alias.startswith(ALIAS) or not collection or scope not in (PUBLIC, PRIVATE):
        return None
    return index if scope == PUBLIC or index == INTERNAL_INDEX else scope + index, collection


TRANSACTIONS_ALIAS = alias_name(INTERNAL_INDEX, TRANSACTIONS)
