"""The parts of the interface, connected."""

from __future__ import annotations

from typing import NamedTuple

from device_manager.facades.identities import Identities
from device_manager.facades.kept_answers import KeptAnswers
from device_manager.facades.sitewise.aggregates import Aggregates
from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_ids import asset_identities
from device_manager.facades.sitewise.asset_model_operations import AssetModelOperations
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.asset_naming import AssetNaming
from device_manager.facades.sitewise.asset_operations import AssetOperations
from device_manager.facades.sitewise.asset_properties import AssetProperties
from device_manager.facades.sitewise.asset_table import (
    asset_model_operations,
    asset_operations,
    time_series_operations,
    value_operations,
)
from device_manager.facades.sitewise.assets import Assets
from device_manager.facades.sitewise.associating import Association
from device_manager.facades.sitewise.authentication import Authentication
from device_manager.facades.sitewise.hierarchies import Hierarchies
from device_manager.facades.sitewise.interface import Service
from device_manager.facades.sitewise.interpolation import Interpolation
from device_manager.facades.sitewise.operations import Operation, Routes
from device_manager.facades.sitewise.paging import Paging
from device_manager.facades.sitewise.portal_operations import PortalOperations
from device_manager.facades.sitewise.portals import Portals
from device_manager.facades.sitewise.project_assets import ProjectAssets
from device_manager.facades.sitewise.projects import Projects
from device_manager.facades.sitewise.property_operations import PropertyOperations
from device_manager.facades.sitewise.records import Records
from device_manager.facades.sitewise.relative_operations import RelativeOperations
from device_manager.facades.sitewise.table import portal_operations, project_operations, tag_operations
from device_manager.facades.sitewise.tags import Exists, ResourceTags, Tagging
from device_manager.facades.sitewise.time_series import TimeSeries
from device_manager.facades.sitewise.time_series_lists import TimeSeriesLists
from device_manager.facades.sitewise.value_history import ValueHistory
from device_manager.facades.sitewise.value_reading import ValueReading
from device_manager.facades.sitewise.values import Values
from device_manager.facades.sitewise.visit import Kind
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCredentials
from device_manager.security.places import Collections
from device_manager.security.rates import PerSecond
from device_manager.security.signing import Signer
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.domain import Twins


class Parts(NamedTuple):
    """What several operations work with.

    Attributes:
        store: where everything is.
        records: the interface's own documents.
        paging: makes the tokens of pages.
        tags: of resources.
        twins: the domain.
        settings: limits and switches.
    """

    store: Store
    records: Records
    paging: Paging
    tags: ResourceTags
    twins: Twins
    settings: Settings


def open_service(
    router: Router,
    store: Store,
    credentials: ForeignCredentials,
    collections: Collections,
    twins: Twins,
    settings: Settings,
) -> Service:
    """What the interface works with.

    Args:
        router: runs actions.
        store: where everything is.
        credentials: knows the access keys.
        collections: makes the collections of private records.
        twins: the domain, which is not started yet.
        settings: limits and switches.
    """
    records = Records(store, collections)
    twins.engine_deletion.add(records.remove_of_engine)
    parts = Parts(store, records, Paging(Signer(store, collections)), ResourceTags(records), twins, settings)
    identities = asset_identities(store)
    exists: dict[Kind, Exists] = {}
    operations = [
        *_asset_side(parts, identities, exists),
        *_project_side(parts, identities, exists),
        *tag_operations(Tagging(parts.tags, exists)),
    ]
    return Service(
        router,
        twins.platform,
        Authentication(credentials, settings.sitewise_clock_skew),
        Routes(operations),
        KeptAnswers(store, kept=settings.idempotency_kept, patience=settings.idempotency_wait),
        PerSecond(),
        settings.sitewise_rate,
    )


def _project_side(parts: Parts, identities: Identities, exists: dict[Kind, Exists]) -> list[Operation]:
    """Portals, projects and their assets; notes how to find out whether one of them exists."""
    records, paging, tags, settings = parts.records, parts.paging, parts.tags, parts.settings
    portals = Portals(records)
    register = parts.twins.models.writing.register
    projects = Projects(paging, tags, settings.sitewise_portal_projects, portals, register)
    portal_work = PortalOperations(records, portals, projects, paging, tags, settings.sitewise_portals)
    project_assets = ProjectAssets(
        parts.store,
        identities,
        projects,
        paging,
        limit=settings.sitewise_project_assets,
        extended=settings.sitewise_extended_codes,
    )
    exists |= {"portal": portals.exists, "project": projects.exists}
    return [*project_operations(projects, project_assets), *portal_operations(portal_work)]


def _asset_side(parts: Parts, identities: Identities, exists: dict[Kind, Exists]) -> list[Operation]:
    """Models, assets, hierarchies and values; notes how to find out whether a model or an asset exists."""
    records, paging, tags, twins, settings = parts.records, parts.paging, parts.tags, parts.twins, parts.settings
    models = AssetModels(records, twins.catalogue, twins.models.writing.register)
    assets, aliases = Assets(parts.store, identities), Aliases(records)
    hierarchies = Hierarchies(records, assets, models)
    model_work = AssetModelOperations(
        models,
        hierarchies,
        paging,
        tags,
        limit=settings.sitewise_asset_models,
        accepts_computed=settings.sitewise_accept_computed,
    )
    naming, limit = AssetNaming(hierarchies), settings.sitewise_assets
    asset_work = AssetOperations(assets, models, hierarchies, naming, aliases, paging, tags, limit=limit)
    properties, history = AssetProperties(assets, models, aliases), ValueHistory(parts.store)
    association = Association(aliases, history)
    property_work = PropertyOperations(assets, models, aliases, association, paging)
    relative_work = RelativeOperations(assets, models, hierarchies, paging)
    purging, register = twins.measures.purging, twins.models.writing.register
    values = Values(properties, aliases, history, purging, twins.ingestion, register)
    series = TimeSeries(properties, aliases, association, history, purging)
    lists = TimeSeriesLists(assets, models, aliases, history, twins.measures.reading, paging)
    exists |= {"asset": assets.exists, "asset-model": models.exists}
    return [
        *asset_model_operations(model_work),
        *asset_operations(asset_work, property_work, relative_work, hierarchies),
        *value_operations(
            values,
            ValueReading(properties, history, paging),
            Aggregates(properties, history, paging),
            Interpolation(properties, history, paging),
        ),
        *time_series_operations(series, lists),
    ]
