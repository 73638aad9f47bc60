"""From a committed change, or a published message, to the entry that tells of it (router-protocol 5.7)."""

from __future__ import annotations

import time
from typing import Any, Protocol, cast

from device_manager.realtime.bus import Entry
from device_manager.realtime.bus.entries import Happening
from device_manager.storage.contract import Change, ChangeKind
from device_manager.storage.stamps import INFO, Source

TOLD_IF_WANTED = frozenset({"write", "mWrite"})
"""Actions of `bulk` that tell subscribers when `notify` is set; its other actions never do."""
SILENT = frozenset({"admin", "collection", "index"})
"""Controllers that fill, empty and rewrite whole collections: nobody wants to hear of each document."""
REPLACING = frozenset({"createOrReplace", "replace", "mCreateOrReplace", "mReplace"} | TOLD_IF_WANTED)
"""Actions after which a document that was there before counts as replaced."""


class Origin(Protocol):
    """The request that a change was made for, as far as its notifications tell of it."""

    controller: str
    action: str
    args: dict[str, Any]
    id: str
    volatile: dict[str, Any] | None
    connection: Any

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""


def is_silent(origin: Origin | None) -> bool:
    """Whether nobody is told of a write: it is `silent`, or concerns whole collections."""
    if origin is None:
        return False
    if origin.controller == "bulk":
        return origin.action not in TOLD_IF_WANTED or not _is_set(origin, "notify")
    return origin.controller in SILENT or _is_set(origin, "silent")


def _is_set(origin: Origin, name: str) -> bool:
    """Whether a flag is set; over HTTP it is by being there (router-protocol 2.4)."""
    args = origin.args
    return name in args and (args[name] is True or (type(args[name]) is str and origin.connection.protocol == "http"))


def entry_of(change: Change, node: str) -> Entry:
    """The entry of a change of a public collection."""
    origin = cast("Origin | None", change.origin)
    before, after = change.before, change.after
    return Entry(
        index=change.key.index,
        collection=change.key.collection,
        action=_happening(change.kind, origin),
        id=change.key.id,
        before=None if before is None else before.source,
        after=None if after is None else after.source,
        version=None if after is None else after.version,
        version_before=None if before is None else before.version,
        controller=None if origin is None else origin.controller,
        request_id=None if origin is None else origin.id,
        volatile=None if origin is None else origin.volatile,
        protocol=None if origin is None else origin.connection.protocol,
        timestamp=int(time.time() * 1000) if origin is None else origin.timestamp,
        node=node,
    )


def message_of(
    index: str, collection: str, body: Source, *, id: str | None, origin: Origin, author: str | None, node: str
) -> Entry:
    """The entry of a message that is only published; see `Realtime.publish`."""
    now = origin.timestamp
    return Entry(
        index=index,
        collection=collection,
        action="publish",
        id=id,
        before=None,
        after=body | {INFO: {"author": author, "createdAt": now}},
        version=None,
        version_before=None,
        controller=origin.controller,
        request_id=origin.id,
        volatile=origin.volatile,
        protocol=origin.connection.protocol,
        timestamp=now,
        node=node,
    )


def _happening(kind: ChangeKind, origin: Origin | None) -> Happening:
    if kind is ChangeKind.CREATE:
        return "create"
    if kind is ChangeKind.DELETE:
        return "delete"
    return "replace" if origin is not None and origin.action in REPLACING else "update"
