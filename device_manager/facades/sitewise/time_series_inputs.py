"""The members of the operations on time series, with their constraints (facades 2.4, 2.5)."""

from __future__ import annotations

from typing import Literal

from device_manager.facades.sitewise.shapes import CustomId, Idempotent, Input, Paged, PropertyAlias


class ListTimeSeries(Paged, frozen=True, kw_only=True):
    """All time series, or those of an asset, with aliases that begin alike, or that belong to a property or to none."""

    asset_id: CustomId | None = None
    alias_prefix: PropertyAlias | None = None
    time_series_type: Literal["ASSOCIATED", "DISASSOCIATED"] | None = None


class DescribeTimeSeries(Input, frozen=True, kw_only=True):
    """The time series of an alias, or of a property."""

    alias: PropertyAlias | None = None
    asset_id: CustomId | None = None
    property_id: CustomId | None = None


class DeleteTimeSeries(Idempotent, frozen=True, kw_only=True):
    """The time series of an alias, or of a property, goes."""

    alias: PropertyAlias | None = None
    asset_id: CustomId | None = None
    property_id: CustomId | None = None


class ChangeTimeSeriesAssociation(Idempotent, frozen=True, kw_only=True):
    """A time series, and the property to which it is to belong, or not any more."""

    alias: PropertyAlias
    asset_id: CustomId
    property_id: CustomId
