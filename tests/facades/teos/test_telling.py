"""Plugins and subscribers hear what becomes of transactions (facades 3.13)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets
from eth_account.messages import encode_defunct

from device_manager.app import Application

pytestmark = pytest.mark.asyncio(loop_scope="session")
STATES = "device-manager:teos:transaction:state-changed"
ASSETS = "device-manager:teos:asset:changed"


@pytest.mark.parametrize("application", ["sqlite"], indirect=True, scope="module")
async def test_hooks_and_subscribers_are_told(application: Application, issuer: Any) -> None:
    heard: dict[str, list[dict[str, Any]]] = {STATES: [], ASSETS: []}
    for event, told in heard.items():
        application.events.add_hook(event, told.append, owner="test", inline=True)
    application.events.compile()
    port = application.gateway.port
    async with websockets.connect(f"ws://127.0.0.1:{port}") as socket:
        for collection in ("teos-transactions", "teos-assets"):
            place = {"index": issuer.engine, "collection": collection, "body": {}}
            await socket.send(json.dumps({"controller": "realtime", "action": "subscribe", **place}))
            assert json.loads(await socket.recv())["status"] == 200
        [asset] = await issuer.assets("pump")
        [first, second] = [await issuer.place_units(asset, "CreateUnits", amount=1) for _ in range(2)]
        signature = issuer.account.sign_message(encode_defunct(text=second["Id"])).signature.hex()
        await issuer.json("POST", f"/Transactions({second['Id']})/Revoke", 204, {"Signature": signature})
        assert (await issuer.submit(first))["State"] == "Confirmed"
        late = await issuer.place_units(asset, "DestroyUnits", amount=1)
        later = await issuer.place_units(asset, "DestroyUnits", amount=1)
        assert (await issuer.submit(late))["State"] == "Confirmed"
        assert (await issuer.submit(later))["State"] == "RevokedByTxServer"

        def states(id: str) -> list[str]:
            return [told["State"] for told in heard[STATES] if told["TransactionId"] == id]

        while "RevokedByTxServer" not in states(later["Id"]):
            await asyncio.sleep(0.01)
        assert states(first["Id"]) == states(late["Id"]) == ["Received", "Submitted", "Committed", "Confirmed"]
        assert states(second["Id"]) == ["Received", "RevokedByUser"]
        assert states(later["Id"]) == ["Received", "Submitted", "RevokedByTxServer"]
        changed = [(told["UniqueAssetId"], told["Type"]) for told in heard[ASSETS]]
        assert changed == [(asset, "ActivateAsset"), (asset, "CreateSparks"), (asset, "DestroySparks")]
        confirmed = next(told for told in heard[STATES] if told["State"] == "Confirmed")
        shown = await issuer.get(f"/Transactions({confirmed['TransactionId']})")
        assert confirmed["BlockchainTransactionId"] == shown["BlockchainTransactionId"]
        assert (confirmed["engineId"], confirmed["OccuredOn"]) == (issuer.engine, shown["OnConfirmed"])
        assert (confirmed["GasUsed"], confirmed["CommittedOnBlock"]) == (shown["GasUsed"], "1")

        messages: list[dict[str, Any]] = []
        while not any(message.get("State") == "RevokedByTxServer" for message in messages):
            messages.append(json.loads(await socket.recv())["result"]["_source"])
        assert messages[0]["State"] == "Received"
        assert {"UniqueAssetId": asset, "Type": "CreateSparks", "TransactionId": first["Id"]} in [
            {name: value for name, value in message.items() if name != "_kuzzle_info"} for message in messages
        ]
