"""What the domain and the native documents have to know of the call that they work for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Call(NamedTuple):
    """The caller and the wishes that go with every action.

    Attributes:
        user_id: stored as author or updater; `"-1"` for anonymous callers, None for the product itself.
        request: what listeners get beside the payload; the domain never looks into it.
        dry_run: validate and run the `before` pipes, store nothing (design 9).
        refresh: answer only once searches see the changes.
        engines: the engines that the caller has a right to; None for all. What a request names is checked before it
            gets here; engines that are found on documents or in records are checked by whoever finds them.
        covers: whether a collection of an index is among those that the caller has a right to; None leaves it to the
            index alone.
    """

    user_id: str | None = None
    request: Any = None
    dry_run: bool = False
    refresh: bool = False
    engines: frozenset[str] | None = None
    covers: Callable[[str, str | None], bool] | None = None

    def may_use(self, engine: str) -> bool:
        """Whether the caller has a right to `engine`; if not, its documents are answered like unknown ones."""
        return self.engines is None or engine in self.engines

    def may_see(self, index: str, collection: str) -> bool:
        """Whether the caller has a right to one collection, where that may be all that it has a right to."""
        return self.may_use(index) if self.covers is None else self.covers(index, collection)
