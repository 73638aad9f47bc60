"""Transactions that ask `before` pipes about exactly what they are going to do (design 5).

What a transaction is going to do shows when it runs, and no pipe may run inside of it. So a decision that meets a
question which its pipes were not asked ends, the pipes are asked about the documents that it saw, and it runs again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, TypeVar

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.twins.call import Call
from device_manager.twins.places import Places
from device_manager.twins.workspace import View, Workspace

ROUNDS = 5
"""How often pipes are asked again because something else changed while they ran."""

T = TypeVar("T")

Answers = Mapping[Hashable, Any]
"""What the `before` pipes answered: question -> what they want changed."""

Ask = Callable[[View, Answers], Awaitable[Answers]]
"""Runs the `before` pipes for the questions that are not answered yet; gives the new answers."""


class NotAsked(Exception):
    """A decision raises a question that its `before` pipes were not asked: the world moved meanwhile."""


class _AskNow(Exception):
    """Like NotAsked, with what the decision saw."""

    def __init__(self, known: Mapping[Key, Document]) -> None:
        super().__init__()
        self.known = known


def answer_of(answers: Answers | None, question: Hashable, default: Any) -> Any:
    """The answer to `question`, `default` when nobody is asked. Raises NotAsked."""
    if answers is None:
        return default
    if question not in answers:
        raise NotAsked
    return answers[question]


async def transact_asking(
    store: Store,
    places: Places,
    decide: Callable[[Workspace, Answers | None], T],
    ask: Ask | None,
    subject: str,
    call: Call,
    *,
    large: bool = False,
) -> T:
    """Run `decide` as one transaction, after the pipes that it needs.

    Args:
        store: where the documents are.
        places: where documents live.
        decide: pure; gets the answers of the pipes, None when nobody listens. `answer_of` raises what it needs.
        ask: runs the pipes; None when nobody listens.
        subject: the id of the twin that it is about.
        call: the caller.
        large: see `Store.transact`.

    Raises:
        ApiError: what `decide`, the pipes and the store raise.
    """
    answers: Answers | None = None if ask is None else {}
    known: Mapping[Key, Document] = {}

    def run(tx: Transaction) -> T:
        work = Workspace(tx, places, call)
        try:
            return decide(work, answers)
        except NotAsked:
            raise _AskNow(dict(work.documents)) from None

    for _ in range(ROUNDS):
        try:
            return await store.transact(run, known=known, dry_run=call.dry_run, refresh=call.refresh, large=large)
        except _AskNow as now:
            known = now.known
            if ask is not None and answers is not None:
                answers = {**answers, **await ask(View(places, known, call), answers)}
    raise api_error("services.storage.too_many_changes", subject)
