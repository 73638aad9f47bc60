"""Owners, a recoverer and a cluster as the protocol has them, one event after another (transactions 1, steps 2 to 9).

The rules are the store's own functions; this file supplies the cluster and the events that can come next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from protocol_world import Case, Doc, Item, Owner, Values, World, put

from device_manager.storage.elasticsearch.protocol import (
    EVERY_UNIT,
    Head,
    Image,
    Mark,
    State,
    Undo,
    Verdict,
    judge,
    parse_mark,
    undo_step,
)


class Checker:
    """Enumerates the worlds that can follow one another."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def start(self) -> World:
        docs = tuple(
            sorted((name, Doc(value, None, 0)) for name, value in self.case.start.items() if value is not None)
        )
        owners = tuple(Owner(todo=todo) for todo in self.case.owners)
        return World(
            docs, (), (), frozenset(), owners, frozenset(), self.case.crashes, self.case.losses, self.case.aborts, 1
        )

    def flush(self, number: int, owner: Owner) -> str:
        return f"{number}.{owner.attempt}"

    def next(self, world: World) -> Iterator[World]:
        for number, owner in enumerate(world.owners):
            if owner.step in ("done", "crashed"):
                continue
            yield from getattr(self, f"on_{owner.step}")(world, number, owner)
            if world.crashes and owner.step not in ("read", "judge", "intend"):  # before, nobody would notice
                crashed = Owner(step="crashed", attempt=owner.attempt, todo=owner.todo)
                yield self.at(world._replace(crashes=world.crashes - 1), number, crashed)
        for item in world.items:
            yield from self.land(world, item)
        yield from self.recover(world)

    @staticmethod
    def at(world: World, number: int, owner: Owner) -> World:
        owners = (*world.owners[:number], owner, *world.owners[number + 1 :])
        return world._replace(owners=owners)

    # The owner, step by step.

    def on_read(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        docs = dict(world.docs)
        names = sorted({name for todo in owner.todo for name in self.case.decides[todo][0]})
        reads = tuple((name, docs.get(name)) for name in names)
        yield self.at(world, number, owner._replace(step="judge", reads=reads))

    def on_judge(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        heads = dict(world.heads)
        for _, doc in owner.reads:
            if doc is None or doc.mark is None or self.case.weakness == "ignores marks":
                continue
            mark = parse_mark(doc.mark)
            verdict = judge(mark.unit, heads.get(mark.flush))
            if verdict is Verdict.OPEN:
                yield self.at(world, number, owner._replace(step="read"))  # waits: reads again later
                return
            if verdict is Verdict.ABORTED:
                yield self.undo(world, number, owner, mark.flush, after="read")
                return
        yield self.at(world, number, owner._replace(step="write" if number in self.case.direct else "intend"))

    def on_intend(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        flush = self.flush(number, owner)
        reads = dict(owner.reads)
        images: list[tuple[tuple[str, str], Doc | None]] = []
        for unit, todo in enumerate(owner.todo):
            names = self.case.decides[todo][0] + ((f"h{flush}#{unit}",) if self.case.has_history else ())
            images.extend(((str(unit), name), reads.get(name)) for name in names)
        world = world._replace(
            heads=put(world.heads, flush, Head(State.OPEN)), images=put(world.images, flush, tuple(images))
        )
        yield self.at(world, number, owner._replace(step="apply"))

    def on_apply(self, world: World, number: int, owner: Owner, then: str = "wait") -> Iterator[World]:
        flush = self.flush(number, owner)
        reads = dict(owner.reads)
        items = set()
        for unit, todo in enumerate(owner.todo):
            names, decide = self.case.decides[todo]
            values = decide({name: doc.value if (doc := reads[name]) else None for name in names})
            for name in names:
                doc = reads[name]
                if doc is None and values[name] is None:
                    continue
                items.add(Item(number, flush, str(unit), name, doc.seq if doc else None, values[name]))
            if self.case.has_history:
                items.add(Item(number, flush, str(unit), f"h{flush}#{unit}", None, frozenset({todo})))
        unanswered = frozenset((item.unit, item.doc) for item in items)
        owner = owner._replace(step=then, unanswered=unanswered, failed=frozenset(), reads=())
        yield self.at(world._replace(items=world.items | items), number, owner)

    def on_wait(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        if owner.unanswered:
            if world.losses:
                yield self.at(world._replace(losses=world.losses - 1), number, owner._replace(step="abort"))
            return
        if owner.failed:
            yield self.at(world, number, owner._replace(step="close"))
        elif self.case.weakness == "acknowledges after the bulk":
            flush = self.flush(number, owner)
            done = world._replace(acknowledged=world.acknowledged | set(owner.todo))
            yield self.at(done._replace(heads=put(done.heads, flush, None)), number, Owner(step="done"))
        else:
            flush = self.flush(number, owner)
            commit = Item(number, flush, "", "", None, None)
            unanswered = frozenset({("", "")})
            owner = owner._replace(step="commit", is_commit_sent=True, unanswered=unanswered)
            yield self.at(world._replace(items=world.items | {commit}), number, owner)

    def on_commit(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        if not owner.unanswered and owner.failed:  # refused: somebody aborted this flush
            yield self.undo(world, number, owner, self.flush(number, owner), after="again", units=self.units(owner))
        elif not owner.unanswered:
            yield self.at(world, number, owner._replace(step="committed"))
        elif world.losses:
            yield self.at(world._replace(losses=world.losses - 1), number, owner._replace(step="find"))

    def on_write(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        """Of an owner without an intent: its write is the commit."""
        flush = self.flush(number, owner)
        images = tuple((("0", name), doc) for name, doc in owner.reads)
        yield from self.on_apply(world._replace(images=put(world.images, flush, images)), number, owner, then="written")

    def on_written(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        if not owner.unanswered and owner.failed:
            yield self.again(world, number, owner, self.units(owner))
        elif not owner.unanswered:
            yield self.at(world, number, owner._replace(step="committed"))
        elif world.losses:
            yield self.at(world._replace(losses=world.losses - 1), number, owner._replace(step="look"))

    def on_look(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        """No answer to the write: what is found where it should be, as `DirectFlush` looks at it."""
        flush = self.flush(number, owner)
        ((place, _),) = dict(world.images)[flush]
        if self.case.weakness == "tries again without a fence":
            yield self.again(world, number, owner, self.units(owner))
            return
        match self.undo_step(world, flush, place, dict(world.docs).get(place[1])):
            case Undo.REMOVE | Undo.RESTORE:
                yield self.at(world, number, owner._replace(step="committed"))
            case Undo.FENCE:
                yield self.again(self.write_back(world, flush, place), number, owner, self.units(owner))
            case Undo.NOTHING:  # the caller is told that the outcome is not known
                yield self.at(world, number, Owner(step="crashed", attempt=owner.attempt, todo=owner.todo))

    def on_committed(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        world = world._replace(acknowledged=world.acknowledged | set(owner.todo))
        yield self.at(
            world, number, Owner(step="clean", attempt=owner.attempt) if self.case.clean else Owner(step="done")
        )

    def on_clean(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        flush = self.flush(number, owner)
        docs = world.docs
        for name, doc in world.docs:
            if doc.value is None and doc.mark is not None and parse_mark(doc.mark).flush == flush:
                docs = put(docs, name, None)
        yield self.at(world._replace(docs=docs), number, Owner(step="done"))

    def on_close(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        flush = self.flush(number, owner)
        if dict(world.heads).get(flush) != Head(State.OPEN):
            yield self.at(world, number, owner._replace(step="find"))
            return
        world = world._replace(heads=put(world.heads, flush, Head(State.CLOSED, tuple(sorted(owner.failed)))))
        if world.losses:
            yield self.at(world._replace(losses=world.losses - 1), number, owner._replace(step="closed"))
        if self.case.weakness == "drops a partly aborted flush before undoing":
            world = world._replace(heads=put(world.heads, flush, None))
        yield self.undo(self.kept(world, owner), number, owner, flush, after="drop", units=owner.failed)

    def on_closed(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        """No answer to the closing: who finds the flush gone knows that a sweep has undone what failed."""
        flush = self.flush(number, owner)
        if dict(world.heads).get(flush) is not None:
            yield self.undo(self.kept(world, owner), number, owner, flush, after="swept", units=owner.failed)
        else:
            yield self.again(self.kept(world, owner), number, owner, owner.failed)

    def on_swept(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        yield self.again(world, number, owner, owner.failed)

    @staticmethod
    def kept(world: World, owner: Owner) -> World:
        """The units that did not fail are acknowledged."""
        kept = {todo for unit, todo in enumerate(owner.todo) if str(unit) not in owner.failed}
        return world._replace(acknowledged=world.acknowledged | kept)

    def on_drop(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        world = world._replace(heads=put(world.heads, self.flush(number, owner), None))
        yield self.again(world, number, owner, owner.failed)

    def on_find(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        head = dict(world.heads).get(self.flush(number, owner))
        if head is None and owner.is_commit_sent:
            yield self.at(world, number, owner._replace(step="committed"))
        elif head is None:
            yield self.undo(world, number, owner, self.flush(number, owner), after="again", units=self.units(owner))
        elif head.state is State.OPEN:
            yield self.at(world, number, owner._replace(step="abort"))
        else:
            yield self.undo(world, number, owner, self.flush(number, owner), after="again")

    def on_abort(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        flush = self.flush(number, owner)
        if dict(world.heads).get(flush) == Head(State.OPEN):
            world = world._replace(heads=put(world.heads, flush, Head(State.CLOSED, (EVERY_UNIT,))))
        yield self.at(world, number, owner._replace(step="find"))

    def on_again(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        yield self.again(world, number, owner, self.units(owner))

    @staticmethod
    def units(owner: Owner) -> frozenset[str]:
        return frozenset(str(unit) for unit in range(len(owner.todo)))

    def again(self, world: World, number: int, owner: Owner, units: frozenset[str]) -> World:
        todo = tuple(todo for unit, todo in enumerate(owner.todo) if str(unit) in units)
        if owner.attempt + 1 >= self.case.attempts:
            return self.at(world, number, Owner(step="done"))
        return self.at(world, number, Owner(attempt=owner.attempt + 1, todo=todo))

    # Undoing, by owners and by the recoverer: one document after another, read first, then written on condition.

    def undo(
        self, world: World, number: int, owner: Owner, flush: str, *, after: str, units: frozenset[str] | None = None
    ) -> World:
        head = dict(world.heads).get(flush)
        entries = tuple(
            place
            for place, _ in dict(world.images)[flush]
            if (place[0] in units if units is not None else head is not None and head.has_aborted(place[0]))
        )
        return self.at(world, number, owner._replace(step="undo", undoing=(flush, entries), after_undo=after))

    def on_undo(self, world: World, number: int, owner: Owner) -> Iterator[World]:
        flush, entries = owner.undoing
        if not entries:
            yield self.at(world, number, owner._replace(step=owner.after_undo, undoing=("", ()), after_undo=""))
            return
        doc = dict(world.docs).get(entries[0][1])
        if self.undo_step(world, flush, entries[0], doc) is Undo.NOTHING:
            owner = owner._replace(undoing=(flush, entries[1:]))
        else:  # reads, then writes on condition: one event, for a condition that is lost leaves no trace
            world = self.write_back(world, flush, entries[0])
        yield self.at(world, number, owner)

    def undo_step(self, world: World, flush: str, place: tuple[str, str], doc: Doc | None) -> Undo:
        before = dict(dict(world.images)[flush])[place]
        image = Image("", place[1], before.seq if before else None, 1, {} if before else None)
        return undo_step(image, str(Mark(flush, place[0])), doc.mark if doc else None, doc.seq if doc else None)

    def write_back(self, world: World, flush: str, place: tuple[str, str]) -> World:
        doc = dict(world.docs).get(place[1])
        before = dict(dict(world.images)[flush])[place]
        match self.undo_step(world, flush, place, doc):
            case Undo.REMOVE:
                return world._replace(docs=put(world.docs, place[1], None))
            case Undo.RESTORE:
                assert before is not None
                back = before._replace(seq=world.seq)
            case _:
                assert doc is not None
                back = doc._replace(seq=world.seq)
        return world._replace(docs=put(world.docs, place[1], back), seq=world.seq + 1)

    def recover(self, world: World) -> Iterator[World]:
        for flush, head in world.heads:
            if head.state is State.OPEN:
                is_orphan = world.owners[int(flush[0])].step == "crashed"
                if is_orphan or world.aborts:
                    closed = world._replace(heads=put(world.heads, flush, Head(State.CLOSED, (EVERY_UNIT,))))
                    yield closed if is_orphan else closed._replace(aborts=world.aborts - 1)
                continue
            docs = dict(world.docs)
            owed = False
            for place, _ in dict(world.images)[flush]:
                step = self.undo_step(world, flush, place, docs.get(place[1]))
                if head.has_aborted(place[0]) and step is not Undo.NOTHING:
                    owed = True
                    yield self.write_back(world, flush, place)
                    break
            is_over = self.is_over(world, flush)
            if not owed and (is_over or self.case.weakness == "drops an aborted flush at once"):
                yield world._replace(heads=put(world.heads, flush, None))

    def is_over(self, world: World, flush: str) -> bool:
        """Whether the hour is over: nothing of this flush is on its way, and no answer will be lost any more.

        Nor is its owner about to write (step 5 forbids it so late) or to look up the outcome of its commit.
        """
        steps = ("apply", "find", "abort") + (("wait", "commit") if world.losses else ())
        return not any(item.flush == flush for item in world.items) and not any(
            owner.step in steps and self.flush(number, owner) == flush for number, owner in enumerate(world.owners)
        )

    # The cluster: an item in flight lands, or is lost when nobody waits for it.

    def land(self, world: World, item: Item) -> Iterator[World]:
        owner = world.owners[item.owner]
        is_awaited = owner.step in ("wait", "commit", "written") and self.flush(item.owner, owner) == item.flush
        world = world._replace(items=world.items - {item})
        if not is_awaited:
            yield world
        docs, head = dict(world.docs), dict(world.heads).get(item.flush)
        if not item.doc:
            is_done = head == Head(State.OPEN) or self.case.weakness == "commits without condition"
            if is_done:
                world = world._replace(heads=put(world.heads, item.flush, None))
        else:
            found = docs.get(item.doc)
            is_done = (found.seq if found else None) == item.seq
            if is_done:
                written = Doc(item.value, str(Mark(item.flush, item.unit)), world.seq)
                world = world._replace(docs=put(world.docs, item.doc, written), seq=world.seq + 1)
        if is_awaited:
            failed = owner.failed if is_done else owner.failed | {item.unit}
            owner = owner._replace(unanswered=owner.unanswered - {(item.unit, item.doc)}, failed=failed)
            world = self.at(world, item.owner, owner)
        yield world

    # The question.

    def is_quiet(self, world: World) -> bool:
        return not world.items and not world.heads and all(o.step in ("done", "crashed") for o in world.owners)

    def is_right(self, world: World) -> bool:
        """Whether the documents are what some order of the acknowledged, and of some lost transactions, gives."""
        final = {name: doc.value for name, doc in world.docs if doc.value is not None}
        history = sorted(next(iter(value)) for name, value in final.items() if name.startswith("h"))
        plain = {name: value for name, value in final.items() if not name.startswith("h")}
        unknown = {todo for owner in world.owners if owner.step == "crashed" for todo in owner.todo}
        for count in range(len(unknown) + 1):
            for extra in itertools.combinations(sorted(unknown - world.acknowledged), count):
                done = sorted(world.acknowledged | set(extra))
                if self.case.has_history and history != done:
                    continue
                if any(self.serial(order) == plain for order in itertools.permutations(done)):
                    return True
        return False

    def serial(self, order: tuple[int, ...]) -> Values:
        values = dict(self.case.start)
        for todo in order:
            names, decide = self.case.decides[todo]
            values.update(decide({name: values.get(name) for name in names}))
        return {name: value for name, value in values.items() if value is not None}
