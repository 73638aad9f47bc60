"""Which indices and collections a client may name (router-protocol 2.4, 5.6, 6.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from device_manager.errors import api_error
from device_manager.storage.contract import is_private
from device_manager.storage.mappings import is_usable_name
from device_manager.storage.merging import Target as Target

MOST_TARGETS = 200
"""Collections that one search looks into."""
SEVERAL = frozenset("*,+")
"""Characters by which a name would stand for several."""


@lru_cache(maxsize=4096)
def check_index(index: str) -> None:
    """Refuse an index that no client may name; what is private is answered like what does not exist.

    Raises:
        ApiError: `api.assert.missing_argument`, `services.storage.unknown_index`.
    """
    if not index:
        raise api_error("api.assert.missing_argument", "index")
    if is_private(index) or not is_usable_name(index):
        raise api_error("services.storage.unknown_index", index)


@lru_cache(maxsize=4096)
def check_address(index: str, collection: str) -> None:
    """Refuse a collection that no client may name.

    Raises:
        ApiError: `api.assert.missing_argument`, `services.storage.unknown_index` or `unknown_collection`.
    """
    if index and not collection:
        raise api_error("api.assert.missing_argument", "collection")
    check_index(index)
    if not is_usable_name(collection):
        raise api_error("services.storage.unknown_collection", index, collection)


def search_targets(index: str | None, collection: str | None, targets: Any) -> list[Target]:
    """The collections that a search names by `index` and `collection`, or by `targets`.

    Args:
        index: the argument.
        collection: the argument.
        targets: the argument: `[{index, collections: [...]}]`, None when it is not there.

    Raises:
        ApiError: `api.assert.missing_argument`, `invalid_type`, `services.storage.invalid_multi_index_collection_usage`
            or `invalid_target_format`, `unknown_index` or `unknown_collection`.
    """
    if targets is not None:
        return _read_targets(targets)
    if not index or not collection:
        both = not index and not collection
        name = "index, collection or targets" if both else "collection" if index else "index"
        raise api_error("api.assert.missing_argument", name)
    if _is_several(index) or _is_several(collection):
        raise api_error("services.storage.invalid_multi_index_collection_usage")
    check_address(index, collection)
    return [Target(index, collection)]


def _read_targets(targets: Any) -> list[Target]:
    if not isinstance(targets, list):
        raise api_error("api.assert.invalid_type", "targets", "array")
    if not targets:
        raise api_error("api.assert.empty_argument", "targets")
    found: dict[Target, None] = {}
    for place, target in enumerate(targets):
        where = f"targets[{place}]"
        if not isinstance(target, dict):
            raise _bad_target(where, "expected an object with an index and its collections")
        index = _read_name(target.get("index"), f"{where}.index")
        collections = target.get("collections")
        if not isinstance(collections, list) or not collections:
            raise _bad_target(f"{where}.collections", "expected an array of at least one collection")
        for number, name in enumerate(collections):
            collection = _read_name(name, f"{where}.collections[{number}]")
            check_address(index, collection)
            found[Target(index, collection)] = None
    if len(found) > MOST_TARGETS:
        raise api_error("api.assert.too_many_arguments", "targets")
    return list(found)


def _read_name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name:
        raise _bad_target(where, "expected a name")
    if _is_several(name):
        raise _bad_target(where, f'"{name}" stands for several names')
    return name


def _is_several(name: str) -> bool:
    return name == "_all" or not SEVERAL.isdisjoint(name)


def _bad_target(where: str, why: str) -> Exception:
    return api_error("services.storage.invalid_target_format", where, why)
