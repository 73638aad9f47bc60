"""The messages that subscribers get (router-protocol 5.7). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import orjson

from device_manager.realtime.bus import Entry
from device_manager.storage.sources import leaf_paths
from device_manager.storage.stamps import INFO, Source

Scope = Literal["in", "out"]
Notification = dict[str, Any]
_ABSENT: Any = object()
EVENTS = {"create": "write", "update": "write", "replace": "write", "delete": "delete", "publish": "publish"}


def document_notification(entry: Entry, scope: Scope, number: int | None) -> Notification:
    """What the channels of a room are told of an entry, but for the name of the channel.

    Of a document that goes `out` they are told what it was when it last was in the room, never what it has become: a
    filter may be all that keeps them from seeing it.
    """
    notification = {
        "type": "document",
        "status": 200,
        "action": entry.action,
        "scope": scope,
        "event": EVENTS[entry.action],
        "result": _result_in(entry) if scope == "in" else _result_out(entry),
        "node": entry.node,
        "requestId": entry.request_id,
        "timestamp": entry.timestamp,
        "volatile": entry.volatile,
        "index": entry.index,
        "collection": entry.collection,
        "controller": entry.controller,
        "protocol": entry.protocol,
    }
    return notification if number is None else notification | {"number": number}


def _result_in(entry: Entry) -> Source:
    result: Source = {} if entry.id is None else {"_id": entry.id}
    result["_source"] = entry.after
    if entry.version is not None:
        result["_version"] = entry.version
    if entry.action == "update" and entry.before is not None and entry.after is not None:
        result["_updatedFields"] = list(changed_paths(entry.before, entry.after))
    return result


def _result_out(entry: Entry) -> Source:
    result: Source = {"_id": entry.id, "_source": entry.before}
    if entry.version_before is not None:
        result["_version"] = entry.version_before
    return result


def changed_paths(before: Source, after: Source, above: str = "") -> Iterator[str]:
    """Dotted paths of the leaves that differ, except the marks of who wrote when."""
    for name in dict.fromkeys((*after, *before)):
        if not above and name == INFO:
            continue
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old is new or (old == new and type(old) is type(new)):
            continue
        path = f"{above}{name}"
        if isinstance(old, dict) and isinstance(new, dict):
            yield from changed_paths(old, new, f"{path}.")
        elif isinstance(whole := new if old is _ABSENT else old if new is _ABSENT else None, dict):
            yield from leaf_paths(whole, f"{path}.")
        else:
            yield path


def encoded_head(notification: Notification) -> bytes:
    """A notification as JSON without its end, so that each channel can put its name behind it."""
    return orjson.dumps(notification)[:-1]
