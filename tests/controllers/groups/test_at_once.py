"""Requests about groups that meet: names stay unique, paths agree; on both stores (device-manager 2.4, 8.3)."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from device_manager.storage.contract import Store

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def outcomes(*requests: Any) -> list[Any]:
    """The envelopes of requests that run at once."""
    return list(await asyncio.gather(*requests))


async def test_of_many_with_one_name_one_is_created(groups: Any) -> None:
    ask = groups.platform.ask
    names = ["Hall", "HALL", "hall", "hALL"] * 5
    answers = await outcomes(
        *(ask("groups:create", body={"name": name}) for name in names),
        *(ask("groups:mCreate", body={"groups": [{"name": name}, {"name": name}]}) for name in names),
    )
    created = [answer for answer in answers[:20] if answer["error"] is None]
    listed = [success for answer in answers[20:] for success in answer["result"]["successes"]]
    assert len(created) + len(listed) == 1
    assert {answer["error"]["id"] for answer in answers[:20] if answer["error"]} <= {"device_manager.groups.name_taken"}
    await groups.check()


async def test_a_name_that_is_let_go_is_free_at_once(groups: Any) -> None:
    await groups.create("a")
    for number in range(10):
        await groups.do("groups:delete", _id="a")
        await groups.do("groups:create", _id="a", body={"name": "A" if number % 2 else "a"})
    await groups.do("groups:update", _id="a", body={"name": "b"})
    await groups.do("groups:create", _id="c", body={"name": "A"})
    await groups.check()


async def test_twins_that_come_while_their_group_moves_come_along(groups: Any) -> None:
    await groups.create("a", "a.b", "c")
    assets = [await groups.platform.asset(f"{number}") for number in range(24)]
    ask = groups.platform.ask
    places = ["a.b", "c.b"]

    async def put(asset: str) -> None:
        while True:
            for path in places:
                answer = await ask("groups:addAssets", body={"path": path, "assetIds": [asset]})
                if answer["error"] is None:
                    return
                assert answer["status"] in (400, 409), answer

    async def move() -> None:
        for path in (*places[::-1], *places[::-1]):
            answer = await ask("groups:update", _id="b", body={"path": path})
            assert answer["error"] is None or answer["status"] == 409, answer

    await asyncio.gather(move(), *(put(asset) for asset in assets))
    path = (await groups.paths())["b"]
    assert [await groups.of(asset) for asset in assets] == [[path]] * 24
    await groups.check()


async def test_a_twin_that_comes_after_the_search_is_found_again(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group moves on a search that was made before the twin came, and before a group came below it."""
    await groups.create("a", "b")
    assets = [await groups.platform.asset(f"{number}") for number in range(3)]
    store: Store = groups.platform.store
    transact, late = store._transact, list(assets)

    async def slow(decide: Any, **options: Any) -> Any:
        if not options["dry_run"] and late and "GroupWriting" in decide.__qualname__:
            asset = late.pop()
            await groups.add("a", asset)
            await groups.create(f"a.below-{asset}") if len(late) == 1 else None
        return await transact(decide, **options)

    monkeypatch.setattr(store, "_transact", slow)
    await groups.do("groups:update", _id="a", body={"path": "b.a"})
    monkeypatch.undo()
    assert not late
    assert [await groups.of(asset) for asset in assets] == [["b.a"]] * 3
    assert (await groups.paths())[f"below-{assets[1]}"] == f"b.a.below-{assets[1]}"
    await groups.check()


async def test_a_mixture_leaves_paths_and_names_in_order(groups: Any) -> None:
    pick = random.Random(7)
    await groups.create(*(f"g{number}" for number in range(8)))
    twins = [await groups.platform.asset(f"{number}") for number in range(8)]
    twins += [await groups.platform.device(f"{number}") for number in range(8)]
    ask = groups.platform.ask

    async def client(number: int) -> None:
        for turn in range(12):
            paths = await groups.paths()
            id = pick.choice(list(paths) or ["none"])
            path, above = paths.get(id, "none"), pick.choice([*paths.values(), ""])
            twin = pick.choice(twins)
            kind = "devices" if twin.startswith("Dummy") else "assets"
            members = {"path": path, f"{kind[:-1]}Ids": [twin]}
            requests: list[tuple[str, dict[str, Any]]] = [
                ("update", {"_id": id, "body": {"path": f"{above}.{id}".strip(".")}}),
                ("update", {"_id": id, "body": {"name": f"N{pick.randrange(12)}"}}),
                (f"add{kind.title()}", {"body": members}),
                (f"add{kind.title()}", {"body": members}),
                (f"remove{kind.title()}", {"body": members}),
                ("delete", {"_id": id}),
                ("create", {"_id": f"n{number}-{turn}", "body": {"name": f"n{pick.randrange(12)}"}}),
                ("mUpsert", {"body": {"groups": [{"name": f"n{number}-{turn}", "path": path}]}}),
            ]
            action, arguments = pick.choice(requests)
            answer = await ask(f"groups:{action}", **arguments)
            assert answer["status"] in (200, 400, 404, 409), answer

    await asyncio.gather(*(client(number) for number in range(6)))
    await groups.check()
