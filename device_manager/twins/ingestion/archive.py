"""Archived payloads: what arrived, and what became of it (device-manager 1.5). Pure."""

from __future__ import annotations

from typing import Any

from device_manager.decoders import State
from device_manager.storage.contract import Document, Put, PutKind
from device_manager.storage.stamps import Source, Stamp, changed, created
from device_manager.twins.places import Places


def archived_payload(
    uuid: str, device_model: str, payload: Any, api_action: str, state: State | None, reason: str | None = None
) -> Source:
    """A payload as it is archived; without a `state` it is valid (device-manager 3.3)."""
    source: Source = {
        "uuid": uuid,
        "deviceModel": device_model,
        "payload": payload,
        "valid": state in (None, State.VALID),
        "apiAction": api_action,
    }
    if state is not None:
        source["state"] = state.value
    if reason is not None:
        source["reason"] = reason
    return source


def failed_payload(source: Source, reason: str) -> Source:
    """`source` as the archive of a payload that could not be processed."""
    return source | {"valid": False, "state": State.ERROR.value, "reason": reason}


def archive_put(places: Places, source: Source, stored: Document | None, stamp: Stamp) -> Put | None:
    """What has to be put to archive a payload, None when that is done already.

    A payload that was refused the first time and is sent again gets the state of now; one that was processed keeps it.
    """
    key = places.payload(source["uuid"])
    if stored is None:
        return Put(PutKind.CREATE, key, created(source, stamp))
    if stored.source.get("valid"):
        return None
    outcome = {name: source[name] for name in ("valid", "state", "reason") if name in source}
    kept = {name: value for name, value in stored.source.items() if name not in ("state", "reason")}
    return Put(PutKind.REPLACE, key, changed(kept | outcome, stamp), expected=stored)
