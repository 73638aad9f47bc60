"""Deleting several things one by one, each in a transaction of its own (router-protocol 1.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from device_manager.controllers.document.documents_controller import read_ids, read_texts
from device_manager.errors import ApiError, api_error
from device_manager.router.request import Request
from device_manager.router.response import Response


async def delete_each(request: Request, most: int, delete: Callable[[str], Awaitable[None]]) -> Response:
    """Delete what `body.ids` names; the ids that are gone, and with status 206 an error for each of the others.

    Args:
        request: has the ids.
        most: ids of one request.
        delete: deletes one.

    Raises:
        ApiError: `services.storage.write_limit_exceeded`, `api.assert.missing_argument`, `invalid_type`; a store that
            does not answer ends it.
    """
    ids = wanted_ids(request)
    if len(ids) > most:
        raise api_error("services.storage.write_limit_exceeded")
    deleted: list[str] = []
    errors: list[dict[str, Any]] = []
    for id in ids:
        try:
            await delete(id)
        except ApiError as error:
            if error.is_fault:
                raise
            errors.append({"_id": id, "reason": error.message, "status": error.status})
        else:
            deleted.append(id)
    if not errors:
        return Response(request, result=deleted)
    partial = api_error("services.storage.incomplete_delete", errors=errors, count=len(errors))
    return Response(request, status=partial.status, result=deleted, error=partial)


def wanted_ids(request: Request) -> Sequence[str]:
    """The ids that a request names. Raises `api.assert.missing_argument`, `invalid_type`."""
    return read_texts(read_ids(request))
