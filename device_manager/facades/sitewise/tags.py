"""Tags of resources, by the names that these have in all of AWS (facades 2.4)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, NamedTuple

from msgspec import Meta

from device_manager.errors import ApiError
from device_manager.facades.sitewise.errors import invalid, not_found, too_many_tags, unauthorized
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.records import Records
from device_manager.facades.sitewise.shapes import Input, ResourceArn, TagKey, Tags
from device_manager.facades.sitewise.visit import Kind, Visit
from device_manager.storage.stamps import Source

RECORD = "tags"
MOST_TAGS = 50
_NAME = re.compile(
    r"arn:aws(-cn|-us-gov)?:iotsitewise:(?P<region>[\w-]+):(?P<account>[0-9]{12}):(?P<kind>[a-z-]+)/(?P<id>.+)",
    re.ASCII,
)

Exists = Callable[[Visit, str], Awaitable[bool]]


class ListTags(Input, frozen=True, kw_only=True):
    """The tags of a resource."""

    resource_arn: ResourceArn


class TagResource(Input, frozen=True, kw_only=True):
    """Tags that a resource gets."""

    resource_arn: ResourceArn
    tags: Tags


class UntagResource(Input, frozen=True, kw_only=True):
    """Tags that go from a resource."""

    resource_arn: ResourceArn
    tag_keys: Annotated[list[TagKey], Meta(max_length=200)]


class _Resource(NamedTuple):
    kind: Kind
    id: str

    @property
    def record(self) -> str:
        """The id of the record with its tags."""
        return f"{self.kind}/{self.id}"


class ResourceTags:
    """The tags of all kinds of resources.

    Args:
        records: where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def begin(self, visit: Visit, kind: Kind, id: str, tags: Mapping[str, str] | None) -> None:
        """Tag a resource that was made just now."""
        if tags:
            await self._put(visit, _Resource(kind, id), dict(tags))

    async def end(self, visit: Visit, kind: Kind, id: str) -> None:
        """Forget the tags of a resource that is gone."""
        await self._change(visit, _Resource(kind, id), lambda tags: None)

    async def get(self, visit: Visit, kind: Kind, id: str) -> dict[str, str]:
        """The tags of a resource."""
        record = await self._records.get(visit.engine, RECORD, _Resource(kind, id).record)
        return {} if record is None else dict(record.content)

    async def add(self, visit: Visit, kind: Kind, id: str, tags: Mapping[str, str]) -> None:
        """Tag a resource. Raises `TooManyTagsException`."""
        resource = _Resource(kind, id)

        def merge(stored: Source) -> Source:
            merged = stored | dict(tags)
            if len(merged) > MOST_TAGS:
                reason = f"It would have {len(merged)} tags, and may have {MOST_TAGS}."
                raise too_many_tags(reason, visit.arn(kind, id))
            return merged

        if not await self._change(visit, resource, merge):
            await self._put(visit, resource, merge({}))

    async def remove(self, visit: Visit, kind: Kind, id: str, keys: list[str]) -> None:
        """Take tags from a resource; those that it has not do not matter."""
        gone = frozenset(keys)
        await self._change(
            visit, _Resource(kind, id), lambda tags: {key: value for key, value in tags.items() if key not in gone}
        )

    async def _put(self, visit: Visit, resource: _Resource, tags: Source) -> None:
        await self._records.create(visit.engine, RECORD, resource.record, tags, visit.caller.kuid)

    async def _change(self, visit: Visit, resource: _Resource, decide: Callable[[Source], Source | None]) -> bool:
        """Change the tags of a resource; False when it has none."""
        try:
            await self._records.change(visit.engine, RECORD, resource.record, decide, visit.caller.kuid)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise
            return False
        return True


class Tagging:
    """The operations on tags.

    Args:
        tags: the tags.
        exists: tells of each kind whether there is a resource.
    """

    def __init__(self, tags: ResourceTags, exists: Mapping[Kind, Exists]) -> None:
        self._tags = tags
        self._exists = exists

    async def tag(self, visit: Visit, input: TagResource) -> Content:
        """`TagResource`."""
        resource = await self._resource(visit, input.resource_arn)
        await self._tags.add(visit, resource.kind, resource.id, input.tags)
        return {}

    async def untag(self, visit: Visit, input: UntagResource) -> Content:
        """`UntagResource`."""
        resource = await self._resource(visit, input.resource_arn)
        await self._tags.remove(visit, resource.kind, resource.id, input.tag_keys)
        return {}

    async def page(self, visit: Visit, input: ListTags) -> Content:
        """`ListTagsForResource`."""
        resource = await self._resource(visit, input.resource_arn)
        return {"tags": await self._tags.get(visit, resource.kind, resource.id)}

    async def _resource(self, visit: Visit, arn: str) -> _Resource:
        """The resource of a name.

        Raises:
            SiteWiseError: `InvalidRequestException` for what is no such name, `UnauthorizedException` for a name in
                another account or region than that of the request, `ResourceNotFoundException`.
        """
        named = _NAME.fullmatch(arn)
        kinds = ", ".join(self._exists)
        for kind, exists in self._exists.items():
            if named is None or named["kind"] != kind:
                continue
            own = (visit.caller.region, visit.caller.account)
            if (named["region"], named["account"]) != own:
                raise unauthorized(f"{arn} is not of the account {own[1]} and the region {own[0]} of the request.")
            if not await exists(visit, named["id"]):
                raise not_found(kind, named["id"])
            return _Resource(kind, named["id"])
        raise invalid(f"{arn} is not arn:aws:iotsitewise:REGION:ACCOUNT:KIND/ID; KIND has to be one of {kinds}.")
