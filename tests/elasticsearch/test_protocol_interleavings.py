"""An exhaustive checker of the transaction protocol: every interleaving of small cases (transactions 1, steps 2 to 9).

Two owners run transactions; one recoverer may abort any open flush at any moment; at most one owner crashes; at most
one answer is lost, after which the items of that bulk, or the commit, land late or never. The rules are the store's
own functions; this file supplies the cluster, the order of events, and the question whether the final documents are
what some serial order of the acknowledged transactions gives.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from protocol_model import Checker
from protocol_world import Case, Decide, Doc, Value, Values, World


def explore(case: Case, most: int = 3_000_000) -> tuple[int, World | None]:
    """Number of worlds seen, and the first final one that is wrong."""
    checker = Checker(case)
    first = canonical(checker.start())
    seen = {first}
    waiting = [first]
    quiet = 0
    while waiting:
        world = waiting.pop()
        if checker.is_quiet(world):
            quiet += 1
            if not checker.is_right(world):
                return len(seen), world
            continue
        for following in checker.next(world):
            following = canonical(following)
            if following not in seen:
                seen.add(following)
                waiting.append(following)
        assert len(seen) <= most, "the case is too large to be explored"
    assert quiet, "no interleaving comes to an end"
    return len(seen), None


def canonical(world: World) -> World:
    """The same world without what cannot matter any more: sequence numbers as ranks, no marks of flushes long over."""
    alive = {flush for flush, _ in world.heads} | {item.flush for item in world.items}
    for number, owner in enumerate(world.owners):
        alive.add(owner.undoing[0])
        if owner.step not in ("done", "crashed"):
            alive.add(f"{number}.{owner.attempt}")
    live = {doc.seq for _, doc in world.docs} | {item.seq for item in world.items if item.seq is not None}
    images = tuple(pair for pair in world.images if pair[0] in alive)
    live.update(doc.seq for _, before in images for _, doc in before if doc is not None)
    live.update(doc.seq for owner in world.owners for _, doc in owner.reads if doc is not None)
    ranks = {seq: rank for rank, seq in enumerate(sorted(live))}

    def plain(doc: Doc) -> Doc:
        mark = doc.mark if doc.mark is not None and doc.mark.partition("#")[0] in alive else None
        return Doc(doc.value, mark, ranks[doc.seq])

    return world._replace(
        docs=tuple((name, plain(doc)) for name, doc in world.docs),
        images=tuple((flush, tuple((place, doc and plain(doc)) for place, doc in before)) for flush, before in images),
        items=frozenset(i if i.seq is None else i._replace(seq=ranks[i.seq]) for i in world.items),
        owners=tuple(
            o._replace(reads=tuple((name, doc and plain(doc)) for name, doc in o.reads)) if o.reads else o
            for o in world.owners
        ),
        seq=len(ranks),
    )


def add(number: int) -> Decide:
    """Link all documents of the transaction under a number; what was deleted comes back."""
    return lambda values: {name: (value or frozenset()) | {number} for name, value in values.items()}


def count(number: int) -> Decide:
    """Add the number, or what shows that it is there for the second time."""
    return lambda values: {
        name: (value := found or EMPTY) | {number + AGAIN if number in value else number}
        for name, found in values.items()
    }


def delete(values: Values) -> Values:
    return dict.fromkeys(values)


EMPTY: Value = frozenset()
AGAIN = 100
LINKS = {1: (("a", "b"), add(1)), 2: (("a", "b"), add(2))}
ONE = {1: (("a",), add(1)), 2: (("a",), add(2))}
PARTS = {1: (("a",), add(1)), 2: (("b", "c"), add(2)), 3: (("c",), add(3))}
SWEPT = {1: (("a", "b"), add(1)), 2: (("c",), add(2)), 3: (("c",), add(3))}
DELETES = {1: (("a",), delete), 2: (("a",), add(2))}
MIXED = {1: (("a", "b"), count(1)), 2: (("a",), count(2))}
COUNTS = {1: (("a",), count(1)), 2: (("a",), count(2))}
BOTH: Values = {"a": EMPTY, "b": EMPTY}
THREE: Values = BOTH | {"c": EMPTY}

RIGHT = {
    "links, a crash and an abort": Case(LINKS, ((1,), (2,)), BOTH, losses=0, has_history=False),
    "links, a lost answer": Case(LINKS, ((1,), (2,)), BOTH, crashes=0, aborts=0, has_history=False),
    "history, a lost answer": Case(ONE, ((1,), (2,)), {"a": EMPTY}, aborts=0, crashes=0),
    "history, an abort": Case(ONE, ((1,), (2,)), {"a": EMPTY}, crashes=0, losses=0),
    "history of one owner, everything at once": Case(ONE, ((1,),), {"a": EMPTY}, attempts=2),
    "second attempts": Case(ONE, ((1,), (2,)), {"a": EMPTY}, attempts=2, crashes=0, losses=0, has_history=False),
    "partly aborted flushes, a crash": Case(PARTS, ((1, 2), (3,)), THREE, losses=0, aborts=0, has_history=False),
    "partly aborted flushes, an abort": Case(PARTS, ((1, 2), (3,)), THREE, losses=0, crashes=0, has_history=False),
    "partly aborted flushes, a lost answer": Case(
        SWEPT, ((1, 2), (3,)), THREE, crashes=0, aborts=0, has_history=False, direct=frozenset({1})
    ),
    "without an intent, a crash and an abort": Case(
        MIXED, ((1,), (2,)), BOTH, losses=0, attempts=2, has_history=False, direct=frozenset({1})
    ),
    "without an intent, a lost answer": Case(
        MIXED, ((1,), (2,)), BOTH, crashes=0, aborts=0, attempts=2, has_history=False, direct=frozenset({1})
    ),
    "without intents, everything at once": Case(
        COUNTS, ((1,), (2,)), {"a": EMPTY}, attempts=3, losses=2, has_history=False, direct=frozenset({0, 1})
    ),
    "without intents, a new document": Case(
        COUNTS, ((1,), (2,)), {}, attempts=3, losses=2, has_history=False, direct=frozenset({0, 1})
    ),
    "tombstones": Case(DELETES, ((1,), (2,)), {"a": EMPTY}, clean=True, has_history=False),
}

WRONG = {
    "acknowledges after the bulk": Case(LINKS, ((1,), (2,)), BOTH, losses=0, has_history=False),
    "ignores marks": Case(LINKS, ((1,), (2,)), BOTH, has_history=False),
    "drops an aborted flush at once": Case(ONE, ((1,), (2,)), {"a": EMPTY}),
    "commits without condition": Case(LINKS, ((1,), (2,)), BOTH, has_history=False),
    "tries again without a fence": Case(
        COUNTS, ((1,), (2,)), {"a": EMPTY}, attempts=2, has_history=False, direct=frozenset({0, 1})
    ),
    "drops a partly aborted flush before undoing": Case(PARTS, ((1, 2), (3,)), THREE, losses=0, aborts=0),
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_interleaving_breaks_the_protocol(name: str) -> None:
    seen, wrong = explore(RIGHT[name])
    assert wrong is None
    assert seen > 1000, "a case so small shows nothing"


@pytest.mark.parametrize("weakness", WRONG)
def test_weaker_protocol_is_caught(weakness: str) -> None:
    _, wrong = explore(replace(WRONG[weakness], weakness=weakness))
    assert wrong is not None
