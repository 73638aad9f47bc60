"""What the domain has to know of the call that it works for."""

from __future__ import annotations

from typing import Any, NamedTuple


class Call(NamedTuple):
    """The caller and the wishes that go with every action.

    Attributes:
        user_id: stored as author or updater; `"-1"` for anonymous callers, None for the product itself.
        request: what listeners get beside the payload; the domain never looks into it.
        dry_run: validate and run the `before` pipes, store nothing (design 9).
        refresh: answer only once searches see the changes.
    """

    user_id: str | None = None
    request: Any = None
    dry_run: bool = False
    refresh: bool = False
