"""A platform for tests of groups: with models of groups, and without groups at first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from device_manager.storage.contract import Key, Transaction
from device_manager.storage.unique import release_of_engine

PARKING = {
    "model": "Parking",
    "engineGroup": "commons",
    "affinity": {"type": ["assets", "devices"], "models": {"assets": ["Container"], "devices": []}, "strict": True},
    "metadataMappings": {
        "places": {"type": "integer"},
        "open": {"type": "boolean"},
        "owner": {"type": "keyword"},
        "address": {"properties": {"city": {"type": "keyword"}}},
    },
    "defaultValues": {"places": 5, "owner": "us"},
}
STABLE = {
    "model": "Stable",
    "engineGroup": "commons",
    "affinity": {"type": ["devices"], "models": {"devices": []}, "strict": False},
}
YARD = STABLE | {"model": "Yard", "affinity": {"type": ["assets"], "models": {"assets": []}, "strict": False}}
FOREIGN = STABLE | {"model": "Foreign", "engineGroup": "elsewhere"}


class GroupTests:
    """What tests of groups ask and look at.

    Attributes:
        platform: the platform; see `Platform`.
    """

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.engine: str = platform.engine
        self.do = platform.do
        self.refusal = platform.refusal

    async def create(self, *paths: str, **more: Any) -> None:
        """Create groups at these paths, each named like its id."""
        for path in paths:
            id = path.rpartition(".")[2]
            await self.do("groups:create", _id=id, body={"name": id, "path": path, **more})

    async def add(self, path: str, *ids: str) -> Any:
        """Put assets into a group, or devices if their model is `Dummy`."""
        kind = "devices" if ids[0].startswith("Dummy") else "assets"
        return await self.do(f"groups:add{kind.title()}", body={"path": path, f"{kind[:-1]}Ids": list(ids)})

    async def paths(self) -> dict[str, str]:
        """Group id -> path, of all groups."""
        store = self.platform.store
        await store.refresh(self.engine, "groups")
        pages = store.scan(self.engine, "groups")
        return {group.id: group.source["path"] async for page in pages for group in page}

    async def of(self, id: str) -> list[str]:
        """The paths of the groups that a twin is in."""
        collection = "devices" if id.startswith("Dummy") else "assets"
        return [entry["path"] for entry in (await self.platform.source(collection, id))["groups"]]

    async def check(self) -> None:
        """Assert that all paths agree, names are unique, and every invariant of the twins holds."""
        store = self.platform.store
        for collection in ("groups", "assets", "devices"):
            await store.refresh(self.engine, collection)
        groups = {g.id: g.source async for page in store.scan(self.engine, "groups") for g in page}
        for id, group in groups.items():
            above, _, last = group["path"].rpartition(".")
            assert last == id, group
            if above:
                assert groups[above.rpartition(".")[2]]["path"] == above, (group, groups)
        names = [group["name"].casefold() for group in groups.values()]
        assert len(names) == len(set(names)), sorted(names)
        known = {group["path"] for group in groups.values()}
        for collection in ("assets", "devices"):
            async for page in store.scan(self.engine, collection):
                for twin in page:
                    paths = [entry["path"] for entry in twin.source["groups"]]
                    assert len(paths) == len(set(paths)) and known.issuperset(paths), (twin, known)
                    if collection == "assets":
                        newest = (await self.platform.history(twin.id))[-1]
                        assert newest["asset"]["groups"] == twin.source["groups"], (twin, newest)
        await self.platform.check()


@pytest_asyncio.fixture(loop_scope="session")
async def groups(platform: Any) -> AsyncIterator[GroupTests]:
    """An engine without groups."""
    for model in (PARKING, STABLE, YARD, FOREIGN):
        if platform.twins.catalogue.models.find("group", model["model"], model["engineGroup"]) is None:
            await platform.do("models:writeGroup", body=model)
    tests = GroupTests(platform)
    yield tests
    await empty_groups(platform, platform.engine)


async def empty_groups(platform: Any, engine: str) -> None:
    """Remove the groups of an engine, and the names that they had."""
    store = platform.store
    await store.refresh(engine, "groups")
    async for page in store.scan(engine, "groups"):
        keys = [Key(engine, "groups", group.id) for group in page]

        def delete(tx: Transaction, keys: list[Key] = keys) -> None:
            for key in tx.read(keys):
                tx.delete(key)

        await store.transact(delete)
    await release_of_engine(store, engine)
