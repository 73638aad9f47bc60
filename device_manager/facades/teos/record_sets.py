"""Sets of entities that are records of the private index: transactions, wallets, balances, versions (facades 3.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from device_manager.facades.teos.odata.listing import Page
from device_manager.facades.teos.odata.options import Options
from device_manager.facades.teos.odata.schema import EntityType
from device_manager.facades.teos.odata.translation import Columns, Translation, all_of, sorted_by, translate
from device_manager.facades.teos.odata.tree import Node
from device_manager.facades.teos.records import RECORDS, Source
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Query
from device_manager.storage.contract import Store

ORDER = (Sort("createdAt"), Sort("_id"))
BATCH = 500


class RecordSet:
    """See `Listed`.

    Args:
        store: where the records are.
        base: finds the records of the set.
        kind: of the entities.
        columns: how the store knows their properties.
        shown: an entity, from the id of its record and the record.
        order: of the records, in which no two are equal.
    """

    def __init__(
        self,
        store: Store,
        base: Query,
        kind: EntityType,
        columns: Columns,
        shown: Callable[[str, Source], dict[str, Any]],
        order: tuple[Sort, ...] = ORDER,
    ) -> None:
        self._store = store
        self._base = base
        self._shown = shown
        self.kind = kind
        self._columns = columns
        self._order = order

    def translate(self, node: Node | None) -> Translation:
        """See `Listed.translate`."""
        return translate(node, self._columns)

    def can_sort(self, options: Options) -> bool:
        """See `Listed.can_sort`."""
        return sorted_by(options.order, self._columns) is not None

    async def search(self, translation: Translation, options: Options, size: int) -> Page:
        """See `Listed.search`."""
        await self._store.refresh(*RECORDS[:2])
        sort = (*(sorted_by(options.order, self._columns) or ()), *self._order)
        query = all_of((self._base, translation.query))
        search = Search(query, sort=sort, offset=options.skip, size=size)
        found = await self._store.search(*RECORDS[:2], search)
        return Page([self._shown(hit.id, hit.source or {}) for hit in found.hits], found.total)

    async def scan(self, query: Query) -> AsyncGenerator[list[dict[str, Any]], None]:
        """See `Listed.scan`."""
        await self._store.refresh(*RECORDS[:2])
        pages = self._store.scan(*RECORDS[:2], all_of((self._base, query)), page=BATCH, sort=self._order[:1])
        async for page in pages:
            yield [self._shown(document.id, document.source) for document in page]
