"""What a request and the pipes around it make of a twin's metadata (device-manager 2.2, 2.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from device_manager.storage.contract import Document
from device_manager.twins.documents import Source, leaf_paths
from device_manager.twins.patches import CHANGEABLE, Patch, patched, patched_paths

UNCHANGED: Patch = {}


class MetadataChange(NamedTuple):
    """New metadata for a twin, decided on the metadata that it has at the commit.

    Attributes:
        given: what the request says, as the pipes left it: merged deeply, null being a value like any other.
        whole: its top-level members replace the stored ones instead; those that the twin has not, and that are not
            in `allowed`, are left out.
        allowed: members that a twin may get though it does not have them yet.
        patch: what pipes changed of the twin's own metadata beside.
    """

    given: Source
    whole: bool = False
    allowed: frozenset[str] = frozenset()
    patch: Patch = UNCHANGED

    def applied(self, twin: Source) -> Source:
        """`twin` with its new metadata."""
        stored = twin.get(CHANGEABLE) or {}
        metadata = {**stored, **self._accepted(stored)} if self.whole else patched(stored, self.given)
        return twin | {CHANGEABLE: patched(metadata, self.patch)}

    def names(self, twin: Source) -> list[str]:
        """Dotted paths of what it says about the metadata of `twin`, as history entries name them."""
        stored = twin.get(CHANGEABLE) or {}
        given = self._accepted(stored) if self.whole else self.given
        return _once((*leaf_paths(given), *patched_paths(self.patch)))

    def _accepted(self, stored: dict[str, Any]) -> Source:
        return {name: value for name, value in self.given.items() if name in stored or name in self.allowed}


class WrittenTwin(NamedTuple):
    """A twin after its transaction.

    Attributes:
        document: as stored.
        is_new: it did not exist in its engine before.
        metadata: what changed it, as the pipes wanted it; None when nothing but its creation happened.
    """

    document: Document
    is_new: bool
    metadata: Source | None


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
