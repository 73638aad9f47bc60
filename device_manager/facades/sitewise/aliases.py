"""Which time series there are: by their aliases, and by the properties that they belong to (facades 2.4).

A record stands for each series that has an alias, or values from elsewhere than its property. It says which property
of which asset the series belongs to; of one that belongs to none, a data stream, it says all there is. What the series
of the properties of an asset are made of is said by one record for the asset. What changes both is one transaction, so
an alias never means two things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.errors import already_exists, conflicting, invalid, not_found
from device_manager.facades.sitewise.records import Record, Records, Writing, place_of
from device_manager.facades.sitewise.series import AssetSeries, Series
from device_manager.facades.sitewise.visit import Visit
from device_manager.query.tree import Bool, Prefix, Query, Term
from device_manager.twins.places import asset_key

RECORD, OF_ASSET = "property-alias", "asset-aliases"
"""Records of series; and of all series of the properties of an asset, by its native id."""


class Entry(NamedTuple):
    """What stands in the record of a series.

    Attributes:
        alias: None for one without.
        asset: native id of the asset that it belongs to; empty for none.
        property: the property of that asset.
        series: of one that belongs to none.
        created_at: milliseconds since 1970.
        updated_at: milliseconds since 1970.
        place: in the order of `page`.
    """

    alias: str | None
    asset: str
    property: str
    series: Series | None
    created_at: int
    updated_at: int
    place: list[Any]


class Aliases:
    """The time series of which there are records.

    Args:
        records: where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find(self, visit: Visit, alias: str) -> Entry | None:
        """What an alias means; the asset may be gone."""
        record = await self._records.get(visit.engine, RECORD, _key(alias))
        return None if record is None else _entry(visit.engine, record)

    async def of_asset(self, visit: Visit, asset: Asset) -> AssetSeries:
        """The series of the properties of an asset."""
        return _known(await self._records.get(visit.engine, OF_ASSET, asset.id))

    async def of_assets(self, visit: Visit, ids: Iterable[str]) -> dict[str, AssetSeries]:
        """The series of the properties of assets, by the native ids of these."""
        records = await self._records.get_many(visit.engine, OF_ASSET, ids)
        return {id: _known(record) for id, record in records.items()}

    async def page(
        self, visit: Visit, size: int, after: Sequence[Any] | None, *, prefix: str | None, is_associated: bool | None
    ) -> list[Entry]:
        """Records in the order in which the series got their aliases or properties.

        Args:
            visit: the request.
            size: most records.
            after: the place of the one before; None begins with the first.
            prefix: how aliases begin; None for any, and those without.
            is_associated: only those that belong to a property, or only those that belong to none; None for both.
        """
        clauses: list[Query] = [] if prefix is None else [Prefix("about", prefix)]
        if is_associated is not None:
            outside = Term("parent", "")
            clauses.append(Bool(must_not=(outside,)) if is_associated else outside)
        records = await self._records.page(visit.engine, RECORD, size, after, clauses=clauses)
        return [_entry(visit.engine, record) for record in records]

    async def give(self, visit: Visit, asset: Asset, one: Property, alias: str | None) -> None:
        """Give a property an alias instead of the one that it has; None leaves it without one.

        An alias is free when the asset that had it is gone, or has it no longer: both are looked at in the transaction.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException` when the alias is that of another series.
        """

        def write(writing: Writing) -> None:
            mine = _known_in(writing, asset.id)
            holder = None if alias is None else _holder(writing, alias)
            if holder is not None and (holder.asset, holder.property) != (asset.id, one.id):
                reason = f'The alias "{alias}" is that of another property or data stream.'
                raise already_exists(reason, one.id, visit.arn("asset", asset.foreign_id))
            after = mine.with_alias(one.id, alias)
            before, wanted = _record_of(mine, one.id), _record_of(after, one.id)
            if before is not None and before != wanted:
                writing.delete(RECORD, before)
            if wanted is not None:
                _put(writing, wanted, asset.id, one.id, alias)
            _put_known(writing, asset.id, after)

        await self._decide(visit, write)

    async def begin(self, visit: Visit, alias: str, series: Series) -> Series:
        """Let there be a data stream of an alias that nobody has; the one that is there, if somebody was faster.

        Raises:
            SiteWiseError: `ConflictingOperationException` when somebody gave the alias to a property meanwhile.
        """

        def write(writing: Writing) -> Series:
            holder = _holder(writing, alias)
            if holder is not None and holder.series is not None:
                return holder.series
            if holder is not None:
                raise _changed(visit, alias, series.id)
            begun = msgspec.structs.replace(series, created_at=writing.now)
            _put_outside(writing, alias, begun)
            return begun

        return await self._records.decide(visit.engine, visit.caller.kuid, write)

    async def associate(self, visit: Visit, asset: Asset, one: Property, alias: str) -> None:
        """Let a data stream belong to a property that has no series; nothing happens when it does already.

        Raises:
            SiteWiseError: `ResourceNotFoundException`, `InvalidRequestException` for values of another type,
                `ConflictingOperationException` when the stream or the property belongs elsewhere.
        """
        arn = visit.arn("asset", asset.foreign_id)

        def write(writing: Writing) -> None:
            holder, mine = _holder(writing, alias), _known_in(writing, asset.id)
            if holder is None:
                raise not_found("time series with the alias", alias)
            _hold(writing, asset)
            if (holder.asset, holder.property) == (asset.id, one.id):
                return
            if holder.series is None:
                raise conflicting(f'The time series "{alias}" belongs to another property.', asset.foreign_id, arn)
            if mine.has(one.id):
                reason = f'The property "{one.name}" has a time series already: disassociate or delete that first.'
                raise conflicting(reason, asset.foreign_id, arn)
            if holder.series.data_type != one.data_type:
                reason = (
                    f'The values of "{alias}" are {holder.series.data_type}, those of "{one.name}" {one.data_type}.'
                )
                raise invalid(reason)
            _put(writing, _key(alias), asset.id, one.id, alias)
            _put_known(writing, asset.id, mine.with_alias(one.id, alias, holder.series))

        await self._decide(visit, write)

    async def disassociate(self, visit: Visit, asset: Asset, one: Property, alias: str, id: str) -> None:
        """Let the series of a property belong to none, with all its values: the property begins anew.

        Args:
            visit: the request.
            asset: whose property it is.
            one: the property.
            alias: of the series.
            id: what the series is called outside of assets if it never was there.

        Raises:
            SiteWiseError: `ResourceNotFoundException`; `InvalidRequestException` when it does not belong there.
        """

        def write(writing: Writing) -> None:
            holder, mine = _holder(writing, alias), _known_in(writing, asset.id)
            if holder is None:
                raise not_found("time series with the alias", alias)
            if (holder.asset, holder.property) != (asset.id, one.id):
                raise invalid(f'The time series "{alias}" does not belong to the property "{one.name}".')
            series = mine.of(asset.id, one).ended_at(writing.now)
            if not series.id:
                series = msgspec.structs.replace(series, id=id, created_at=holder.created_at)
            _put_outside(writing, alias, series)
            _put_known(writing, asset.id, mine.without(one.id, writing.now))

        await self._decide(visit, write)

    async def end(self, visit: Visit, alias: str, series: Series) -> None:
        """Forget a data stream that belongs to no asset.

        Raises:
            SiteWiseError: `ConflictingOperationException` when it belongs to one by now, or is another one.
        """

        def write(writing: Writing) -> None:
            holder = _holder(writing, alias)
            if holder is None or holder.series is None or holder.series.id != series.id:
                raise _changed(visit, alias, series.id)
            writing.delete(RECORD, _key(alias))

        await self._decide(visit, write)

    async def end_of_property(self, visit: Visit, asset: Asset, one: Property) -> None:
        """Forget the series of a property, with its alias: what is measured from now on begins a new one."""

        def write(writing: Writing) -> None:
            mine = _known_in(writing, asset.id)
            record = _record_of(mine, one.id)
            if record is not None:
                writing.delete(RECORD, record)
            _put_known(writing, asset.id, mine.without(one.id, writing.now))

        await self._decide(visit, write)

    async def forget(self, visit: Visit, asset: Asset) -> None:
        """Remove the records of an asset that is gone."""
        if await self.of_asset(visit, asset) == AssetSeries():
            return

        def write(writing: Writing) -> None:
            mine = _known_in(writing, asset.id)
            ids = [_record_of(mine, property) or "" for property in {*mine.aliases, *mine.series}]
            for record in writing.read(RECORD, ids).values():
                if record.parent == asset.id:
                    writing.delete(RECORD, record.id)
            writing.delete(OF_ASSET, asset.id)

        await self._decide(visit, write)

    async def _decide(self, visit: Visit, write: Any) -> None:
        await self._records.decide(visit.engine, visit.caller.kuid, write)


def _holder(writing: Writing, alias: str) -> Entry | None:
    """The series that has an alias: a data stream, or that of a property of an asset that is there."""
    record = writing.read(RECORD, (_key(alias),)).get(_key(alias))
    if record is None:
        return None
    entry = _entry(writing.engine, record)
    if not entry.asset:
        return entry
    if not writing.tx.read((asset_key(writing.engine, entry.asset),)):
        return None
    return entry if _known_in(writing, entry.asset).aliases.get(entry.property) == alias else None


def _hold(writing: Writing, asset: Asset) -> None:
    """Let the commit depend on the asset being there. Raises `ResourceNotFoundException`."""
    key = asset_key(writing.engine, asset.id)
    if not writing.tx.read((key,)):
        raise not_found("asset", asset.foreign_id)
    writing.tx.touch(key)


def _put(writing: Writing, id: str, asset: str, property: str, alias: str | None) -> None:
    writing.put(RECORD, id, {"property": property, "alias": alias}, parent=asset, about=alias or "")


def _put_outside(writing: Writing, alias: str, series: Series) -> None:
    content = {"property": "", "alias": alias, "series": msgspec.to_builtins(series)}
    writing.put(RECORD, _key(alias), content, about=alias)


def _put_known(writing: Writing, asset: str, known: AssetSeries) -> None:
    writing.put(OF_ASSET, asset, msgspec.to_builtins(known))


def _record_of(known: AssetSeries, property: str) -> str | None:
    """The id of the record of a property's series; None when there is none."""
    if property in known.aliases:
        return _key(known.aliases[property])
    return known.series[property].id if property in known.series else None


def _entry(engine: str, record: Record) -> Entry:
    content = record.content
    series = msgspec.convert(content["series"], Series) if "series" in content else None
    place = place_of(engine, RECORD, record)
    return Entry(
        content["alias"], record.parent, content["property"], series, record.created_at, record.updated_at, place
    )


def _known_in(writing: Writing, asset: str) -> AssetSeries:
    return _known(writing.read(OF_ASSET, (asset,)).get(asset))


def _known(record: Record | None) -> AssetSeries:
    return AssetSeries() if record is None else msgspec.convert(record.content, AssetSeries)


def _changed(visit: Visit, alias: str, id: str) -> Exception:
    reason = f'Somebody else associated or deleted the time series "{alias}" just now: try again.'
    return conflicting(reason, id, visit.arn("time-series", id))


def _key(alias: str) -> str:
    return hashlib.sha256(alias.encode()).hexdigest()
