"""Pages of device lists: from searches, as far as these can tell, and else from all devices (facades 4.5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.content import LABEL_SIGN, device_id, label_of
from device_manager.facades.ubidots.device_order import MEMBERS, Order, merged, order_of, search_sort
from device_manager.facades.ubidots.device_queries import ACTIVITY, Known, all_pass, named_ids, queried
from device_manager.facades.ubidots.exchange import Exchange
from device_manager.facades.ubidots.filters import Selection
from device_manager.facades.ubidots.moments import counted, counting
from device_manager.facades.ubidots.pages import Page
from device_manager.facades.ubidots.ranking import Rows, ranked
from device_manager.facades.ubidots.reading import OLDEST_FIRST, ORDER, PAGE, DeviceReading, Twin
from device_manager.facades.ubidots.survey import Survey, changed, needs_of, read_survey, survey_body
from device_manager.facades.ubidots.texts import all_of, none_of
from device_manager.query.tree import MATCH_NONE, Ids, Query

Found = tuple[list[Twin], int]
"""What is on a page, and how much there is on all."""


class DeviceLists:
    """Reads pages of device lists.

    Args:
        reading: finds devices.
    """

    def __init__(self, reading: DeviceReading) -> None:
        self._reading = reading

    async def select(self, exchange: Exchange, selection: Selection, page: Page) -> Found:
        """The devices of a page, and how many there are on all.

        Raises:
            ApiError: what `devices:search` refuses.
        """
        await self._reading.refresh(exchange.engine)
        known = await self._known(exchange.actor, selection)
        if selection.sort_by == ACTIVITY and known.active is not None:
            return await self._by_activity(exchange, selection, known, known.active, page)
        query, rest = queried(exchange.engine, selection, known)
        order = order_of(exchange.engine, selection.sort_by, known.survey) if rest is None else None
        found = await self._sorted(exchange.actor, query, order, selection, page) if order else None
        return found or await self._read_all(exchange, query, rest or selection._replace(filters=(), search=""), page)

    async def _known(self, actor: Actor, selection: Selection) -> Known:
        """What has to be found out before the list can be read: at most seven searches, whatever there is."""
        survey, odd, stretches, named = None, None, {}, {}
        needs = needs_of(selection)
        if any(needs):
            survey = read_survey(await self._reading.figures(actor, survey_body(actor.engine, needs)), needs)
            odd = await self._changed(actor, survey)
            for length in survey.stretches(selection):
                body = {"size": 0, "aggs": {"counted": counting(length)}}
                stretches[length] = counted((await self._reading.figures(actor, body))["aggregations"]["counted"])
        if ids := named_ids(selection):
            found = await self._reading.resolve(actor.engine, [id for id in ids if not id.startswith(LABEL_SIGN)])
            named = {id: twin for id, twin in found.items() if device_id(actor.engine, twin) == id}
        active = await self._reading.active(actor) if ACTIVITY in selection.attributes else None
        return Known(survey, odd, named, active, stretches)

    async def _changed(self, actor: Actor, survey: Survey) -> Mapping[str, str] | None:
        """The labels of devices that have theirs from a reference that labels cannot hold, if these are not many."""
        if not survey.changed:
            return {}
        if survey.changed > self._reading.window:
            return None
        twins, _ = await self._reading.first(
            actor, self._reading.window, changed(actor.engine), OLDEST_FIRST, ("model", "reference")
        )
        return {twin.id: label_of(actor.engine, twin.id, twin.source) for twin in twins}

    async def _sorted(self, actor: Actor, query: Query, order: Order, selection: Selection, page: Page) -> Found | None:
        """A page of a list whose parts the store sorts; None when it lies too deep for that."""
        window, descending = self._reading.window, selection.descending
        if len(order.parts) == 1 and (fields := order.parts[0].fields) is not None:
            sort = search_sort(fields, descending=descending)
            query = all_of(query, order.parts[0].devices)
            return await self._reading.page(actor, page.offset, page.size, query=query, sort=sort)
        reach = page.offset + page.size
        if reach > window:
            return None
        searches = [
            self._reading.first(
                actor,
                window if part.fields is None else reach,
                all_of(query, part.devices),
                search_sort(part.fields or (), descending=descending),
                MEMBERS,
            )
            for part in order.parts
        ]
        found = await asyncio.gather(*searches)
        if any(part.fields is None and total > window for part, (_, total) in zip(order.parts, found, strict=True)):
            return None
        twins = merged((twin for twins, _ in found for twin in twins), order.sorted_by, descending=descending)
        wanted = [twin.id for twin in twins[page.offset : reach]]
        return await self._reading.chosen(actor, wanted), sum(total for _, total in found)

    async def _by_activity(
        self, exchange: Exchange, selection: Selection, known: Known, active: Mapping[str, int], page: Page
    ) -> Found:
        """A page of a list sorted by the last measures: devices without any come first, or last if it is descending."""
        by_activity = tuple(one for one in selection.filters if one.attribute == ACTIVITY)
        others = tuple(one for one in selection.filters if one.attribute != ACTIVITY)
        query, rest = queried(exchange.engine, selection._replace(filters=others), known)
        if rest is not None:
            return await self._read_all(exchange, query, rest._replace(filters=rest.filters + by_activity), page)
        actor, passes, end = exchange.actor, all_pass(by_activity), page.offset + page.size
        wanted = {id: at for id, at in active.items() if passes(at)}
        _, measured = await self._reading.first(actor, 0, all_of(query, _ids(wanted)), OLDEST_FIRST, ())
        if selection.descending:
            ids = await self._ranks(actor, query, wanted, end, descending=True)
            head = await self._reading.chosen(actor, ids[page.offset : end])
            offset, size = max(0, page.offset - measured), page.size - len(head)
            twins, count = await self._quiet(actor, query, active, offset, size) if passes(None) else ([], 0)
            return [*head, *twins], measured + count
        twins, count = await self._quiet(actor, query, active, page.offset, page.size) if passes(None) else ([], 0)
        ids = await self._ranks(actor, query, wanted, end - count, descending=False)
        tail = await self._reading.chosen(actor, ids[max(0, page.offset - count) : max(0, end - count)])
        return [*twins, *tail], measured + count

    async def _quiet(self, actor: Actor, query: Query, active: Mapping[str, int], offset: int, size: int) -> Found:
        """Some of the devices that a query finds and that never measured, and how many there are."""
        return await self._reading.page(actor, offset, size, query=all_of(query, none_of(_ids(active))))

    async def _ranks(
        self, actor: Actor, query: Query, active: Mapping[str, int], most: int, *, descending: bool
    ) -> list[str]:
        """The first of some core devices that a query finds, and maybe more, in the order of their last measures."""
        left = sorted(active, key=lambda id: active[id], reverse=descending)
        found: list[str] = []
        while left and len(found) < most:
            size = min(PAGE, len(left))
            while size < len(left) and active[left[size]] == active[left[size - 1]]:
                size += 1  # equal ones are in the order of their creation, which one search knows
            some, left = left[:size], left[size:]
            twins, _ = await self._reading.first(actor, size, all_of(query, _ids(some)), OLDEST_FIRST, ORDER)
            found += sorted((twin.id for twin in twins), key=lambda id: active[id], reverse=descending)
        return found

    async def _read_all(self, exchange: Exchange, query: Query, selection: Selection, page: Page) -> Found:
        """A page out of all devices that a query leaves."""
        looks_at_last = ACTIVITY in selection.attributes

        async def read() -> AsyncIterator[Rows[str]]:
            async for twins in self._reading.slices(exchange.actor, query):
                ids = [twin.id for twin in twins] if looks_at_last else []
                last = await self._reading.last_measured(exchange.actor, ids)
                yield [(twin.id, shapes.device(exchange, twin, last.get(twin.id))) for twin in twins]

        ids, count = await ranked(read, selection, page, self._reading.window)
        return await self._reading.chosen(exchange.actor, ids), count


def _ids(ids: Iterable[str]) -> Query:
    wanted = tuple(ids)
    return Ids(wanted) if wanted else MATCH_NONE
