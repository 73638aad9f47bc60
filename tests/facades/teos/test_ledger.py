"""The ledger survives its process, and tells when somebody changes it (facades 3.11; 3.14, case 12)."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import pytest

from device_manager.facades.teos.records import block_key
from device_manager.settings import Settings
from device_manager.storage.contract import Put, PutKind, Store
from device_manager.storage.opening import open_store

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("kind", ["sqlite", "elasticsearch"])
async def test_12_kill_then_alter(
    kind: str, request: pytest.FixtureRequest, start_server: Any, tmp_path: Any, make_distant_issuer: Any, engine: str
) -> None:
    store = f"sqlite:{tmp_path / 'ledger'}"
    if kind == "elasticsearch":
        store = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    patient = start_server(store=store, settings={"teos_confirm_delay": 3600, "recovery_grace": 1})
    issuer = await make_distant_issuer(patient.url, engine)
    placed = await issuer.place_asset("pump")
    assert (await issuer.post(placed, await issuer.sign(placed))).status_code == 202
    committed = await issuer.settled(placed, "Received", "Submitted")
    assert (committed["State"], committed["OnConfirmed"]) == ("Committed", None)
    patient.kill()

    server = start_server(store=store, settings={"teos_confirm_delay": 0.01, "recovery_grace": 1}, port=patient.port)
    assert (await issuer.settled(placed))["State"] == "Confirmed"
    for name in ("fan", "mill"):
        await issuer.submit(await issuer.place_asset(name))
    assert await issuer.height() == 3
    verdict = await issuer.native("teos", "verifyLedger", **{"from": 2, "to": 2})
    assert (verdict["ok"], verdict["height"]) == (True, 2)
    part = await issuer.native("teos", "exportLedger", **{"from": 2})
    assert ([block["number"] for block in part["blocks"]], part["next"]) == ([2, 3], None)
    await _refusals(server.url, engine)
    server.stop()

    opened = open_store(Settings(store=store))
    await opened.start()
    await _alter(opened, engine, 2)
    await opened.close()
    status, findings = await _doctor(store, engine)
    assert status == 1
    assert [(finding["kind"], finding["document"]) for finding in findings] == [("broken_ledger", "teos-ledger/2")]


async def test_12_every_altered_byte_is_found(make_issuer: Any, application: Any, shared_engine: str) -> None:
    issuer = await make_issuer(application, shared_engine)
    [a, b] = await issuer.assets("a", "b")
    await issuer.link(a, b)
    assert (await issuer.native("engine", "check", index=shared_engine))["findings"] == []
    height = await issuer.height()
    key = block_key(shared_engine, height - 1)
    block = (await application.store.read((key,)))[key].source
    for name, value in block.items():
        altered: Any = value + 1 if isinstance(value, int) else "0x00" if isinstance(value, str) else {}
        await application.store.put([Put(PutKind.INDEX, key, block | {name: altered})])
        verdict = await issuer.native("teos", "verifyLedger")
        assert (verdict["ok"], verdict["firstBadBlock"]) == (False, height - 1), name
    check = await issuer.native("engine", "check", index=shared_engine)
    assert [finding["kind"] for finding in check["findings"]] == ["broken_ledger"]
    await application.store.put(
        [Put(PutKind.INDEX, key, block), Put(PutKind.REMOVE, block_key(shared_engine, height), {})]
    )
    verdict = await issuer.native("teos", "verifyLedger")
    assert (verdict["ok"], verdict["firstBadBlock"]) == (False, height)


async def _alter(store: Store, engine: str, number: int) -> None:
    """Change the last digit of a raw transaction."""
    key = block_key(engine, number)
    block = (await store.read((key,)))[key].source
    digit = "0" if block["rawTx"][-1] != "0" else "1"
    await store.put([Put(PutKind.INDEX, key, block | {"rawTx": block["rawTx"][:-1] + digit})])


async def _refusals(url: str, engine: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        for path in ("nowhere/teos/ledger/_verify", "nowhere/teos/ledger/1", "nowhere/teos/ledger"):
            answer = (await http.get(f"/_/device-manager/{path}")).json()
            assert answer["error"]["id"] == "device_manager.engines.not_found"
        answer = (await http.get(f"/_/device-manager/{engine}/teos/ledger/9")).json()
        assert answer["error"]["id"] == "device_manager.teos.unknown_block"
        assert (await http.get(f"/_/device-manager/{engine}/teos/ledger/3")).json()["result"]["number"] == 3


async def _doctor(store: str, engine: str) -> tuple[int | None, list[dict[str, Any]]]:
    """The exit status of the doctor, and what it finds."""
    command = (sys.executable, "-m", "device_manager", "doctor", "--store", store, "--engine", engine, "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    findings: list[dict[str, Any]] = json.loads(output)["findings"]
    return process.returncode, findings


async def test_a_server_without_the_extra_says_what_to_install(
    make_issuer: Any, application: Any, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = await make_issuer(application, engine)
    monkeypatch.setitem(sys.modules, "eth_utils", None)
    for path in ("/Assets", "/$metadata", "/Transactions"):
        assert (await issuer.http.get(path)).status_code == 200
    body = {"Author": issuer.account.address, "Name": "n", "Description": "", "LanguageCode": "en"}
    refused = await issuer.json("POST", "/Assets", 500, body | {"JurisdictionCode": "EARTH"})
    assert refused["code"] == "50000"
    assert "device-manager[teos]" in refused["message"]
