"""Putting twins into groups and taking them out: each call one transaction (device-manager 2.4).

The group is written too, with its new `lastUpdate`: whoever moves it meanwhile looks again for what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.steps import step
from device_manager.twins.asking import Answers, answer_of, transact_asking
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Source, changed, stamp_now
from device_manager.twins.groups.events import GroupEvents
from device_manager.twins.groups.memberships import with_membership, without_membership, write_memberships
from device_manager.twins.groups.paths import last_segment, stored_path
from device_manager.twins.models import Model
from device_manager.twins.patches import CHANGEABLE, Patch, difference
from device_manager.twins.places import Places, group_key
from device_manager.twins.workspace import View, Workspace

LARGE = 200
"""Twins from which a decision runs beside the event loop."""
MEMBERS, GROUP = ("members",), ("group",)
"""Questions to the pipes."""

TwinCollection = Literal["assets", "devices"]


class Membership(NamedTuple):
    """What a call wants: twins to be in a group, or no longer.

    Attributes:
        engine: where all of them are.
        path: of the group.
        collection: what the twins are.
        ids: of the twins.
        adds: whether they come or go.
    """

    engine: str
    path: str
    collection: TwinCollection
    ids: Sequence[str]
    adds: bool

    @property
    def group(self) -> Key:
        """The group."""
        return group_key(self.engine, last_segment(self.path))

    @property
    def twins(self) -> list[Key]:
        """The twins, each once."""
        return [Key(self.engine, self.collection, id) for id in dict.fromkeys(self.ids)]


class Grouped(NamedTuple):
    """The twins and their group after the transaction; `changed` are the ids of the twins that were written."""

    twins: list[Document]
    group: Document
    changed: list[str]


class GroupMembers:
    """Changes who is in which group.

    Args:
        store: where all is.
        catalogue: knows engines and models.
        events: runs the pipes.
        places: where documents live.
        limit: most twins of one call.
    """

    def __init__(self, store: Store, catalogue: Catalogue, events: GroupEvents, places: Places, limit: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self._limit = limit

    async def change(self, wanted: Membership, call: Call) -> Grouped:
        """Put twins into a group or take them out, all of them or none.

        Raises:
            ApiError: an unknown engine, `services.storage.write_limit_exceeded`, `not_found` for the group that twins
                come into, `device_manager.groups.unknown_path`, `unknown_twins`, `kind_refused` or `model_refused`,
                `device_manager.models.unknown_group`, and what a pipe raised.
        """
        if len(wanted.ids) > self._limit:
            raise api_error("services.storage.write_limit_exceeded")
        grouped = await self._commit(wanted, call)
        if not call.dry_run:
            written = set(grouped.changed)
            await self._events.after("Write", [twin for twin in grouped.twins if twin.id in written], call)
            await self._events.after("Update", [grouped.group], call)
        return grouped

    @step
    async def _commit(self, wanted: Membership, call: Call) -> Grouped:
        engine_group = (await self._catalogue.engine(wanted.engine)).group

        async def ask(view: View, answered: Answers) -> Answers:
            return {**await self._ask_members(wanted, view, call), **await self._ask_group(wanted, call)}

        def decide(work: Workspace, answers: Answers | None) -> Grouped:
            work.load([wanted.group, *wanted.twins])
            self._check(work, wanted, engine_group)
            patches: dict[str, Patch] = answer_of(answers, MEMBERS, {})
            stamp = stamp_now(call.user_id)
            before = {key: work.get(key) for key in wanted.twins}
            twins = [
                write_memberships(work, key, _entries(wanted, twin.source, stamp.now), stamp, patches.get(key.id, {}))
                for key, twin in before.items()
            ]
            group = work.get(wanted.group).source
            metadata: Patch = answer_of(answers, GROUP, {})
            if metadata:
                group = group | {CHANGEABLE: (group.get(CHANGEABLE) or {}) | metadata}
            changed_group = work.replace(wanted.group, changed(group | {"lastUpdate": stamp.now}, stamp))
            written = [twin.id for twin, old in zip(twins, before.values(), strict=True) if twin is not old]
            return Grouped(twins, changed_group, written)

        asking = ask if any(self._events.listens_before(kind) for kind in ("Write", "Update")) else None
        large = len(wanted.ids) > LARGE
        return await transact_asking(self._store, self._places, decide, asking, wanted.group.id, call, large=large)

    def _check(self, view: View, wanted: Membership, engine_group: str) -> None:
        """Refuse an unknown group, unknown twins, and what the group's model does not want in it.

        A model that changes meanwhile is harmless: what it allows counts for those who come later.
        """
        group = view.documents.get(wanted.group)
        if group is None and wanted.adds:
            view.get(wanted.group)
        if group is None or stored_path(group.id, group.source) != wanted.path:
            raise api_error("device_manager.groups.unknown_path", wanted.path)
        name = group.source.get("model")
        model = self._catalogue.models.group(name, engine_group) if wanted.adds and name is not None else None
        if model is not None:
            _check_kind(model, group.id, wanted.collection)
        missing = [key.id for key in wanted.twins if key not in view.documents]
        if missing:
            raise api_error("device_manager.groups.unknown_twins", wanted.collection, ", ".join(missing))
        if model is not None:
            _check_models(model, wanted, view)

    async def _ask_members(self, wanted: Membership, view: View, call: Call) -> Answers:
        """Ask about the twins that change, as they are going to be."""
        stamp = stamp_now(call.user_id)
        planned: list[Source] = []
        for key in wanted.twins:
            source = view.get(key).source
            entries = _entries(wanted, source, stamp.now)
            if entries != (source.get("groups") or []):
                planned.append({"_id": key.id, "_source": changed(source | {"groups": entries}, stamp)})
        answers = await self._events.before("Write", planned, call)
        return {
            MEMBERS: {
                twin["_id"]: difference(twin["_source"].get(CHANGEABLE) or {}, metadata)
                for twin, metadata in zip(planned, answers, strict=True)
            }
        }

    async def _ask_group(self, wanted: Membership, call: Call) -> Answers:
        document = {"_id": wanted.group.id, "_source": {"lastUpdate": stamp_now(call.user_id).now}}
        (metadata,) = await self._events.before("Update", [document], call)
        return {GROUP: metadata}


def _entries(wanted: Membership, twin: Source, now: int) -> list[Source]:
    return with_membership(twin, wanted.path, now) if wanted.adds else without_membership(twin, wanted.path)


def _check_kind(model: Model, group_id: str, collection: TwinCollection) -> None:
    if collection not in ((model.content.get("affinity") or {}).get("type") or ("assets", "devices")):
        raise api_error("device_manager.groups.kind_refused", group_id, model.name, collection)


def _check_models(model: Model, wanted: Membership, view: View) -> None:
    affinity = model.content.get("affinity") or {}
    if not affinity.get("strict"):
        return
    allowed = (affinity.get("models") or {}).get(wanted.collection) or ()
    for key in wanted.twins:
        own = view.get(key).source.get("model")
        if own not in allowed:
            raise api_error("device_manager.groups.model_refused", model.name, wanted.collection, own)
