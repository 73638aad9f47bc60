"""Refuses SDKs that are too old for this protocol, by what they say of themselves (router-protocol 3.4)."""

from __future__ import annotations

import functools
from typing import Any

from device_manager.errors import ApiError, api_error

OLDEST_MAJORS = {"js": 7, "csharp": 2, "cpp": 2, "java": 3, "android": 5, "go": 3, "php": 4}
MOST_REMEMBERED = 256


def sdk_refusal(volatile: dict[str, Any]) -> ApiError | None:
    """The 400 for a request of an SDK that is too old.

    Args:
        volatile: the free data of the request, where SDKs put their name and version.
    """
    if "sdkVersion" in volatile:
        return api_error("api.process.incompatible_sdk_version", "it is of the first generation.")
    name = volatile.get("sdkName")
    if type(name) is not str or not _too_old(name):
        return None
    sdk = name.partition("@")[0]
    accepted = f"{name} was sent, {sdk}@{OLDEST_MAJORS[sdk]} is the oldest."
    return api_error("api.process.incompatible_sdk_version", accepted)


@functools.lru_cache(MOST_REMEMBERED)
def _too_old(name: str) -> bool:
    """Whether `name@version` is older than its oldest major; unknown names and versions pass."""
    sdk, _, version = name.partition("@")
    oldest = OLDEST_MAJORS.get(sdk)
    major = version.partition(".")[0]
    return oldest is not None and major.isascii() and major.isdigit() and int(major[:9]) < oldest
