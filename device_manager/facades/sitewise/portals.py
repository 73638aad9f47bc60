"""Portals: records of their own, for nothing here is like them (facades 1.4, 2.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from device_manager.facades.sitewise.errors import not_found
from device_manager.facades.sitewise.records import Record, Records
from device_manager.facades.sitewise.shapes import Arn, Description, Email, Id, Idempotent, Input, Name, Paged, Tags
from device_manager.facades.sitewise.visit import Visit

PORTAL = "portal"
"""The kind of the records."""


class ImageFile(Input, frozen=True, kw_only=True):
    """A picture, as base64 text."""

    data: Annotated[str, Meta(min_length=1, max_length=2_000_000, pattern=r"^[A-Za-z0-9+/\r\n]+=*\s*\Z")]
    type: Literal["PNG"]


class Image(Input, frozen=True, kw_only=True):
    """A picture that is known by its id, or a new one."""

    id: Id | None = None
    file: ImageFile | None = None


class Alarms(Input, frozen=True, kw_only=True):
    """Where alarms go."""

    alarm_role_arn: Arn
    notification_lambda_arn: Arn | None = None


class PortalMembers(Idempotent, frozen=True, kw_only=True):
    """What a portal is made of."""

    portal_name: Name
    portal_contact_email: Email
    role_arn: Arn
    portal_description: Description | None = None
    notification_sender_email: Email | None = None
    alarms: Alarms | None = None
    portal_type: Literal["SITEWISE_PORTAL_V1", "SITEWISE_PORTAL_V2"] | None = None
    portal_type_configuration: dict[str, Any] | None = None


class CreatePortal(PortalMembers, frozen=True, kw_only=True):
    """A new portal."""

    portal_logo_image_file: ImageFile | None = None
    portal_auth_mode: Literal["IAM", "SSO"] | None = None
    tags: Tags | None = None


class UpdatePortal(PortalMembers, frozen=True, kw_only=True):
    """What a portal becomes."""

    portal_id: Id
    portal_logo_image: Image | None = None


class OnePortal(Input, frozen=True, kw_only=True):
    """The portal of an id."""

    portal_id: Id


class DeletePortal(Idempotent, frozen=True, kw_only=True):
    """A portal that goes."""

    portal_id: Id


class ListPortals(Paged, frozen=True, kw_only=True):
    """All portals."""


class Portals:
    """The portals of engines, by id.

    Args:
        records: where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def require(self, visit: Visit, id: str) -> Record:
        """The portal `id`. Raises `ResourceNotFoundException`."""
        record = await self._records.get(visit.engine, PORTAL, id)
        if record is None:
            raise not_found("portal", id)
        return record

    async def exists(self, visit: Visit, id: str) -> bool:
        """Whether there is a portal `id`."""
        return await self._records.get(visit.engine, PORTAL, id) is not None
