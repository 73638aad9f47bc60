"""Time series: which measures are the values of one (facades 2.4). Pure.

A series has the values that were put while it belonged to no asset, which bear its id, and for each property that it
belongs or belonged to the measures of the slot that were stored meanwhile. So it changes hands without that any measure
is touched: one transaction says which stretches are whose.
"""

from __future__ import annotations

import msgspec

from device_manager.facades.sitewise.definitions import VARIANTS, DataType, Property
from device_manager.query.tree import Bool, Query, Range, Term
from device_manager.storage.stamps import Source

SOURCE = "sitewise"
"""The data source of measures that these clients put."""
STORED_AT = "_kuzzle_info.createdAt"


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of an asset slot that were stored within a time.

    Attributes:
        asset: native id of the asset.
        slot: its slot.
        member: where the measures hold the value.
        after: milliseconds since 1970, exclusive; 0 begins with the first measure.
        until: inclusive; None for no end.
    """

    asset: str
    slot: str
    member: tuple[str, ...]
    after: int = 0
    until: int | None = None

    @property
    def query(self) -> Query:
        """Finds the measures."""
        excluded = []
        if self.after:
            excluded.append(Range(STORED_AT, lte=self.after, format="epoch_millis"))
        if self.until is not None:
            excluded.append(Range(STORED_AT, gt=self.until, format="epoch_millis"))
        place = (Term("asset._id", self.asset), Term("asset.measureName", self.slot))
        return Bool(filter=place, must_not=tuple(excluded))


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A time series.

    Attributes:
        data_type: of its values.
        id: borne by the values that were put while it belonged to no asset; empty when it always belonged to one.
        created_at: milliseconds since 1970; 0 for one that is as old as its asset.
        stretches: the values that it got from assets, the present one last.
    """

    data_type: DataType
    id: str = ""
    created_at: int = 0
    stretches: tuple[Stretch, ...] = ()

    @property
    def is_own_slot(self) -> bool:
        """Whether its values are just the measures of one slot, all of them."""
        return not self.id and len(self.stretches) == 1 and not self.stretches[0].after

    @property
    def query(self) -> Query:
        """Finds the measures that are its values."""
        found = [stretch.query for stretch in self.stretches]
        if self.id:
            origin = (Term("origin.type", "api"), Term("origin._id", SOURCE), Term("origin.measureName", self.id))
            found.append(Bool(filter=origin))
        return Bool(should=tuple(found), minimum_should_match=1)

    def member_of(self, measure: Source) -> tuple[str, ...]:
        """Where one of these measures holds the value."""
        asset = measure.get("asset") or {}
        for stretch in reversed(self.stretches):
            if (asset.get("_id"), asset.get("measureName")) == (stretch.asset, stretch.slot):
                return stretch.member
        return (VARIANTS[self.data_type],)

    def belonging_to(self, asset: str, one: Property, since: int) -> Series:
        """The series with what it gets from a property: measures stored after `since`, milliseconds since 1970."""
        if one.is_attribute:
            return self
        present = Stretch(asset=asset, slot=one.place, member=one.member, after=since)
        return msgspec.structs.replace(self, stretches=(*self.stretches, present))

    def ended_at(self, until: int) -> Series:
        """The series without what it would get after `until`, milliseconds since 1970."""
        if not self.stretches:
            return self
        *earlier, last = self.stretches
        if earlier and msgspec.structs.replace(last, after=earlier[-1].after, until=last.after) == earlier[-1]:
            last = earlier.pop()
        return msgspec.structs.replace(self, stretches=(*earlier, msgspec.structs.replace(last, until=until)))


class AssetSeries(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the series of an asset's properties, by the ids of these.

    Attributes:
        aliases: those that have one.
        series: those that have values from elsewhere, without the present stretch.
        since: milliseconds since 1970; measures that were stored until then belong to an earlier series.
    """

    aliases: dict[str, str] = {}
    series: dict[str, Series] = {}
    since: dict[str, int] = {}

    def of(self, asset: str, one: Property) -> Series:
        """The series of a property."""
        known = self.series.get(one.id, Series(data_type=one.data_type))
        return known.belonging_to(asset, one, self.since.get(one.id, 0))

    def has(self, property: str) -> bool:
        """Whether a property has a series, whatever was measured."""
        return property in self.aliases or property in self.series

    def with_alias(self, property: str, alias: str | None, series: Series | None = None) -> AssetSeries:
        """The same with another alias of a property, and with a series from elsewhere if there is one."""
        aliases = {id: known for id, known in self.aliases.items() if id != property}
        if alias is not None:
            aliases[property] = alias
        all_series = self.series if series is None else self.series | {property: series}
        return msgspec.structs.replace(self, aliases=aliases, series=all_series)

    def without(self, property: str, now: int) -> AssetSeries:
        """The same after the series of a property went away: measures stored from `now` on begin a new one."""
        since = self.since | {property: max(now, self.since.get(property, 0))}
        others = {id: series for id, series in self.series.items() if id != property}
        return msgspec.structs.replace(self.with_alias(property, None), series=others, since=since)
