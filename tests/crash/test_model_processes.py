"""Two servers on one cluster write models at once: what contradicts each other is not stored (device-manager 2.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import ServerProcess

MODELS = "device-manager/models"


async def outcome(client: Client, action: str, **request: Any) -> Any:
    """The result, or the id of the error."""
    try:
        return await client.call(MODELS, action, **request)
    except CallRefused as refused:
        return refused.error["id"]


async def test_models_of_two_servers_agree(start_server: Callable[..., ServerProcess], elasticsearch_url: str) -> None:
    servers = [start_server(store="elasticsearch"), start_server(store=f"elasticsearch:{elasticsearch_url}")]
    async with Client(servers[0].url) as first, Client(servers[1].url) as second:
        for number, name in enumerate("ABCDEF"):
            both = await asyncio.gather(
                *(
                    outcome(client, "writeAsset", body={"engineGroup": "commons", "model": model, **mappings})
                    for client, model, mappings in (
                        (first, f"{name}First", {"metadataMappings": {f"f{number}": {"type": "keyword"}}}),
                        (second, f"{name}Second", {"metadataMappings": {f"f{number}": {"type": "integer"}}}),
                    )
                )
            )
            assert sorted(isinstance(answer, str) for answer in both) == [False, True], both
            assert "device_manager.models.mappings_conflict" in both
            both = await asyncio.gather(
                *(
                    outcome(client, "writeAsset", body={"engineGroup": group, "model": f"{name}Same"})
                    for client, group in ((first, "air"), (second, "sea"))
                )
            )
            ids = sorted(answer["_id"] for answer in both)
            assert len(set(ids)) == 2 and f"model-asset-{name}Same" in ids
            measure = f"m{number}"
            await first.call(MODELS, "writeMeasure", body={"type": measure, "valuesMappings": {}})
            slots = [{"name": "s", "type": measure}]
            gone, declared = await asyncio.gather(
                outcome(first, "deleteMeasure", _id=f"model-measure-{measure}"),
                outcome(second, "writeDevice", body={"model": f"{name}Device", "measures": slots}),
            )
            assert (gone, isinstance(declared, dict)) in (
                (None, False),
                ("device_manager.models.in_use", True),
            ), (gone, declared)
