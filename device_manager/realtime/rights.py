"""Who may be told what: the interface behind which rights are decided, asked again whenever they change."""

from __future__ import annotations

from typing import Protocol


class SubscriptionRights(Protocol):
    """Judges whether users may subscribe."""

    @property
    def version(self) -> int:
        """Grows with each change of a user, a profile or a role."""

    async def may_subscribe(self, user_id: str | None, index: str, collection: str) -> bool:
        """Whether a user may subscribe to a collection; None stands for the server itself, which may.

        Raises:
            ApiError: what keeps the answer from being known.
        """


class EveryoneMay:
    """Lets everybody subscribe to everything."""

    version = 0

    async def may_subscribe(self, user_id: str | None, index: str, collection: str) -> bool:
        """See `SubscriptionRights.may_subscribe`."""
        return True
