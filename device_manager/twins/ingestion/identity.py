"""The ids of measures: functions of what was sent, fixed before any pipe runs (transactions 2, B1 and B2). Pure."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterable
from typing import Any

import orjson

from device_manager.errors import api_error
from device_manager.storage.ids import digest

ID_LENGTH = 20
"""Characters of an id, six bits each."""


def measure_id(
    payload: str, origin_type: str, origin_id: str, slot: str, measured_at: int | None, values: dict[str, Any]
) -> str:
    """The id of a measure that was sent.

    Args:
        payload: the payload's uuid.
        origin_type: `device` or `api`.
        origin_id: the device, or the data source.
        slot: the slot by which the sender named it.
        measured_at: as sent; None when the sender left it out, so that sending it again gives the same id.
        values: as decoded.

    Raises:
        ApiError: `device_manager.ingestion.unusable_values` for what JSON has no form for.
    """
    try:
        content = _canonical([payload, origin_type, origin_id, slot, measured_at, values])
    except TypeError as error:
        raise api_error("device_manager.ingestion.unusable_values", slot, str(error)) from error
    return _digest(content)


def pushed_id(run: Iterable[str], origin_type: str, rule: str, slot: str, asset_id: str, number: int) -> str:
    """The id of a measure that a pipe added.

    Args:
        run: ids of the measures that were sent, and that the pipe was given.
        origin_type: usually `computed`.
        rule: the id in its origin.
        slot: the measure name in its origin.
        asset_id: the asset that it is about.
        number: how many measures with the same arguments were pushed before it.
    """
    return _digest(orjson.dumps([sorted(run), origin_type, rule, slot, asset_id, number]))


def payload_uuid(*scope: str) -> str:
    """The uuid of a payload that comes with an idempotency key, from the key and what it counts for."""
    return str(uuid.UUID(bytes=digest(*scope)[:16], version=5))


def fresh_uuid() -> str:
    """A uuid for a payload that nobody is going to send again."""
    return str(uuid.uuid4())


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:15]).decode()


def _canonical(value: Any) -> bytes:
    """JSON with sorted members, in which 20.0 and 20 are one number: clients write it either way."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS) if b".0" in text else text


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(member) for member in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    return value
