"""Engines that a caller has no right to, where native actions find them in bodies and documents (design 8)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from device_manager.call import Call
from device_manager.documents import acts
from device_manager.documents.addresses import Target
from device_manager.documents.domain import Documents
from device_manager.documents.operations import Item
from device_manager.errors import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def documents(platform: Any) -> Documents:
    return Documents(platform.store, platform.bus, platform.settings, platform.twins.native_writes)


async def test_files_do_not_reach_other_engines(platform: Any, documents: Documents, second_engine: str) -> None:
    call = Call("me", engines=frozenset({platform.engine}))
    lines = [{"create": {"_id": "a"}}, {}]
    for index in (second_engine, platform.settings.platform_index):
        with pytest.raises(ApiError) as refusal:
            content = {platform.engine: {"groups": lines}, index: {"groups": lines}}
            await documents.loading.load_fixtures(content, call)
        assert (refusal.value.id, refusal.value.props) == ("services.storage.unknown_index", (index,))
        with pytest.raises(ApiError) as refusal:
            await documents.loading.load_mappings({index: {"groups": {}}}, call)
        assert refusal.value.id == "services.storage.unknown_index"
    found = await documents.reading.exists(Target(platform.engine, "groups"), "a", call)
    assert not found


async def test_lists_show_the_callers_engines(platform: Any, documents: Documents, second_engine: str) -> None:
    everything = await documents.collections.indices(Call("me"), count=False)
    assert {platform.engine, second_engine, platform.settings.platform_index} <= set(everything["indexes"])
    own = await documents.collections.indices(Call("me", engines=frozenset({platform.engine})), count=True)
    assert own["indexes"] == [platform.engine]
    assert own["collections"].keys() == {platform.engine}


async def test_a_device_of_another_engine_is_unknown(platform: Any, documents: Documents, second_engine: str) -> None:
    await platform.device("1", engineId=second_engine)
    body = {"model": "Dummy", "reference": "1"}
    for engines, id in (
        (None, "device_manager.devices.already_attached"),
        (frozenset({platform.engine}), "services.storage.not_found"),
    ):
        with pytest.raises(ApiError) as refusal:
            call = Call("me", engines=engines)
            await documents.writing.run(acts.CREATE, Target(platform.engine, "devices"), Item(None, body), call)
        assert refusal.value.id == id
    records = Target(platform.settings.platform_index, "devices")
    with pytest.raises(ApiError) as refusal:
        call = Call("me", engines=frozenset({platform.engine, platform.settings.platform_index}))
        await documents.writing.run(acts.DELETE, records, Item("Dummy-1", {}), call)
    assert refusal.value.id == "services.storage.not_found"
    assert await documents.reading.exists(Target(second_engine, "devices"), "Dummy-1", Call("me"))
