"""Link a thermometer to a container with nothing but the `websockets` package.

    python examples/websocket_client.py [ws://127.0.0.1:7512]

Answers come in any order: each carries the `requestId` of the request that it belongs to.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ENGINE = "websocket-example"
SLOTS = [{"name": "temperature", "type": "temperature"}]


class Session:
    """Sends requests over one connection and hands each answer to the call that waits for it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        async for message in self._connection:
            answer = json.loads(message)
            waiting = self._waiting.pop(answer.get("requestId", ""), None)
            if waiting is not None:
                waiting.set_result(answer)

    async def call(self, controller: str, action: str, **members: Any) -> Any:
        request_id = f"example-{next(self._numbers)}"
        self._waiting[request_id] = asyncio.get_running_loop().create_future()
        request = {"controller": controller, "action": action, "requestId": request_id, **members}
        await self._connection.send(json.dumps(request))
        answer = await self._waiting[request_id]
        if answer["error"] is not None:
            raise RuntimeError(f"{controller}:{action}: {answer['error']['status']} {answer['error']['message']}")
        return answer["result"]


async def prepare(session: Session) -> None:
    """An engine with one asset model, one device model, and one of each; nothing happens when it is there already."""
    if (await session.call("device-manager/engine", "exists", index=ENGINE))["exists"]:
        return
    models = "device-manager/models"
    values = {"temperature": {"type": "float"}}
    await session.call(models, "writeMeasure", body={"type": "temperature", "valuesMappings": values})
    await session.call(models, "writeAsset", body={"engineGroup": "commons", "model": "Container", "measures": SLOTS})
    await session.call(models, "writeDevice", body={"model": "Thermometer", "measures": SLOTS})
    await session.call("device-manager/engine", "create", index=ENGINE)
    asset = {"model": "Container", "reference": "example"}
    device = {"model": "Thermometer", "reference": "example"}
    await session.call("device-manager/assets", "create", engineId=ENGINE, body=asset)
    await session.call("device-manager/devices", "create", engineId=ENGINE, body=device)


async def main(url: str) -> None:
    async with connect(url) as connection:
        session = Session(connection)
        reader = asyncio.create_task(session.read())
        await prepare(session)
        body = {"records": [{"assetId": "Container-example", "deviceId": "Thermometer-example"}]}
        result = await session.call("device-manager/devices", "mLinkAssets", engineId=ENGINE, body=body)
        print("linked:", json.dumps(result["successes"]))
        device = await session.call("device-manager/devices", "get", engineId=ENGINE, _id="Thermometer-example")
        print("device:", json.dumps(device["_source"]["linkedMeasures"]))
        reader.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:7512"))
