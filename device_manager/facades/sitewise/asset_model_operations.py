"""The operations on asset models (facades 2.5)."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from device_manager.errors import ApiError
from device_manager.facades.sitewise.asset_model_inputs import (
    ONLY_TYPE,
    CreateAssetModel,
    DeleteAssetModel,
    DescribeAssetModel,
    HierarchyDefinition,
    KnownHierarchy,
    ListAssetModelProperties,
    ListAssetModels,
    UpdateAssetModel,
)
from device_manager.facades.sitewise.asset_model_plans import (
    PropertyPlan,
    changed_native_model,
    native_model,
    refuse_twice,
)
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.definitions import Definition, Hierarchy, Property, model_name
from device_manager.facades.sitewise.errors import beyond_limit, conflicting, invalid, precondition_failed
from device_manager.facades.sitewise.hierarchies import Hierarchies, find_hierarchy
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, page_of
from device_manager.facades.sitewise.shapes import is_id
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit

NOT_COMPARED = frozenset({"created_at", "updated_at"})


class AssetModelOperations:
    """What can be done with asset models.

    Args:
        models: the models.
        hierarchies: tell which of them are used.
        paging: makes the tokens of pages.
        tags: of models.
        limit: most models of an account.
        accepts_computed: whether properties that are computed are stored; they are never computed.
    """

    def __init__(
        self,
        models: AssetModels,
        hierarchies: Hierarchies,
        paging: Paging,
        tags: ResourceTags,
        *,
        limit: int,
        accepts_computed: bool,
    ) -> None:
        self._models = models
        self._hierarchies_in_use = hierarchies
        self._paging = paging
        self._tags = tags
        self._limit = limit
        self._accepts_computed = accepts_computed

    async def create(self, visit: Visit, input: CreateAssetModel) -> Content:
        """`CreateAssetModel`."""
        if input.asset_model_type != ONLY_TYPE or input.asset_model_composite_models:
            raise invalid("Component models, interfaces and composite models are not supported.")
        id = input.asset_model_id or str(uuid.uuid4())
        name = input.asset_model_name
        if len(await self._models.all(visit)) >= self._limit:
            raise beyond_limit(f"The account has {self._limit} asset models, and may have no more.")
        plan = PropertyPlan(await self._models.mappings(visit), accepts_computed=self._accepts_computed)
        definition = Definition(
            id=id,
            model=model_name(name, visit.engine, id),
            name=name,
            description=input.asset_model_description,
            external_id=input.asset_model_external_id,
            properties=plan.plan(input.asset_model_properties),
            hierarchies=await self._hierarchies(visit, id, input.asset_model_hierarchies, ()),
        )
        await self._models.create(visit, definition, native_model(definition))
        await self._tags.begin(visit, "asset-model", id, input.tags)
        return {
            "assetModelId": id,
            "assetModelArn": visit.arn("asset-model", id),
            "assetModelStatus": {"state": "CREATING"},
        }

    async def describe(self, visit: Visit, input: DescribeAssetModel) -> Content:
        """`DescribeAssetModel`, with the entity tag that `UpdateAssetModel` compares."""
        definition = await self._models.require(visit, input.asset_model_id)
        content = _content(visit, definition)
        visit.answer_headers["etag"] = entity_tag(definition)
        if input.exclude_properties:
            content["assetModelProperties"] = []
        return content

    async def update(self, visit: Visit, input: UpdateAssetModel) -> Content:
        """`UpdateAssetModel`: the latest version of a model is the active one."""
        if input.asset_model_composite_models:
            raise invalid("Composite models are not supported.")
        before = await self._models.require(visit, input.asset_model_id)
        id = before.id
        self._check_preconditions(visit, input, before)
        if input.asset_model_external_id is not None and before.external_id not in (
            None,
            input.asset_model_external_id,
        ):
            raise invalid(f'The asset model {id} has the external id "{before.external_id}", which stays.')
        plan = PropertyPlan(
            await self._models.mappings(visit), accepts_computed=self._accepts_computed, before=before.properties
        )
        after = msgspec.structs.replace(
            before,
            name=input.asset_model_name,
            description=input.asset_model_description or before.description,
            external_id=input.asset_model_external_id or before.external_id,
            properties=plan.plan(input.asset_model_properties),
            hierarchies=await self._hierarchies(visit, id, input.asset_model_hierarchies, before.hierarchies),
            version=before.version + 1,
        )
        await self._refuse_used(visit, before, after)
        native = await self._models.native(visit, before.model)
        body = changed_native_model(native["asset"], before, after)
        await self._models.update(visit, before, after, body | {"engineGroup": native["engineGroup"]})
        return {"assetModelId": id, "assetModelStatus": {"state": "UPDATING"}}

    async def page(self, visit: Visit, input: ListAssetModels) -> Content:
        """`ListAssetModels`, in the order of their creation."""
        after = await self._paging.place(visit, input)
        if input.asset_model_types and ONLY_TYPE not in input.asset_model_types:
            return {"assetModelSummaries": []}
        rest = [one for one in await self._models.all(visit) if after is None or _place(one) > after]
        shown = rest[: input.max_results]
        content: Content = {"assetModelSummaries": [_summary(visit, one) for one in shown]}
        if len(rest) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, _place(shown[-1]))
        return content

    async def delete(self, visit: Visit, input: DeleteAssetModel) -> Content:
        """`DeleteAssetModel`: only one without assets, whose assets are nobody's children."""
        definition = await self._models.require(visit, input.asset_model_id)
        id = definition.id
        for other in await self._models.all(visit):
            if other.id != id and any(one.child_asset_model_id == id for one in other.hierarchies):
                reason = f'The asset model {id} is that of the children in a hierarchy of "{other.name}".'
                raise conflicting(reason, id, visit.arn("asset-model", id))
        try:
            await self._models.delete(visit, definition)
        except ApiError as error:
            if error.id != "device_manager.models.in_use":
                raise
            reason = f"There are assets of the asset model {id}: delete them first."
            raise conflicting(reason, id, visit.arn("asset-model", id)) from None
        await self._tags.end(visit, "asset-model", id)
        return {"assetModelStatus": {"state": "DELETING"}}

    async def properties(self, visit: Visit, input: ListAssetModelProperties) -> Content:
        """`ListAssetModelProperties`, as DescribeAssetModel has them."""
        definition = await self._models.require(visit, input.asset_model_id)
        shown, token = await page_of(self._paging, visit, input, definition.properties)
        summaries = [_property(one) | {"path": [{"id": one.id, "name": one.name}]} for one in shown]
        return {"assetModelPropertySummaries": summaries, **said("nextToken", token)}

    def _check_preconditions(self, visit: Visit, input: UpdateAssetModel, definition: Definition) -> None:
        """Refuse what the headers do not want to happen: each model has a latest version, which is active."""
        reason = ""
        if input.if_none_match is not None:
            reason = f"The asset model {definition.id} has an active version."
        elif input.if_match not in (None, entity_tag(definition)):
            reason = f"The asset model {definition.id} is not any more as its ETag {input.if_match} says."
        if reason:
            raise precondition_failed(reason, definition.id, visit.arn("asset-model", definition.id))

    async def _hierarchies(
        self,
        visit: Visit,
        own: str,
        wanted: Sequence[HierarchyDefinition | KnownHierarchy],
        before: Sequence[Hierarchy],
    ) -> tuple[Hierarchy, ...]:
        refuse_twice("hierarchy", [one.name for one in wanted])
        hierarchies = []
        for one in wanted:
            known = None if one.id is None else find_hierarchy(before, one.id)
            if known is None and one.id is not None and not is_id(one.id):
                raise invalid(f"The asset model has no hierarchy {one.id}.")
            child = one.child_asset_model_id
            if child != own:
                child = (await self._models.require(visit, child)).id
            if known is not None and known.child_asset_model_id != child:
                reason = f"Children in the hierarchy {known.id} are of the asset model {known.child_asset_model_id}"
                raise invalid(f"{reason}, and stay so.")
            external = one.external_id or (None if known is None else known.external_id)
            id = known.id if known is not None else one.id or str(uuid.uuid4())
            hierarchies.append(Hierarchy(id=id, name=one.name, child_asset_model_id=child, external_id=external))
        refuse_twice("id", [one.id for one in hierarchies])
        return tuple(hierarchies)

    async def _refuse_used(self, visit: Visit, before: Definition, after: Definition) -> None:
        """Refuse to take a hierarchy away in which there are assets."""
        staying = {one.id for one in after.hierarchies}
        for one in before.hierarchies:
            if one.id not in staying and await self._hierarchies_in_use.are_used(visit, one.id):
                reason = f'There are assets in the hierarchy "{one.name}": disassociate them first.'
                raise conflicting(reason, before.id, visit.arn("asset-model", before.id))


def entity_tag(definition: Definition) -> str:
    """43 characters that follow from all that clients can change of a model."""
    members = {name: value for name, value in msgspec.to_builtins(definition).items() if name not in NOT_COMPARED}
    digest = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _content(visit: Visit, definition: Definition) -> Content:
    return {
        "assetModelId": definition.id,
        "assetModelArn": visit.arn("asset-model", definition.id),
        "assetModelName": definition.name,
        "assetModelType": ONLY_TYPE,
        "assetModelDescription": definition.description or definition.name,
        "assetModelProperties": [_property(one) for one in definition.properties],
        "assetModelHierarchies": [_hierarchy(hierarchy) for hierarchy in definition.hierarchies],
        "assetModelCompositeModels": [],
        "assetModelVersion": str(definition.version),
        "assetModelCreationDate": seconds(definition.created_at),
        "assetModelLastUpdateDate": seconds(definition.updated_at),
        "assetModelStatus": {"state": "ACTIVE"},
        **said("assetModelExternalId", definition.external_id),
    }


def _place(definition: Definition) -> list[Any]:
    return [definition.created_at, definition.model]


def _property(one: Property) -> Content:
    return {
        "id": one.id,
        "name": one.name,
        "dataType": one.data_type,
        "type": one.type,
        **said("unit", one.unit),
        **said("externalId", one.external_id),
    }


def _hierarchy(hierarchy: Hierarchy) -> Content:
    return {
        "id": hierarchy.id,
        "name": hierarchy.name,
        "childAssetModelId": hierarchy.child_asset_model_id,
        **said("externalId", hierarchy.external_id),
    }


def _summary(visit: Visit, definition: Definition) -> Content:
    return {
        "id": definition.id,
        "arn": visit.arn("asset-model", definition.id),
        "name": definition.name,
        "description": definition.description or definition.name,
        "assetModelType": ONLY_TYPE,
        "creationDate": seconds(definition.created_at),
        "lastUpdateDate": seconds(definition.updated_at),
        "status": {"state": "ACTIVE"},
        "version": str(definition.version),
        **said("externalId", definition.external_id),
    }
