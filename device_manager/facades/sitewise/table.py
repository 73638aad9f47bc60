"""The table of operations: name, method and path, members, handler, status (facades 2.4)."""

from __future__ import annotations

from device_manager.facades.sitewise.operations import Operation
from device_manager.facades.sitewise.portal_operations import PortalOperations
from device_manager.facades.sitewise.portals import CreatePortal, DeletePortal, ListPortals, OnePortal, UpdatePortal
from device_manager.facades.sitewise.project_assets import BatchProjectAssets, ListProjectAssets, ProjectAssets
from device_manager.facades.sitewise.projects import (
    CreateProject,
    DeleteProject,
    ListProjects,
    OneProject,
    Projects,
    UpdateProject,
)
from device_manager.facades.sitewise.tags import ListTags, Tagging, TagResource, UntagResource

GROUPS_READ, GROUPS_WRITTEN = ("device-manager/groups", "get"), ("device-manager/groups", "update")
"""What portals and tags, which no action knows, count as for the rights of the caller."""


def project_operations(projects: Projects, assets: ProjectAssets) -> list[Operation]:
    """Projects, and the assets in them."""
    one, its_assets = "/projects/{projectId}", "/projects/{projectId}/assets"
    batch, known = BatchProjectAssets, assets.require_project
    return [
        Operation(
            "BatchAssociateProjectAssets", "POST", f"{its_assets}/associate", batch, assets.associate, first=known
        ),
        Operation(
            "BatchDisassociateProjectAssets",
            "POST",
            f"{its_assets}/disassociate",
            batch,
            assets.disassociate,
            first=known,
        ),
        Operation("ListProjectAssets", "GET", its_assets, ListProjectAssets, assets.page),
        Operation("CreateProject", "POST", "/projects", CreateProject, projects.create, 201),
        Operation("DescribeProject", "GET", one, OneProject, projects.describe),
        Operation("UpdateProject", "PUT", one, UpdateProject, projects.update),
        Operation("DeleteProject", "DELETE", one, DeleteProject, projects.delete, 204),
        Operation("ListProjects", "GET", "/projects", ListProjects, projects.page),
    ]


def portal_operations(portals: PortalOperations) -> list[Operation]:
    """Portals."""
    one = "/portals/{portalId}"
    return [
        Operation("CreatePortal", "POST", "/portals", CreatePortal, portals.create, 202, like=GROUPS_WRITTEN),
        Operation("DescribePortal", "GET", one, OnePortal, portals.describe, like=GROUPS_READ),
        Operation("UpdatePortal", "PUT", one, UpdatePortal, portals.update, 202, like=GROUPS_WRITTEN),
        Operation("DeletePortal", "DELETE", one, DeletePortal, portals.delete, 202, like=GROUPS_WRITTEN),
        Operation("ListPortals", "GET", "/portals", ListPortals, portals.page, like=GROUPS_READ),
    ]


def tag_operations(tags: Tagging) -> list[Operation]:
    """Tags of whatever has a name in all of AWS."""
    return [
        Operation("TagResource", "POST", "/tags", TagResource, tags.tag, like=GROUPS_WRITTEN, query=("resourceArn",)),
        Operation("UntagResource", "DELETE", "/tags", UntagResource, tags.untag, like=GROUPS_WRITTEN),
        Operation("ListTagsForResource", "GET", "/tags", ListTags, tags.page, like=GROUPS_READ),
    ]
