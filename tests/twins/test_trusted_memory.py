"""What a process keeps in memory, and when it stops trusting it (design 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.plugins.models import ModelDeclaration
from device_manager.settings import Settings
from device_manager.storage import generation as memory
from device_manager.storage.sqlite.store import SqliteStore
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION
from device_manager.twins.domain import Twins

WIND = ModelDeclaration("measure", {"type": "wind", "valuesMappings": {"speed": {"type": "float"}}})
VANE = ModelDeclaration("device", {"model": "Vane", "measures": [{"name": "wind", "type": "wind"}]})


async def open_twins(folder: Path, *models: ModelDeclaration) -> tuple[SqliteStore, Twins]:
    settings = Settings()
    store = SqliteStore(folder, settings)
    await store.start()
    twins = Twins(store, EventBus(), settings)
    await twins.start(models)
    return store, twins


async def generation(store: SqliteStore) -> int:
    value: int = (await store.get(*GENERATION)).source["value"]
    return value


async def test_memory_that_cannot_be_renewed_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteStore, "shared", True)
    store, twins = await open_twins(tmp_path)
    await twins.engines.create("tenant", "commons", Call())
    monkeypatch.setattr(memory, "TRUST", -1.0)
    assert (await twins.catalogue.engine("tenant")).group == "commons"
    await twins.stop()
    await store.close()
    with pytest.raises(ApiError) as refused:
        await twins.catalogue.engine("tenant")
    assert refused.value.status == 503


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    store, twins = await open_twins(tmp_path, WIND, VANE)
    await twins.engines.create("tenant", "air", Call())
    await twins.stop()
    await store.close()
    store, twins = await open_twins(tmp_path)
    assert [model.id for model in twins.catalogue.models.of_kind("device")] == ["model-device-Vane"]
    assert await twins.engines.all("air") == [{"group": "air", "index": "tenant", "name": "device-manager"}]
    assert await twins.engines.all("sea") == []
    await twins.stop()
    await store.close()


async def test_models_of_plugins_are_written_only_when_they_differ(tmp_path: Path) -> None:
    store, twins = await open_twins(tmp_path, WIND, VANE)
    first = await generation(store)
    await twins.models.writing.register([WIND, VANE])
    assert await generation(store) == first
    changed = ModelDeclaration("device", VANE.body | {"metadataMappings": {"height": {"type": "float"}}})
    await twins.models.writing.register([WIND, changed])
    assert await generation(store) == first + 1
    assert twins.catalogue.models.device("Vane").metadata_mappings == {"height": {"type": "float"}}
    await twins.stop()
    await store.close()


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        (ModelDeclaration("device", {"model": "Vane"}), "measures"),
        (ModelDeclaration("device", {"model": "vane", "measures": []}), "PascalCase"),
        (
            ModelDeclaration("device", {"model": "Vane", "measures": [{"name": "a", "type": "b"}]}),
            "Cannot find measure",
        ),
    ],
)
async def test_unusable_models_of_plugins_stop_the_start(
    tmp_path: Path, declaration: ModelDeclaration, text: str
) -> None:
    store, twins = await open_twins(tmp_path)
    with pytest.raises(ApiError, match=text):
        await twins.models.writing.register([declaration])
    await twins.stop()
    await store.close()
