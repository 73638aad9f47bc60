"""Of requests at once only one gets what there may be one of (facades 2.12)."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from device_manager.app import Application

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
ASSETS = "device-manager/assets"
LEVEL = {"name": "Level", "dataType": "DOUBLE", "type": {"measurement": {}}}
DONE = {"done": 1}
EXISTS, CONFLICTS = "ResourceAlreadyExistsException", "ConflictingOperationException"


async def at_once(calls: Iterable[Awaitable[Any]]) -> Counter[str]:
    """How often calls that are made at once end with each error; those that go well are counted as "done"."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    counts: Counter[str] = Counter()
    for result in results:
        if isinstance(result, BaseException):
            assert isinstance(result, ClientError), result
        counts[result.response["Error"]["Code"] if isinstance(result, ClientError) else "done"] += 1
    return counts


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model(site: Site, call: Call) -> dict[str, Any]:
    """An asset model whose assets may be parts of each other."""
    client, id = site.client(), str(uuid.uuid4())
    await call(
        client.create_asset_model,
        assetModelId=id,
        assetModelName=f"Tank {id}",
        assetModelProperties=[LEVEL, LEVEL | {"name": "Spare"}],
        assetModelHierarchies=[{"name": "Parts", "childAssetModelId": id}],
    )
    described: dict[str, Any] = await call(client.describe_asset_model, assetModelId=id)
    return described


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients(site: Site, call: Call, model: dict[str, Any]) -> AsyncIterator[list[Any]]:
    """Clients of two servers on one store, where a store has several servers."""
    here = site.application
    if not here.store.shared:
        yield [site.client(), site.client()]
        return
    there = Application(here.settings)
    await there.start()
    other = type(site)(there, site.engine, site.keys)
    async with asyncio.timeout(60):
        while await at_once([call(other.client().describe_asset_model, assetModelId=model["assetModelId"])]) != DONE:
            await asyncio.sleep(0.05)
    yield [site.client(), other.client()]
    await asyncio.to_thread(other.close)
    await there.stop()


@pytest.fixture
def make(clients: list[Any], call: Call, model: dict[str, Any]) -> Callable[..., Awaitable[str]]:
    """Makes an asset, at one server after the other."""
    turns = itertools.cycle(clients)

    async def make(name: str = "", **members: Any) -> str:
        given = {"assetName": name or f"Tank {uuid.uuid4()}", "assetModelId": model["assetModelId"], **members}
        made: str = (await call(next(turns).create_asset, **given))["assetId"]
        return made

    return make


async def test_one_asset_gets_a_name_or_an_id(clients: list[Any], call: Call, make: Any) -> None:
    client = clients[0]
    name, external, id = f"Tank {uuid.uuid4()}", f"tank-{uuid.uuid4()}", str(uuid.uuid4())
    assert await at_once(make(name) for _ in range(4)) == {"done": 1, EXISTS: 3}
    assert await at_once(make(assetExternalId=external) for _ in range(4)) == {"done": 1, EXISTS: 3}
    assert await at_once(make(assetId=id) for _ in range(4)) == {"done": 1, EXISTS: 3}
    first, second = await make(), await make()
    renamed = f"Tank {uuid.uuid4()}"
    counts = await at_once(
        call(one.update_asset, assetId=asset, assetName=renamed) for one in clients for asset in (first, second)
    )
    # The same asset renamed twice at once: one of both, or both one after the other.
    assert counts["done"] in (1, 2) and counts["done"] + counts[EXISTS] + counts[CONFLICTS] == 4
    names = [(await call(client.describe_asset, assetId=asset))["assetName"] for asset in (first, second)]
    assert names.count(renamed) == 1
    # What was given up is free again, at once.
    (left,) = [name for name in names if name != renamed]
    (holder,) = [asset for asset, name in zip((first, second), names, strict=True) if name == left]
    await call(client.delete_asset, assetId=holder)
    assert await make(left) != holder


async def test_what_native_clients_free_is_free(site: Site, call: Call, make: Any, model: dict[str, Any]) -> None:
    client, name, external = site.client(), f"Tank {uuid.uuid4()}", f"tank-{uuid.uuid4()}"
    asset = await make(name, assetExternalId=external)
    found = await site.native(ASSETS, "search", body={"query": {"term": {"reference": asset}}})
    native = found["hits"][0]["_id"]
    described = await call(client.describe_asset, assetId=asset)
    (level, _) = (one["id"] for one in described["assetProperties"])
    alias = f"/tanks/{uuid.uuid4()}"
    await call(client.update_asset_property, assetId=asset, propertyId=level, propertyAlias=alias)
    await site.native(ASSETS, "delete", _id=native, refresh="wait_for")
    other = await make(name, assetExternalId=external)
    await call(client.update_asset_property, assetId=other, propertyId=level, propertyAlias=alias)
    assert (await call(client.describe_asset, assetId=f"externalId:{external}"))["assetId"] == other
    # The name of a native asset is its reference.
    reference = f"tank-{uuid.uuid4()}"
    body = {"model": native.removesuffix(f"-{asset}"), "reference": reference}
    await site.native(ASSETS, "create", body=body, refresh="wait_for")
    assert await at_once([make(reference)]) == {EXISTS: 1}


async def test_one_property_gets_an_alias(clients: list[Any], call: Call, make: Any) -> None:
    client, asset, other = clients[0], await make(), await make()
    (level, spare) = (one["id"] for one in (await call(client.describe_asset, assetId=asset))["assetProperties"])
    alias = f"/tanks/{uuid.uuid4()}"
    targets = [(asset, level), (asset, spare), (other, level), (other, spare)]
    counts = await at_once(
        call(one.update_asset_property, assetId=id, propertyId=property, propertyAlias=alias)
        for one, (id, property) in zip(clients * 2, targets, strict=True)
    )
    assert counts == {"done": 1, EXISTS: 3}
    # Of several aliases of one property the last one counts, and the others are free.
    aliases = [f"{alias}/{number}" for number in range(4)]
    change = client.update_asset_property
    counts = await at_once(
        call(one.update_asset_property, assetId=asset, propertyId=level, propertyAlias=name)
        for one, name in zip(clients * 2, aliases, strict=True)
    )
    assert counts == {"done": 4}
    described = await call(client.describe_asset_property, assetId=asset, propertyId=level)
    left = [one for one in aliases if one != described["assetProperty"]["alias"]]
    assert len(left) == 3
    for one in left:
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            await call(client.get_asset_property_value, propertyAlias=one)
        await call(change, assetId=other, propertyId=level, propertyAlias=one)


async def test_hierarchies_stay_trees(clients: list[Any], call: Call, make: Any, model: dict[str, Any]) -> None:
    client, turns = clients[0], itertools.cycle(clients)
    hierarchy = model["assetModelHierarchies"][0]["id"]

    def associate(parent: str, child: str) -> Awaitable[Any]:
        return call(next(turns).associate_assets, assetId=parent, hierarchyId=hierarchy, childAssetId=child)

    async def parents(assets: list[str]) -> dict[str, str]:
        shown = {}
        for asset in assets:
            above = await call(client.list_associated_assets, assetId=asset, traversalDirection="PARENT")
            for one in above["assetSummaries"]:
                shown[asset] = one["id"]
        return shown

    # Circles of three and of two, each of which would be closed at another server, and two parents for one child.
    ring = [await make() for _ in range(3)]
    counts = await at_once(associate(ring[number - 1], ring[number]) for number in range(3))
    assert counts == {"done": 2, "InvalidRequestException": 1}
    assert len(await parents(ring)) == 2
    (top,) = set(ring) - (await parents(ring)).keys()
    for _ in range(3):
        pair = [top, await make()]
        assert await at_once([associate(*pair), associate(*reversed(pair))]) == {
            "done": 1,
            "InvalidRequestException": 1,
        }
        (top,) = set(pair) - (await parents(pair)).keys()
    child, *wanting = [await make() for _ in range(4)]
    assert await at_once(associate(parent, child) for parent in wanting) == {"done": 1, EXISTS: 2}
    assert (await parents([child]))[child] in wanting

    # Two children of one name, which are top-level assets of two models or children of others before.
    parent, *aside = [await make() for _ in range(3)]
    name = f"Tank {uuid.uuid4()}"
    twins = []
    for other in aside:
        twins.append(await make(name))
        await associate(other, twins[-1])
    edges = [{"assetId": other, "hierarchyId": hierarchy} for other in aside]
    await call(client.disassociate_assets, childAssetId=twins[0], **edges[0])
    with pytest.raises(ClientError, match=CONFLICTS):
        await call(client.disassociate_assets, childAssetId=twins[1], **edges[1])
    assert await at_once([associate(parent, twins[0]), associate(aside[1], twins[0])]) == {"done": 1, EXISTS: 1}

    # Nobody becomes a child of an asset that is being deleted.
    lonely, newcomer = await make(), await make()
    counts = await at_once([call(client.delete_asset, assetId=lonely), associate(lonely, newcomer)])
    assert counts["done"] == 1, counts
    assert counts[CONFLICTS] + counts["ResourceNotFoundException"] == 1
    path = await call(client.list_asset_relationships, assetId=twins[1], traversalType="PATH_TO_ROOT")
    shown = [one["hierarchyInfo"] for one in path["assetRelationshipSummaries"]]
    assert shown == [{"parentAssetId": aside[1], "childAssetId": twins[1]}]


async def test_one_change_of_a_model_wins(clients: list[Any], call: Call, model: dict[str, Any]) -> None:
    client, id = clients[0], model["assetModelId"]
    tag = (await call(client.describe_asset_model, assetModelId=id))["eTag"]
    common = {name: model[name] for name in ("assetModelId", "assetModelProperties", "assetModelHierarchies")}
    names = [f"Tank {uuid.uuid4()}" for _ in range(4)]
    counts = await at_once(
        call(one.update_asset_model, assetModelName=name, ifMatch=tag, **common)
        for one, name in zip(clients * 2, names, strict=True)
    )
    assert counts["done"] == 1 and counts[CONFLICTS] + counts["PreconditionFailedException"] == 3
    after = await call(client.describe_asset_model, assetModelId=id)
    assert (after["assetModelName"] in names, after["assetModelVersion"]) == (True, "2")
    # The names that were not taken are free.
    other = next(name for name in names if name != after["assetModelName"])
    assert (await call(client.create_asset_model, assetModelName=other))["assetModelId"] != id
