"""The generic events around groups: each write once, of several groups together (device-manager 0.4, 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from device_manager.errors import api_error
from device_manager.events.documents import DocumentEvents
from device_manager.storage.contract import Document
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, twin_result
from device_manager.twins.groups.wishes import Written
from device_manager.twins.patches import CHANGEABLE, forbidden_change

Kind = Literal["Write", "Update"]
KINDS: tuple[Kind, ...] = ("Write", "Update")


class GroupEvents:
    """Runs the pipes of what happens to groups and to the twins in them.

    Args:
        documents: the generic events.
    """

    def __init__(self, documents: DocumentEvents) -> None:
        self._documents = documents

    def listens_before(self, kind: Kind) -> bool:
        """Whether anything listens before."""
        return self._documents.listens_before(kind)

    async def before(self, kind: Kind, documents: list[Source], call: Call) -> list[Source]:
        """Run `generic:document:before<Kind>` on documents `{_id, _source}`; the metadata of each as pipes left it.

        Raises:
            ApiError: what a pipe raised; `plugin.runtime.forbidden_change` when one changed more than metadata.
        """
        if not documents:
            return []

        def check(owner: str, payload: Any) -> None:
            left = payload if isinstance(payload, list) and len(payload) == len(documents) else [None] * len(documents)
            for before, after in zip(documents, left, strict=True):
                if member := forbidden_change(before, after):
                    raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, f"{before['_id']}.{member}")

        left = await self._documents.before(kind, documents, call.request, check=check)
        return [document["_source"].get(CHANGEABLE) or {} for document in left]

    async def after(self, kind: Kind, documents: Sequence[Document], call: Call) -> None:
        """Run `generic:document:after<Kind>`. Raises what a pipe raised, with `committed: true`."""
        if documents:
            await self._documents.after(kind, [twin_result(document) for document in documents], call.request)

    async def after_all(self, written: Sequence[Written], call: Call) -> None:
        """Tell of groups that were created, then of those that were changed. Raises what `after` raises."""
        await self.after("Write", [group.document for group in written if group.created], call)
        await self.after("Update", [group.document for group in written if not group.created], call)

    async def before_delete(self, id: str, call: Call) -> None:
        """Run `generic:document:beforeDelete`. Raises what a pipe raised."""
        await self._documents.before("Delete", [{"_id": id}], call.request)

    async def after_delete(self, id: str, call: Call) -> None:
        """Run `generic:document:afterDelete`. Raises what a pipe raised, with `committed: true`."""
        await self._documents.after("Delete", [{"_id": id}], call.request)
