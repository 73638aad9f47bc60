"""How a command that Redis refuses is told to clients."""

from __future__ import annotations

from redis.exceptions import ResponseError

from device_manager.errors import ApiError, api_error


def refusal(error: ResponseError) -> ApiError:
    """The error for a refusal such as `WRONGTYPE Operation ...`: the memory is full, or it is the caller's fault."""
    text = str(error)
    if text.startswith(("OOM", "MISCONF")):
        return api_error("services.cache.memory_exceeded", text)
    return api_error("services.cache.command_failed", text.removeprefix("ERR "))
