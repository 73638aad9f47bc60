"""Stored values of a property or a data stream, from measures or from metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NamedTuple

from device_manager.facades.sitewise.asset_properties import Found
from device_manager.facades.sitewise.assets import CONTROLLER
from device_manager.facades.sitewise.paging import Place
from device_manager.facades.sitewise.points import MILLION, Point, value_of
from device_manager.facades.sitewise.series import SOURCE
from device_manager.facades.sitewise.visit import Visit
from device_manager.query.search import Search
from device_manager.query.tree import Bool, Query, Range, Term
from device_manager.storage.contract import Document, Store
from device_manager.storage.finding import find, read_search
from device_manager.storage.stamps import Source
from device_manager.twins.places import MEASURES

PAGE = 1000
MOST_HITS = 1 << 31
"""More measures than anybody stores for one millisecond, which is all that is ever left out of a search."""
WITHIN_A_MILLISECOND = 100
"""Values of one millisecond among which the last one is looked for."""


class Span(NamedTuple):
    """Which values are wanted.

    Attributes:
        after: nanoseconds since 1970, exclusive.
        until: inclusive; None for no end.
        quality: only those of it.
        is_ascending: the oldest first.
    """

    after: int
    until: int | None
    quality: str
    is_ascending: bool = True


class Page(NamedTuple):
    """Some values, and the place where the rest begins; None at the end."""

    points: list[Point]
    rest: Place | None


class ValueHistory:
    """Reads stored values.

    Args:
        store: is told to show what was stored a moment ago, and knows what a new value replaces.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last(self, visit: Visit, found: Found) -> Point | None:
        """The newest value; None without one."""
        if found.property.is_attribute:
            return _attribute(found)
        await self._store.refresh(visit.engine, MEASURES)
        hits = await self._measures(visit, found, [], is_ascending=False, skip=0, size=WITHIN_A_MILLISECOND)
        points = [point for hit in hits if (point := found.point_of(hit["_source"])) is not None]
        return max(points, key=_time, default=None)

    async def page(self, visit: Visit, found: Found, span: Span, size: int, place: Place | None) -> Page:
        """Values in the order of time.

        Args:
            visit: the request.
            found: whose values.
            span: which ones.
            size: most values.
            place: the `rest` of the page before: a millisecond, and how many of its values were given.
        """
        if found.property.is_attribute:
            point = _attribute(found)
            return Page([] if point is None or not _is_in(point, span) else [point], None)
        if place is None:
            await self._store.refresh(visit.engine, MEASURES)
        start, given = (None, 0) if place is None else place
        points: list[Point] = []
        async for group in self._groups(visit, found, span, start):
            at = group[0].milliseconds
            first = given if at == start else 0
            for number, point in enumerate(group[first:], first):
                if len(points) == size:
                    return Page(points, [at, number])
                points.append(point)
        return Page(points, None)

    async def points(self, visit: Visit, found: Found, span: Span) -> AsyncIterator[Point]:
        """All values of a span, in the order of time."""
        if found.property.is_attribute:
            point = _attribute(found)
            if point is not None and _is_in(point, span):
                yield point
            return
        await self._store.refresh(visit.engine, MEASURES)
        async for group in self._groups(visit, found, span, None):
            for point in group:
                yield point

    async def stored_at(self, visit: Visit, found: Found, moments: set[int]) -> list[Document]:
        """The measures that these clients put for a property at one of some moments, milliseconds since 1970."""
        await self._store.refresh(visit.engine, MEASURES)
        within = Bool(should=tuple(Range("measuredAt", gte=at, lte=at, format="epoch_millis") for at in moments))
        return [measure async for page in self._put_by_clients(visit, found, within) for measure in page]

    async def stored(self, visit: Visit, found: Found) -> AsyncIterator[list[Document]]:
        """All measures of a series that these clients put."""
        await self._store.refresh(visit.engine, MEASURES)
        async for page in self._put_by_clients(visit, found):
            yield page

    async def is_empty(self, visit: Visit, found: Found) -> bool:
        """Whether no measure belongs to a series."""
        await self._store.refresh(visit.engine, MEASURES)
        search = Search(found.series.query, size=1, counted=False)
        return not (await self._store.search(visit.engine, MEASURES, search)).hits

    def _put_by_clients(self, visit: Visit, found: Found, *clauses: Query) -> AsyncIterator[list[Document]]:
        own = (Term("origin.type", "api"), Term("origin._id", SOURCE))
        query = Bool(filter=(found.series.query, *own, *clauses))
        return self._store.scan(visit.engine, MEASURES, query, page=PAGE)

    async def _groups(self, visit: Visit, found: Found, span: Span, at: int | None) -> AsyncIterator[list[Point]]:
        """The values of a span in the order of time, those of one millisecond together: measures know no shorter time.

        Args:
            visit: the request.
            found: whose values.
            span: which ones.
            at: the millisecond to begin with; None begins with the span.
        """
        group: list[Point] = []
        skip = 0
        while True:
            hits = await self._measures(
                visit, found, _bounds(span, at), is_ascending=span.is_ascending, skip=skip, size=PAGE
            )
            for hit in hits:
                measured_at = hit["_source"]["measuredAt"]
                at, skip = (at, skip + 1) if measured_at == at else (measured_at, 1)
                point = found.point_of(hit["_source"])
                if point is None or not _is_in(point, span):
                    continue
                if group and group[0].milliseconds != point.milliseconds:
                    yield sorted(group, reverse=not span.is_ascending, key=_time)
                    group = []
                group.append(point)
            if len(hits) < PAGE:
                break
        if group:
            yield sorted(group, reverse=not span.is_ascending, key=_time)

    async def _measures(
        self, visit: Visit, found: Found, bounds: list[Source], *, is_ascending: bool, skip: int, size: int
    ) -> list[Source]:
        order = "asc" if is_ascending else "desc"
        body: Source = {"query": {"bool": {"filter": bounds}}, "sort": [{"measuredAt": order}, {"_id": order}]}
        if found.asset is not None and found.series.is_own_slot:
            bounds.append({"term": {"asset.measureName": found.property.place}})
            window = {"from": skip, "size": size}
            answer = await visit.actor.call(CONTROLLER, "getMeasures", _id=found.asset.id, body=body, **window)
            return list(answer["measures"])
        # What an action knows as the measures of one asset is not all of such a series.
        await visit.actor.check(CONTROLLER, "getMeasures")
        search = read_search(body, offset=skip, size=size, lang="elasticsearch", limit=MOST_HITS)
        query = Bool(filter=(found.series.query, search.query))
        answer = await find(self._store, visit.engine, MEASURES, replace(search, query=query))
        return list(answer["hits"])


def _time(point: Point) -> int:
    return point.at


def _bounds(span: Span, at: int | None) -> list[Source]:
    """The milliseconds within which a span is, from the one on in which the last page ended."""
    bounds: Source = {"gte": span.after // MILLION}
    if span.until is not None:
        bounds["lte"] = span.until // MILLION
    if at is not None:
        bounds["gte" if span.is_ascending else "lte"] = at
    return [{"range": {"measuredAt": {**bounds, "format": "epoch_millis"}}}]


def _is_in(point: Point, span: Span) -> bool:
    is_before_end = span.until is None or point.at <= span.until
    return span.after < point.at and is_before_end and point.quality == span.quality


def _attribute(found: Found) -> Point | None:
    """The value of an attribute, which is as old as the last change of its asset."""
    if found.asset is None:
        return None
    metadata = found.asset.source.get("metadata") or {}
    value = value_of(metadata.get(found.property.place), found.property.data_type)
    return None if value is None else Point(found.asset.updated_at * MILLION, "GOOD", value)
