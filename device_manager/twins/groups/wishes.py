"""What requests want of groups, and the rules for it (device-manager 2.4). Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document
from device_manager.storage.ids import ADJECTIVES, NAMES
from device_manager.twins.documents import Source, Stamp, device_metadata
from device_manager.twins.groups.names import check_name
from device_manager.twins.groups.paths import completed
from device_manager.twins.groups.steps import Subtrees, change_group, check_path, create_group
from device_manager.twins.models import Models
from device_manager.twins.places import group_key
from device_manager.twins.workspace import Workspace

Doing = Literal["create", "update", "upsert"]

CANDIDATES = 4
"""Generated ids of which the first free one is taken."""
GENERATED_NUMBERS = 100_000


class GroupWish(NamedTuple):
    """What a request wants of one group; members are as the request has them, None when it has not.

    Attributes:
        ids: its id, or several of which the first free one is taken.
        name: its name.
        path: its path; of a new group that of its parent will do.
        model: its model; a group keeps the model that it was created with.
        metadata: of a new group what the caller gives, of a stored one what changes.
    """

    ids: tuple[str, ...]
    name: Any = None
    path: Any = None
    model: Any = None
    metadata: Any = None


class Written(NamedTuple):
    """A group after its transaction; `created` when there was none before."""

    document: Document
    created: bool


class Scene(NamedTuple):
    """What every wish of a call is decided on.

    Attributes:
        engine: where the groups are.
        engine_group: whose models apply.
        models: all models.
        found: the subtrees of groups that move.
        begun: ids of the groups that there were before.
        listed: the call has a list of groups, and what is wrong is told of each.
        stamp: who does it, and when.
    """

    engine: str
    engine_group: str
    models: Models
    found: Subtrees
    begun: frozenset[str]
    listed: bool
    stamp: Stamp


def generated_ids() -> tuple[str, ...]:
    """Some new ids that people can tell apart."""
    pick = random.SystemRandom()
    return tuple(
        f"group-{pick.choice(ADJECTIVES)}-{pick.choice(NAMES)}-{pick.randrange(GENERATED_NUMBERS)}"
        for _ in range(CANDIDATES)
    )


def wished_metadata(wish: GroupWish, listed: bool) -> Source:
    """The metadata of a wish. Raises `api.assert.invalid_type`."""
    if wish.metadata is None:
        return {}
    if not isinstance(wish.metadata, dict):
        raise api_error("api.assert.invalid_type", "metadata" if listed else "body.metadata", "object")
    return wish.metadata


def new_metadata(scene: Scene, wish: GroupWish) -> Source:
    """Metadata of a new group: of each field of its model the caller's value, else the default, else null.

    Raises:
        ApiError: `device_manager.models.unknown_group`, `device_manager.groups.unknown_metadata`,
            `api.assert.invalid_type`.
    """
    given = wished_metadata(wish, scene.listed)
    if wish.model is None:
        return {}
    if not isinstance(wish.model, str):
        raise api_error("api.assert.invalid_type", "model" if scene.listed else "body.model", "string")
    model = scene.models.group(wish.model, scene.engine_group)
    _check_known(model.metadata_mappings, given, wish.model)
    return device_metadata(model.metadata_mappings, model.default_metadata, given)


def _check_known(mappings: Mapping[str, Any], given: Source, model: str) -> None:
    for name in given:
        if name not in mappings:
            raise api_error("device_manager.groups.unknown_metadata", name, model)


def apply(work: Workspace, scene: Scene, wish: GroupWish, doing: Doing, metadata: Source | None) -> Written:
    """Do what a wish wants, inside the transaction; its documents are loaded.

    Args:
        work: the documents.
        scene: what it is decided on.
        wish: what is wanted.
        doing: whether the group may, must or must not exist.
        metadata: what pipes made of the metadata; None when none was asked.

    Raises:
        ApiError: what is wrong with the wish, and what the mapping refuses.
        Outdated: a subtree has to be searched again.
    """
    keys = {id: group_key(scene.engine, id) for id in wish.ids}
    id = next((id for id, key in keys.items() if key not in work.documents), wish.ids[0])
    if doing == "create" or (doing == "upsert" and keys[id] not in work.documents):
        return Written(_created(work, scene, id, wish, metadata), created=True)
    return Written(_changed(work, scene, id, wish, metadata), created=False)


def _created(work: Workspace, scene: Scene, id: str, wish: GroupWish, metadata: Source | None) -> Document:
    if wish.name is None or (scene.listed and wish.name == ""):
        raise _nameless(scene.listed)
    _check_text(wish.name)
    path = completed(wish.path, id) if isinstance(wish.path, str) else wish.path
    path = id if path is None else path
    check_path(work, scene.engine, id, path)
    check_name(work, scene.engine, id, wish.name)
    planned = new_metadata(scene, wish)
    if wish.model is not None:
        work.model(scene.models.group(wish.model, scene.engine_group))
    content = {
        "name": wish.name,
        "path": path,
        "model": wish.model,
        "metadata": planned if metadata is None else metadata,
    }
    return create_group(work, scene.engine, id, content, scene.stamp)


def _nameless(listed: bool) -> ApiError:
    if listed:
        return api_error("device_manager.groups.no_name")
    return api_error("api.assert.missing_argument", "body.name")


def _check_text(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise api_error("device_manager.groups.empty_name")


def _changed(work: Workspace, scene: Scene, id: str, wish: GroupWish, metadata: Source | None) -> Document:
    stored = work.get(group_key(scene.engine, id)).source
    change: Source = {}
    if wish.name is not None:
        _check_text(wish.name)
        check_name(work, scene.engine, id, wish.name)
        change["name"] = wish.name
    if wish.path is not None:
        check_path(work, scene.engine, id, wish.path)
        change["path"] = wish.path
    given = wished_metadata(wish, scene.listed)
    model_name = stored.get("model")
    wanted = given if metadata is None else metadata
    if wanted and model_name is not None:
        _check_known(scene.models.group(model_name, scene.engine_group).metadata_mappings, given, model_name)
        change["metadata"] = (stored.get("metadata") or {}) | wanted
    is_new = id not in scene.begun
    return change_group(work, scene.engine, id, change, scene.found, scene.stamp, is_new=is_new)
