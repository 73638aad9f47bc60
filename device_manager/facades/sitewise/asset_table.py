"""The operations on asset models, assets, their values and time series in the table (facades 2.4)."""

from __future__ import annotations

from device_manager.facades.sitewise.aggregates import (
    Aggregates,
    BatchGetAssetPropertyAggregates,
    GetAssetPropertyAggregates,
)
from device_manager.facades.sitewise.asset_inputs import (
    ChangeAssociation,
    CreateAsset,
    DeleteAsset,
    DescribeAsset,
    DescribeAssetProperty,
    ListAssetProperties,
    ListAssetRelationships,
    ListAssets,
    ListAssociatedAssets,
    UpdateAsset,
    UpdateAssetProperty,
)
from device_manager.facades.sitewise.asset_model_inputs import (
    CreateAssetModel,
    DeleteAssetModel,
    DescribeAssetModel,
    ListAssetModelProperties,
    ListAssetModels,
    UpdateAssetModel,
)
from device_manager.facades.sitewise.asset_model_operations import AssetModelOperations
from device_manager.facades.sitewise.asset_operations import AssetOperations
from device_manager.facades.sitewise.hierarchies import Hierarchies
from device_manager.facades.sitewise.interpolation import GetInterpolatedAssetPropertyValues, Interpolation
from device_manager.facades.sitewise.operations import Operation
from device_manager.facades.sitewise.property_operations import PropertyOperations
from device_manager.facades.sitewise.relative_operations import RelativeOperations
from device_manager.facades.sitewise.time_series import TimeSeries
from device_manager.facades.sitewise.time_series_inputs import (
    ChangeTimeSeriesAssociation,
    DeleteTimeSeries,
    DescribeTimeSeries,
    ListTimeSeries,
)
from device_manager.facades.sitewise.time_series_lists import TimeSeriesLists
from device_manager.facades.sitewise.value_reading import (
    BatchGetAssetPropertyValue,
    BatchGetAssetPropertyValueHistory,
    GetAssetPropertyValue,
    GetAssetPropertyValueHistory,
    ValueReading,
)
from device_manager.facades.sitewise.values import BatchPutAssetPropertyValue, Values

ASSETS_WRITTEN = ("device-manager/assets", "update")
"""What hierarchies, aliases and associations, which no action knows, count as for the rights of the caller."""
ASSETS_READ, ASSETS_LISTED, ASSETS_DELETED = (("device-manager/assets", name) for name in ("get", "search", "delete"))
"""What reading, listing and deleting time series count as."""
PRECONDITIONS = {"if-match": "ifMatch", "if-none-match": "ifNoneMatch", "match-for-version-type": "matchForVersionType"}


def asset_model_operations(models: AssetModelOperations) -> list[Operation]:
    """Asset models."""
    one = "/asset-models/{assetModelId}"
    return [
        Operation("CreateAssetModel", "POST", "/asset-models", CreateAssetModel, models.create, 202),
        Operation("DescribeAssetModel", "GET", one, DescribeAssetModel, models.describe),
        Operation("UpdateAssetModel", "PUT", one, UpdateAssetModel, models.update, 202, headers=PRECONDITIONS),
        Operation("DeleteAssetModel", "DELETE", one, DeleteAssetModel, models.delete, 202),
        Operation("ListAssetModelProperties", "GET", f"{one}/properties", ListAssetModelProperties, models.properties),
        Operation("ListAssetModels", "GET", "/asset-models", ListAssetModels, models.page),
    ]


def asset_operations(
    assets: AssetOperations, properties: PropertyOperations, relatives: RelativeOperations, hierarchies: Hierarchies
) -> list[Operation]:
    """Assets, their properties and hierarchies."""
    one = "/assets/{assetId}"
    its_property = f"{one}/properties/{{propertyId}}"
    change, written = ChangeAssociation, ASSETS_WRITTEN
    return [
        Operation("CreateAsset", "POST", "/assets", CreateAsset, assets.create, 202),
        Operation("DescribeAsset", "GET", one, DescribeAsset, assets.describe),
        Operation("UpdateAsset", "PUT", one, UpdateAsset, assets.update, 202),
        Operation("DeleteAsset", "DELETE", one, DeleteAsset, assets.delete, 202),
        Operation("ListAssets", "GET", "/assets", ListAssets, assets.page),
        Operation("ListAssetProperties", "GET", f"{one}/properties", ListAssetProperties, properties.page),
        Operation("DescribeAssetProperty", "GET", its_property, DescribeAssetProperty, properties.describe),
        Operation("UpdateAssetProperty", "PUT", its_property, UpdateAssetProperty, properties.update, like=written),
        Operation("AssociateAssets", "POST", f"{one}/associate", change, hierarchies.associate, like=written),
        Operation("DisassociateAssets", "POST", f"{one}/disassociate", change, hierarchies.disassociate, like=written),
        Operation("ListAssociatedAssets", "GET", f"{one}/hierarchies", ListAssociatedAssets, relatives.associated),
        Operation(
            "ListAssetRelationships",
            "GET",
            f"{one}/assetRelationships",
            ListAssetRelationships,
            relatives.relationships,
        ),
    ]


def value_operations(
    values: Values, reading: ValueReading, aggregates: Aggregates, interpolation: Interpolation
) -> list[Operation]:
    """Values of properties."""
    put, latest, history = BatchPutAssetPropertyValue, GetAssetPropertyValue, GetAssetPropertyValueHistory
    each, every = BatchGetAssetPropertyValue, BatchGetAssetPropertyValueHistory
    steps, every_step = GetAssetPropertyAggregates, BatchGetAssetPropertyAggregates
    between = GetInterpolatedAssetPropertyValues
    batch = "/properties/batch"
    return [
        Operation(put.__name__, "POST", "/properties", put, values.put, is_data=True),
        Operation(latest.__name__, "GET", "/properties/latest", latest, reading.last, is_data=True),
        Operation(history.__name__, "GET", "/properties/history", history, reading.page, is_data=True),
        Operation(each.__name__, "POST", f"{batch}/latest", each, reading.last_of_each, is_data=True),
        Operation(every.__name__, "POST", f"{batch}/history", every, reading.page_of_each, is_data=True),
        Operation(steps.__name__, "GET", "/properties/aggregates", steps, aggregates.page, is_data=True),
        Operation(
            every_step.__name__, "POST", f"{batch}/aggregates", every_step, aggregates.page_of_each, is_data=True
        ),
        Operation(between.__name__, "GET", "/properties/interpolated", between, interpolation.page, is_data=True),
    ]


def time_series_operations(series: TimeSeries, lists: TimeSeriesLists) -> list[Operation]:
    """Time series; all members but the token stand in queries."""
    change, delete = ChangeTimeSeriesAssociation, DeleteTimeSeries
    members = ("alias", "assetId", "propertyId")
    return [
        Operation("ListTimeSeries", "GET", "/timeseries/", ListTimeSeries, lists.page, like=ASSETS_LISTED),
        Operation(
            "DescribeTimeSeries", "GET", "/timeseries/describe/", DescribeTimeSeries, series.describe, like=ASSETS_READ
        ),
        Operation(
            "AssociateTimeSeriesToAssetProperty",
            "POST",
            "/timeseries/associate/",
            change,
            series.associate,
            like=ASSETS_WRITTEN,
            query=members,
        ),
        Operation(
            "DisassociateTimeSeriesFromAssetProperty",
            "POST",
            "/timeseries/disassociate/",
            change,
            series.disassociate,
            like=ASSETS_WRITTEN,
            query=members,
        ),
        Operation(
            "DeleteTimeSeries",
            "POST",
            "/timeseries/delete/",
            delete,
            series.delete,
            like=ASSETS_DELETED,
            query=members,
        ),
    ]
