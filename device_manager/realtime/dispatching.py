"""The pipes that see a notification right before it goes to the channels of a room (router-protocol 3.4)."""

from __future__ import annotations

from collections.abc import Callable

from device_manager.events import EventBus
from device_manager.realtime.channels import Interest
from device_manager.realtime.notifications import Notification
from device_manager.realtime.rooms import Room

DISPATCH_PIPES = ("core:realtime:notification:dispatch:before", "notify:dispatch")


async def dispatched(
    events: EventBus, room: Room, wants: Callable[[Interest], bool], notification: Notification
) -> Notification:
    """A notification as the pipes leave it, once for all channels of a room that want it.

    Raises:
        ApiError: what a pipe raised; the notification is not sent then.
    """
    for event in DISPATCH_PIPES:
        if events.listens(event):
            channels = [channel.name for channel in room.channels.values() if wants(channel.interest)]
            payload = {"channels": channels, "connectionId": None, "notification": notification}
            notification = (await events.pipe(event, payload))["notification"]
    return notification
