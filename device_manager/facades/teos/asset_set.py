"""The set of assets, found by actions: those made by signed transactions, and those of other clients (facades 3.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, NamedTuple, Protocol

from device_manager.facades.teos.asset_twins import KEYWORDS, MEMBER, MODEL, twin_of
from device_manager.facades.teos.identity import number_of, text_of
from device_manager.facades.teos.odata.columns import Constant, Keyword, Moment, Named
from device_manager.facades.teos.odata.listing import Page
from device_manager.facades.teos.odata.options import Options, page_of
from device_manager.facades.teos.odata.schema import ADDRESS, ASSET, GUID, STRING
from device_manager.facades.teos.odata.translation import Columns, Translation, all_of, any_of, sorted_by, translate
from device_manager.facades.teos.odata.tree import Node
from device_manager.facades.teos.records import Source
from device_manager.query.dsl import to_dsl, to_sort
from device_manager.query.search import Sort
from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Bool, Exists, Ids, Prefix, Query, Term

FIELD = f"metadata.{MEMBER}."
CREATED = "_kuzzle_info.createdAt"
ORDER = (Sort(CREATED), Sort("_id"))
"""The order of creation."""
OF_MODEL = Term("model", MODEL)
SIGNED = Bool(filter=(OF_MODEL, Exists(FIELD + "documentHash")))
OTHERS = Bool(must_not=(OF_MODEL,))
BATCH = 500
"""Twins of one search, when all are gone through."""


class Found(NamedTuple):
    """What a search found.

    Attributes:
        entities: as clients see them.
        total: twins that match.
        fetched: twins that were looked at.
        last: where the next search goes on; empty when nothing was found.
    """

    entities: list[Source]
    total: int
    fetched: int
    last: list[Any]


class SearchTwins(Protocol):
    """The action that searches assets."""

    def __call__(self, body: Source, **arguments: Any) -> Awaitable[Found]:
        """Raises what the action, a pipe or the rights refuse."""


class TwinName:
    """The name of an asset of other clients: the id of its twin, which is made of model and reference."""

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        if op != "eq":
            return None
        return Ids((value,)) if isinstance(value, str) and value else MATCH_NONE

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        if function != "startswith":
            return None
        if not text:
            return MATCH_ALL
        dashes = [place for place, character in enumerate(text) if character == "-"]
        cut = [
            Bool(filter=(Term("model", text[:place]), Prefix("reference", text[place + 1 :])))
            if text[place + 1 :]
            else Term("model", text[:place])
            for place in dashes
            if place
        ]
        return any_of([Prefix("model", text), *cut])

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return (Sort("_id", "desc" if descending else "asc"),)


TEXT_OF_SIGNED = {name: FIELD + own for name, own in KEYWORDS.items()} | {"DocumentDbHash": FIELD + "documentHash"}
OF_SIGNED: Columns = {
    **{name: Keyword(field, ADDRESS if name == "Author" else STRING) for name, field in TEXT_OF_SIGNED.items()},
    "TransactionId": Keyword(FIELD + "transaction", GUID),
    "CreatedInTeosOn": Moment(FIELD + "placedAt"),
}
OF_OTHERS: Columns = {
    **{name: Constant(ADDRESS if name == "Author" else STRING) for name in TEXT_OF_SIGNED if name != "Name"},
    "Name": TwinName(),
    "Description": Constant(STRING, ""),
    "TransactionId": Constant(GUID),
    "CreatedInTeosOn": Moment(CREATED, "date"),
}


class AssetSet:
    """See `Listed`.

    Args:
        search: the action, in the caller's name.
        twins: the twins that ids of the filter lead to.
        linked: those of these ids whose twin is there.
        batch: twins of one search when all are gone through.
    """

    kind = ASSET

    def __init__(self, search: SearchTwins, twins: Mapping[str, str], linked: set[str], batch: int) -> None:
        self._search = search
        self._twins = twins
        self._linked = linked
        self._batch = batch
        self._columns: tuple[tuple[Query, Columns], ...] = (
            (SIGNED, {**OF_SIGNED, "Id": Named(self._signed), "AssetLinkIds": Named(self._linked_to)}),
            (OTHERS, {**OF_OTHERS, "Id": Named(self._other), "AssetLinkIds": Named(lambda _: MATCH_NONE)}),
        )

    def _signed(self, value: Any) -> Query | None:
        id = _id_of(value)
        return Ids((twin_of(id),)) if id else MATCH_NONE

    def _other(self, value: Any) -> Query | None:
        twin = self._twins.get(_id_of(value))
        return MATCH_NONE if twin is None else Ids((twin,))

    def _linked_to(self, value: Any) -> Query | None:
        id = _id_of(value)
        return Term(FIELD + "assetLinkIds", id) if id in self._linked else MATCH_NONE

    def translate(self, node: Node | None) -> Translation:
        """See `Listed.translate`."""
        parts = [(base, translate(node, columns)) for base, columns in self._columns]
        queries = tuple(all_of((base, part.query)) for base, part in parts)
        return Translation(any_of(queries), all(part.is_exact for _, part in parts), queries)

    def can_sort(self, options: Options) -> bool:
        """See `Listed.can_sort`."""
        return all(sorted_by(options.order, columns) is not None for _, columns in self._columns)

    async def search(self, translation: Translation, options: Options, size: int) -> Page:
        """See `Listed.search`: in an order of clients each kind of assets is searched, and what they have is merged."""
        if not options.order:
            found = await self._found(translation.query, ORDER, options.skip, size)
            return Page(found.entities, found.total)
        entities: list[Source] = []
        total = 0
        for part, (_, columns) in zip(translation.parts, self._columns, strict=True):
            sort = (*(sorted_by(options.order, columns) or ()), *ORDER)
            found = await self._found(part, sort, 0, options.skip + size)
            entities += found.entities
            total += found.total
        return Page(page_of(options.ordered(entities, self.kind), options, size), total)

    async def scan(self, query: Query) -> AsyncGenerator[list[Source], None]:
        """See `Listed.scan`."""
        last: list[Any] = []
        while True:
            body = _body(query, ORDER) | ({"search_after": last} if last else {})
            found = await self._search(body, size=self._batch)
            yield found.entities
            last = found.last
            if found.fetched < self._batch:
                return

    async def _found(self, query: Query, sort: tuple[Sort, ...], offset: int, size: int) -> Found:
        if query == MATCH_NONE:
            return Found([], 0, 0, [])
        return await self._search(_body(query, sort), **{"from": offset, "size": size})


def _body(query: Query, sort: tuple[Sort, ...]) -> Source:
    return {"query": to_dsl(query), "sort": [to_sort(key) for key in sort]}


def _id_of(value: Any) -> str:
    """An asset's id in the form in which it is shown; empty for what is none."""
    number = number_of(value) if isinstance(value, str) else None
    return "" if number is None else text_of(number)
