"""Creating, changing and deleting groups: each call one transaction, its pipes around it (device-manager 2.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.steps import step
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Source, stamp_now
from device_manager.twins.groups.events import KINDS, GroupEvents, Kind
from device_manager.twins.groups.finding import again, find_subtrees
from device_manager.twins.groups.names import claim_all, claimed_key, name_key
from device_manager.twins.groups.paths import last_segment, parent_path, stored_path
from device_manager.twins.groups.steps import Outdated, check_found, delete_group
from device_manager.twins.groups.wishes import (
    Doing,
    GroupWish,
    Scene,
    Written,
    apply,
    new_metadata,
)
from device_manager.twins.places import Places, group_key
from device_manager.twins.workspace import Workspace

LARGE = 200
"""Documents from which a decision runs beside the event loop."""

Outcome = Written | ApiError


class _Order(NamedTuple):
    """A call that writes groups; `listed` when it has a list of them."""

    engine: str
    wishes: Sequence[GroupWish]
    doing: Doing
    call: Call
    listed: bool


class GroupWriting:
    """Writes the groups of engines.

    Args:
        store: where they are.
        catalogue: knows engines and models.
        events: runs the pipes.
        places: where documents live.
        limit: most groups of one call, and most documents that move together.
    """

    def __init__(self, store: Store, catalogue: Catalogue, events: GroupEvents, places: Places, limit: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self._limit = limit

    async def write_one(self, engine: str, wish: GroupWish, doing: Doing, call: Call) -> Document:
        """Create or change one group.

        Raises:
            ApiError: an unknown engine, what is wrong with the wish (device-manager 2.4), and what a pipe raised.
        """
        (outcome,) = await self._write(_Order(engine, [wish], doing, call, listed=False))
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome.document

    async def write_many(self, engine: str, wishes: Sequence[GroupWish], doing: Doing, call: Call) -> list[Outcome]:
        """Create or change groups, as if one by one in order; what is refused of them stands in its place.

        Raises:
            ApiError: an unknown engine, `services.storage.write_limit_exceeded`, and what a pipe raised.
        """
        if len(wishes) > self._limit:
            raise api_error("services.storage.write_limit_exceeded")
        return await self._write(_Order(engine, wishes, doing, call, listed=True))

    async def _write(self, order: _Order) -> list[Outcome]:
        outcomes = await self._commit(order)
        if not order.call.dry_run:
            written = [outcome for outcome in outcomes if isinstance(outcome, Written)]
            await self._events.after_all(written, order.call)
        return outcomes

    @step
    async def _commit(self, order: _Order) -> list[Outcome]:
        asked: dict[tuple[int, Kind], Source] = {}
        subject = order.wishes[0].ids[0] if order.wishes else ""
        return await again(lambda: self._attempt(order, asked), subject)

    async def _attempt(self, order: _Order, asked: dict[tuple[int, Kind], Source]) -> list[Outcome]:
        """Read, find, ask and decide once. Raises Outdated when others were in between."""
        engine, wishes, doing, call, listed = order
        group = (await self._catalogue.engine(engine)).group
        stored = await self._read(engine, [group_key(engine, id) for wish in wishes for id in wish.ids])
        found = await find_subtrees(self._store, engine, _moving(engine, wishes, stored), self._limit)
        begun = frozenset(key.id for key in stored)
        scene = Scene(engine, group, self._catalogue.models, found, begun, listed, stamp_now(call.user_id))
        metadata = await self._ask(scene, order, asked)

        def decide(tx: Transaction) -> list[Outcome]:
            work = Workspace(tx, self._places, call)
            fresh = scene._replace(stamp=stamp_now(call.user_id))
            _load(work, fresh, wishes)
            return [_decided(work, fresh, wish, doing, metadata.get(number)) for number, wish in enumerate(wishes)]

        large = len(found.versions) + len(found.twins) + len(wishes) > LARGE
        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=large)

    async def _read(self, engine: str, keys: Sequence[Key]) -> dict[Key, Document]:
        """The groups that exist among `keys`, in an engine whose groups have all claimed their names."""
        claimed = claimed_key(engine)
        stored = await self._store.read([*keys, claimed])
        if stored.pop(claimed, None) is None:
            await claim_all(self._store, self._places, engine)
        return stored

    async def _ask(self, scene: Scene, order: _Order, asked: dict[tuple[int, Kind], Source]) -> Mapping[int, Source]:
        """Run the `before` pipes for what was not `asked` before; number of a wish -> metadata as they want it."""
        kinds = _kinds(scene, order)
        for kind in KINDS:
            if self._events.listens_before(kind):
                open_questions = {
                    number: question
                    for number, wish in enumerate(order.wishes)
                    if kinds[number] == kind and (number, kind) not in asked
                    if (question := _question(scene, wish, kind)) is not None
                }
                answers = await self._events.before(kind, list(open_questions.values()), order.call)
                asked |= {(number, kind): answer for number, answer in zip(open_questions, answers, strict=True)}
        return {number: asked[number, kind] for number, kind in enumerate(kinds) if (number, kind) in asked}

    async def delete(self, engine: str, group_id: str, call: Call) -> None:
        """Delete a group; groups below it become roots, twins leave it.

        Raises:
            ApiError: an unknown engine, `services.storage.not_found`, `device_manager.groups.subtree_too_large`, and
                what a pipe raised.
        """
        await self._commit_deletion(engine, group_id, call)
        if not call.dry_run:
            await self._events.after_delete(group_id, call)

    @step
    async def _commit_deletion(self, engine: str, group_id: str, call: Call) -> None:
        await self._catalogue.engine(engine)
        key = group_key(engine, group_id)
        await self._store.get(*key)
        await self._events.before_delete(group_id, call)
        await again(lambda: self._attempt_deletion(engine, key, call), group_id)

    async def _attempt_deletion(self, engine: str, key: Key, call: Call) -> None:
        group = await self._store.get(*key)
        roots = {key.id: stored_path(key.id, group.source)}
        found = await find_subtrees(self._store, engine, roots, self._limit)

        def decide(tx: Transaction) -> None:
            work = Workspace(tx, self._places, call)
            work.load([key, *found.keys(engine)])
            check_found(work, engine, found)
            delete_group(work, engine, key.id, found, stamp_now(call.user_id))

        large = len(found.versions) + len(found.twins) > LARGE
        await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=large)


def _moving(engine: str, wishes: Sequence[GroupWish], stored: Mapping[Key, Document]) -> dict[str, str]:
    """The groups that get another path: id -> the one that they have."""
    moving: dict[str, str] = {}
    for wish in wishes:
        group = stored.get(group_key(engine, wish.ids[0]))
        if group is not None and wish.path not in (None, path := stored_path(group.id, group.source)):
            moving[group.id] = path
    return moving


def _kinds(scene: Scene, order: _Order) -> list[Kind]:
    """What is going to happen to the group of each wish."""
    kinds: list[Kind] = []
    known = set(scene.begun)
    for wish in order.wishes:
        creates = order.doing == "create" or (order.doing == "upsert" and known.isdisjoint(wish.ids))
        kinds.append("Write" if creates else "Update")
        known.update(wish.ids)
    return kinds


def _question(scene: Scene, wish: GroupWish, kind: Kind) -> Source | None:
    """What pipes are asked about a wish; None for one that is going to be refused."""
    content: Source = {name: value for name, value in (("name", wish.name), ("path", wish.path)) if value is not None}
    if kind == "Write":
        try:
            content |= {"model": wish.model, "metadata": new_metadata(scene, wish)}
        except ApiError:
            return None
    elif isinstance(wish.metadata, dict):
        content["metadata"] = wish.metadata
    return {"_id": wish.ids[0], "_source": content | {"lastUpdate": scene.stamp.now}}


def _load(work: Workspace, scene: Scene, wishes: Sequence[GroupWish]) -> None:
    """Read all that the wishes are going to need, at once. Raises Outdated when it is not what was found."""
    engine = scene.engine
    ids = {id for wish in wishes for id in wish.ids}
    paths = [wish.path for wish in wishes if isinstance(wish.path, str)]
    groups = {*ids, *(last_segment(place) for path in paths for place in (path, parent_path(path)))} - {""}
    names = [name_key(engine, wish.name).address for wish in wishes if isinstance(wish.name, str)]
    work.load([*(group_key(engine, id) for id in groups), *names])
    work.load(scene.found.keys(engine))
    check_found(work, engine, scene.found)
    if any((id in scene.begun) != (group_key(engine, id) in work.documents) for id in ids):
        raise Outdated


def _decided(work: Workspace, scene: Scene, wish: GroupWish, doing: Doing, metadata: Source | None) -> Outcome:
    """One wish as a whole, or why not."""
    if not scene.listed:
        return apply(work, scene, wish, doing, metadata)
    try:
        return apply(work, scene, wish, doing, metadata)
    except ApiError as refusal:
        return refusal
