"""What administrators ask of a store about its collections: settings and sizes (router-protocol 5.3, 5.4, 6.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from device_manager.errors import api_error

CHANGEABLE = frozenset({"number_of_replicas", "auto_expand_replicas", "refresh_interval"})
"""Settings of a collection that may be given at any time; no downtime comes with them."""
AT_CREATION = CHANGEABLE | {"number_of_shards"}
"""Settings that may be given to a new collection."""


class Administration(ABC):
    """The part of a store that administrators see."""

    @abstractmethod
    async def settings(self, index: str, collection: str) -> dict[str, Any]:
        """The settings of a collection, numbers as texts.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """

    @abstractmethod
    async def change_settings(self, index: str, collection: str, settings: Mapping[str, Any]) -> None:
        """Change settings of a collection that `read_settings` gave; a store that has none leaves everything alone.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`, a 400 for a value.
        """

    @abstractmethod
    async def sizes(self, index: str) -> dict[str, int]:
        """About how many bytes each collection of an index takes.

        Raises:
            ApiError: `services.storage.unknown_index`.
        """


def read_settings(settings: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Settings by their bare names, from any form in which they are written.

    Args:
        settings: by name, with or without `index` in front, or below a member `index`.
        is_new: the collection does not exist yet.

    Raises:
        ApiError: `services.storage.wrong_es_static_settings` for those of an existing collection that are fixed,
            `api.assert.invalid_argument` for others that may not be given.
    """
    inner = settings.get("index")
    content = {name: value for name, value in settings.items() if name != "index"}
    if isinstance(inner, dict):
        content |= inner
    elif inner is not None:
        raise api_error("api.assert.invalid_type", "body.settings.index", "object")
    bare = {name.removeprefix("index."): value for name, value in content.items()}
    for name in bare:
        if name in AT_CREATION - CHANGEABLE and not is_new:
            raise api_error("services.storage.wrong_es_static_settings", name)
        if name not in AT_CREATION:
            raise api_error("api.assert.invalid_argument", f"body.settings.{name}", ", ".join(sorted(AT_CREATION)))
    return bare
