"""The pages of a set: by one search where the store can find and sort what is asked for, else through all it finds.

See facades 3.4.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

from device_manager.facades.teos.odata.options import Options, page_of
from device_manager.facades.teos.odata.schema import EntityType
from device_manager.facades.teos.odata.translation import Translation
from device_manager.facades.teos.odata.tree import Node
from device_manager.query.tree import Query

Entity = dict[str, Any]


class Page(NamedTuple):
    """Some entities of a set.

    Attributes:
        entities: in order.
        total: how many match; where nobody counts, it may be just one more than were looked at.
    """

    entities: Sequence[Entity]
    total: int


class Listed(Protocol):
    """A set that clients list.

    Attributes:
        kind: of its entities.
    """

    kind: EntityType

    def translate(self, node: Node | None) -> Translation:
        """What of a filter the store does."""

    def can_sort(self, options: Options) -> bool:
        """Whether the store has the order that is wanted."""

    async def search(self, translation: Translation, options: Options, size: int) -> Page:
        """The page of an exact translation, in an order that the store has; equal ones as they were created."""

    def scan(self, query: Query) -> AsyncGenerator[list[Entity], None]:
        """All entities that a query finds, in the order of their creation, some at a time."""


async def select(listed: Listed, options: Options, page: int, window: int) -> Page:
    """The page that a client asks for.

    Args:
        listed: the set.
        options: what the client wants.
        page: the most entities of one page.
        window: how far into its result a search of the store reaches.
    """
    translation = listed.translate(options.node)
    size = options.size(page)
    if translation.is_exact and options.skip + size <= window and listed.can_sort(options):
        return await listed.search(translation, options, size)
    return await (_sorted if options.order else _streamed)(listed, translation.query, options, size)


async def _streamed(listed: Listed, query: Query, options: Options, size: int) -> Page:
    """Go through what the query finds, up to the entity behind the page unless all have to be counted."""
    found: list[Entity] = []
    total, end = 0, options.skip + size
    async with aclosing(listed.scan(query)) as batches:
        async for batch in batches:
            matching = options.matching(batch)
            found += matching[max(0, options.skip - total) : max(0, end - total)]
            total += len(matching)
            if total > end and not options.counted:
                break
    return Page(found, total)


async def _sorted(listed: Listed, query: Query, options: Options, size: int) -> Page:
    """Go through everything that the query finds, and keep the first ones in order."""
    best: list[Entity] = []
    total, end = 0, options.skip + size
    async with aclosing(listed.scan(query)) as batches:
        async for batch in batches:
            matching = options.matching(batch)
            total += len(matching)
            best = options.ordered([*best, *matching], listed.kind)[:end]
    return Page(page_of(best, options, size), total)
