"""From a request to what the domain wants to know of its caller."""

from __future__ import annotations

from device_manager.router.idempotency import ARGUMENT
from device_manager.router.request import Request
from device_manager.twins.call import Call


def call_of(request: Request, *, refresh: bool = False) -> Call:
    """The caller of `request` and its wishes."""
    return Call(
        user_id=request.user_id,
        request=request,
        dry_run=request.dry_run,
        refresh=refresh,
        engines=request.engines,
        covers=request.covers,
    )


def key_of(request: Request) -> str | None:
    """The idempotency key of `request`; None without one, and when nothing is to be stored."""
    key = request.args.get(ARGUMENT)
    return key if isinstance(key, str) and not request.dry_run else None
