"""Answers to queries: one page of a set, with a link to the next one (facades 3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from device_manager.facades.teos.odata.listing import Listed, select
from device_manager.facades.teos.odata.options import Options
from device_manager.facades.teos.odata.schema import ENTITY_SETS
from device_manager.facades.teos.routes import Route
from device_manager.facades.teos.visit import Visit
from device_manager.router.foreign import ForeignAnswer

NAMES = {name.lower(): name for name in ENTITY_SETS}
"""Of the entity sets, by how routes write them."""
KEPT = "(),'=[]@"
"""Characters that keys and operations have in links as they are."""

Handler = Callable[[Visit], Awaitable[ForeignAnswer]]
Place = tuple[str, str, bool, str]
"""Verb, set, whether there is a key, operation."""


class Answering:
    """Answers queries.

    Args:
        page: the most entities of one answer.
        window: how far into its result a search of the store reaches.
    """

    def __init__(self, page: int, window: int) -> None:
        self.page = page
        self._window = window

    async def select(self, visit: Visit, listed: Listed, options: Options, context: str = "") -> ForeignAnswer:
        """The page of a set that a client asks for.

        Args:
            visit: of the client.
            listed: the set.
            options: what the client wants.
            context: what the entities are; empty for those of the set that the route names.
        """
        found = await select(listed, options, self.page, self._window)
        return self.listing(visit, found.entities, found.total, options, context)

    def listing(
        self, visit: Visit, shown: Sequence[dict[str, Any]], total: int, options: Options, context: str = ""
    ) -> ForeignAnswer:
        """A page, as `select` answers it."""
        content: dict[str, Any] = {"@odata.count": total} if options.counted else {}
        content["value"] = [options.shown(entity) for entity in shown]
        if link := options.next_link(visit.base + _path(visit.route), len(shown), total):
            content["@odata.nextLink"] = link
        return visit.answer(content, context or NAMES[visit.route.set])


def accepted(visit: Visit, transaction: dict[str, Any]) -> ForeignAnswer:
    """The answer to whoever placed or submitted a transaction."""
    return visit.answer(transaction, "Transactions/$entity", 202)


def _path(route: Route) -> str:
    key = "" if route.key is None else f"('{quote(route.key, safe='')}')"
    operation = f"/{quote(route.operation_text, safe=KEPT)}" if route.operation else ""
    return f"/{NAMES[route.set]}{key}{operation}"
