"""From a collection and a caller to the place of a write: by whose rules it is made, what documents are like."""

from __future__ import annotations

from device_manager.call import Call
from device_manager.documents.addresses import Target
from device_manager.documents.operations import Place
from device_manager.documents.specifications.service import Specifications
from device_manager.documents.writers import DIRECT, Owner


class Places:
    """Finds the places of writes.

    Args:
        owner: has rules for some collections.
        specifications: what the documents of collections have to be like.
    """

    def __init__(self, owner: Owner, specifications: Specifications) -> None:
        self._owner = owner
        self._specifications = specifications

    async def of(self, target: Target, call: Call, *, force: bool, ruled: bool = True) -> Place:
        """Where a caller writes documents of a collection.

        Args:
            target: the collection.
            call: the caller.
            force: store documents of the device manager as they are.
            ruled: look at the specification.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        rules = await self._specifications.rules(target) if ruled else None
        return Place(*target, self._owner.writer(*target, call, force=force) or DIRECT, rules)
