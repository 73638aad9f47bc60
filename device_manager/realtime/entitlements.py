"""Whether subscriptions are still allowed, looked at again whenever rights change (router-protocol 9, item 34)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.realtime.rights import SubscriptionRights
from device_manager.realtime.rooms import Place, Rooms, Subscription

log = structlog.get_logger("realtime")

CHECKED_AT_ONCE = 1000
"""Subscriptions that are looked at before the event loop does something else."""
ASKED_AT_ONCE = 200
"""Users whose rights are asked for together: those that are not in memory are read in one request then."""

Concern = tuple[str, Place]
"""A user and a collection."""


class Entitlements:
    """Holds subscriptions against the rights of their users.

    Args:
        rooms: where they are.
        rights: what users may do.
        end: ends a subscription.
    """

    def __init__(self, rooms: Rooms, rights: SubscriptionRights, end: Callable[[Subscription], None]) -> None:
        self._rooms = rooms
        self._rights = rights
        self._end = end
        self._version = rights.version
        self._is_unsure = False

    @property
    def are_current(self) -> bool:
        """Whether rights are as they were when all subscriptions were held against them."""
        return self._version == self._rights.version

    async def may(self, user_id: str | None, place: Place) -> bool:
        """Whether a user may subscribe to a collection; None stands for the server itself."""
        return user_id is None or await self._rights.may_subscribe(user_id, *place)

    async def ensure(self, user_id: str | None, place: Place) -> None:
        """Make sure of a right as it is now: the request may have waited since it was let through.

        Raises:
            ApiError: 403 `security.rights.forbidden`; what keeps the answer from being known.
        """
        while True:
            version = self._rights.version
            if not await self.may(user_id, place):
                raise api_error("security.rights.forbidden", "realtime", "subscribe", user_id)
            if version == self._rights.version:
                return

    async def check(self) -> None:
        """End what is not allowed any more, without telling its client."""
        version = self._rights.version
        concerned: dict[Concern, list[Subscription]] = {}
        for seen, subscription in enumerate(self._guarded()):
            concerned.setdefault((subscription.user_id or "", subscription.room.place), []).append(subscription)
            if seen % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1:
                await asyncio.sleep(0)
        concerns = list(concerned)
        for start in range(0, len(concerns), ASKED_AT_ONCE):
            asked = concerns[start : start + ASKED_AT_ONCE]
            for concern, stays in zip(asked, await asyncio.gather(*map(self._may_stay, asked)), strict=True):
                for subscription in () if stays else concerned[concern]:
                    self._end(subscription)
        self._version = version

    def _guarded(self) -> Iterator[Subscription]:
        """The subscriptions of users."""
        for room in self._rooms:
            yield from [held for held in room.subscriptions.values() if held.user_id is not None]

    def doubt(self) -> None:
        """Have everything looked at again if the last look could not be finished."""
        if self._is_unsure:
            self._is_unsure = False
            self._version = -1

    async def _may_stay(self, concern: Concern) -> bool:
        user_id, place = concern
        try:
            return await self._rights.may_subscribe(user_id, *place)
        except ApiError as error:  # what was known last holds while nobody can say
            self._is_unsure = True
            log.warning("cannot look whether subscriptions are still allowed", reason=error.message)
            return True
