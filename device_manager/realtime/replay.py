"""What a client missed while it was away, as the messages that it would have been sent (router-protocol 9, item 46)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.realtime.bus import NumberedEntry
from device_manager.realtime.notifications import Scope, document_notification, encoded_head
from device_manager.realtime.rooms import Channel, Room


def missed_frames(
    room: Room, channel: Channel, entries: Sequence[NumberedEntry], most_bytes: int
) -> list[bytes] | None:
    """The notifications of `entries` for one channel of a room, in order.

    Args:
        room: whose filter decides.
        channel: what the client wants to hear.
        entries: what happened in the room's collection.
        most_bytes: what the client may be sent at once.

    Returns:
        The messages; None when they are larger than that.
    """
    frames: list[bytes] = []
    size = 0
    for number, entry in entries:
        scope: Scope
        if entry.after is not None and room.filter.matches(entry.id, entry.after):
            scope = "in"
        elif entry.before is not None and room.filter.matches(entry.id, entry.before):
            scope = "out"
        else:
            continue
        if channel.interest.wants_document(scope):
            frame = encoded_head(document_notification(entry, scope, number)) + channel.tail
            size += len(frame)
            if size > most_bytes:
                return None
            frames.append(frame)
    return frames
