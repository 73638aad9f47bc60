"""The ledger survives its process, and tells when somebody changes it (facades 3.11; 3.14, case 12)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import httpx
import pytest

from device_manager.app import Application
from device_manager.facades.teos.examining import ledger_findings
from device_manager.facades.teos.ledger import hash_of
from device_manager.facades.teos.records import (
    ASSET,
    HEAD,
    Source,
    balance_key,
    block_key,
    record_key,
    version_key,
)
from device_manager.facades.teos.transactions import transaction_key
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Put, PutKind, Store
from device_manager.storage.opening import open_store

pytestmark = pytest.mark.asyncio(loop_scope="session")


ENDING = """
import os, signal
from device_manager.plugins import hook

seen = 0

@hook("device-manager:teos:transaction:state-changed", inline=True)
def end(told):
    global seen
    seen += told["State"] == "Committed"
    if seen == 4:
        os.kill(os.getpid(), signal.SIGKILL)
"""
"""Ends its server when the fourth transaction is committed, before anything else is done about it."""


@pytest.mark.parametrize("kind", ["sqlite", "elasticsearch"])
async def test_12_a_killed_server_leaves_block_effect_and_state_together(
    kind: str, request: pytest.FixtureRequest, start_server: Any, tmp_path: Any, make_distant_issuer: Any, engine: str
) -> None:
    store = f"sqlite:{tmp_path / 'ledger'}"
    if kind == "elasticsearch":
        store = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    plugin = tmp_path / "ending.py"
    plugin.write_text(ENDING)
    soon: dict[str, Any] = {"teos_confirm_delay": 0.01, "recovery_grace": 1}
    mortal = start_server(store=store, settings=soon, plugins=[str(plugin)])
    issuer = await make_distant_issuer(mortal.url, engine)
    a, b = await issuer.assets("a", "b")
    await issuer.link(a, b)
    placed = await issuer.place_amendment(a, Name="c")
    raw = await issuer.sign(placed)
    with contextlib.suppress(httpx.TransportError):
        await issuer.post(placed, raw)
    while mortal.is_running:
        await asyncio.sleep(0.02)

    opened = open_store(Settings(store=store))
    await opened.start()
    place, record, block = transaction_key(engine, placed["Id"]), record_key(engine, ASSET, a), block_key(engine, 4)
    version = version_key(engine, a, 2)
    found = await opened.read([place, record, block, version])
    assert (found[place].source["state"], found[record].source["document"]["Name"]) == ("Committed", "c")
    assert found[block].source["txId"] == found[version].source["transaction"] == placed["Id"]
    await opened.close()

    application = Application(Settings(store=store, port=mortal.port, **soon))
    await application.start()
    assert (await issuer.settled(placed))["State"] == "Confirmed"
    assert await issuer.links(a) == [b]
    twin = (await issuer.native("assets", "get", _id=f"TeosAsset-{a}"))["_source"]["metadata"]["teos"]
    assert (twin["name"], twin["assetLinkIds"]) == ("c", [b])
    again = await issuer.post(placed, raw)
    assert [detail["code"] for detail in again.json()["details"]] == ["10402"]
    assert await issuer.height() == 4
    verdict = await issuer.native("teos", "verifyLedger", **{"from": 2, "to": 2})
    assert (verdict["ok"], verdict["height"]) == (True, 2)
    part = await issuer.native("teos", "exportLedger", **{"from": 2})
    assert ([block["number"] for block in part["blocks"]], part["next"]) == ([2, 3, 4], None)
    await _refusals(f"http://127.0.0.1:{mortal.port}", engine)
    await _alter(application.store, engine, 2)
    findings = (await issuer.native("engine", "check", index=engine))["findings"]
    await application.stop()
    if kind == "sqlite":
        status, found_by_doctor = await _doctor("--store", store, "--engine", engine)
        assert (status, found_by_doctor) == (1, findings)
    assert [(finding["kind"], finding["document"]) for finding in findings] == [("broken_ledger", "teos-ledger/2")]


async def test_12_every_altered_byte_is_found(issuer: Any, application: Any, shared_engine: str) -> None:
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
    store = application.store
    first, newest = block_key(shared_engine, 1), block_key(shared_engine, height)
    head = record_key(shared_engine, HEAD, "")
    kept = await store.read((first, newest, head))
    await store.put([Put(PutKind.INDEX, key, block)])
    for gone, bad in ((key, height - 1), (newest, height), (first, 1), (head, height)):
        await store.put([Put(PutKind.REMOVE, gone, {})])
        findings = await ledger_findings(store, shared_engine)
        assert [finding["document"] for finding in findings] == [f"teos-ledger/{bad}"]
        source = block if gone == key else kept[gone].source
        await store.put([Put(PutKind.INDEX, gone, source)])
    assert await issuer.height() == height
    assert (await issuer.native("engine", "check", index=shared_engine))["findings"] == []


async def test_records_that_are_not_what_the_ledger_says_are_found(issuer: Any, application: Any) -> None:
    engine = issuer.engine
    [a, b] = await issuer.assets("a", "b")
    await issuer.link(a, b)
    await issuer.submit(await issuer.place_units(a, "CreateUnits", amount=3))
    await issuer.submit(await issuer.place_amendment(a, Name="amended"))
    store, asset = application.store, record_key(engine, ASSET, a)
    balance = balance_key(engine, a, issuer.account.address)
    version = version_key(engine, a, 2)
    kept = await store.read((asset, balance, version))
    source, changed = kept[asset].source, kept[version].source
    held = kept[balance].source
    rounds: list[dict[Key, Source | None]] = [
        {asset: source | {"links": []}, version: changed | {"changes": []}},
        {asset: source | {"sparks": "4"}, balance: held | {"amount": "4"}},
        {asset: source | {"author": "0x" + "1" * 40}, version: changed | {"createdAt": changed["createdAt"] + 1}},
        {asset: source | {"document": source["document"] | {"Name": "c"}}, version: None},
        {asset: source | {"version": 1}, balance: None},
        {asset: source | {"amendedAt": source["amendedAt"] + 1}},
        {asset: None},
    ]
    for altered in rounds:
        await store.put(
            [
                Put(PutKind.REMOVE, key, {}) if content is None else Put(PutKind.INDEX, key, content)
                for key, content in altered.items()
            ]
        )
        findings = await ledger_findings(store, engine)
        assert {finding["kind"] for finding in findings} == {"ledger_mismatch"}
        assert sorted(finding["document"] for finding in findings) == sorted(f"teos/{key.id}" for key in altered)
        await store.put([Put(PutKind.INDEX, key, kept[key].source) for key in altered])
    made_up = record_key(engine, ASSET, "0x10001")
    third = version_key(engine, a, 3)
    made = [Put(PutKind.INDEX, made_up, source | {"id": "0x10001"}), Put(PutKind.INDEX, third, changed)]
    await store.put(made)
    of_asset, of_version = findings = await ledger_findings(store, engine)
    assert "knows nothing of this asset" in of_asset["text"]
    assert "knows nothing of this version" in of_version["text"]
    assert (await issuer.native("engine", "check", index=engine))["findings"] == findings
    await store.put([Put(PutKind.REMOVE, put.key, {}) for put in made])
    assert (await issuer.native("engine", "check", index=engine))["findings"] == []


async def test_a_ledger_written_anew_still_says_what_was_signed(issuer: Any, application: Any) -> None:
    a, b = await issuer.assets("a", "b")
    await issuer.submit(await issuer.place_amendment(a, Name="amended"))
    await issuer.link(a, b)
    await issuer.submit(await issuer.place_links(a, b, operation="UnlinkAssets"))
    store, engine, height = application.store, issuer.engine, await issuer.height()
    first = height - 4
    keys = [block_key(engine, number) for number in range(first, height + 1)]
    head = record_key(engine, HEAD, "")
    kept = await store.read([*keys, head])
    for place, change in (
        (0, {"created": "00" * 32}),
        (2, {"amended": "00" * 32}),
        (3, {"added": [a]}),
        (4, {"removed": ["nothing"]}),
    ):
        blocks = [kept[key].source for key in keys]
        blocks[place] = blocks[place] | {"effects": blocks[place]["effects"] | change}
        parent = blocks[0]["parentHash"]
        for at, block in enumerate(blocks):
            block = {name: value for name, value in block.items() if name != "hash"}
            block |= {"parentHash": parent, "effectsHash": hash_of(block["effects"])}
            parent = hash_of(block)
            blocks[at] = block | {"hash": parent}
        written = zip([*keys, head], [*blocks, kept[head].source | {"hash": parent}], strict=True)
        await store.put([Put(PutKind.INDEX, key, content) for key, content in written])
        verdict = await issuer.native("teos", "verifyLedger", **{"from": first})
        assert (verdict["ok"], verdict["firstBadBlock"]) == (False, first + place), change
    await store.put([Put(PutKind.INDEX, key, document.source) for key, document in kept.items()])
    assert await issuer.height() == height


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


async def _doctor(*options: str) -> tuple[int | None, list[dict[str, Any]]]:
    """The exit status of the doctor, and what it finds."""
    command = (sys.executable, "-m", "device_manager", "doctor", *options, "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    findings: list[dict[str, Any]] = json.loads(output)["findings"]
    return process.returncode, findings


async def test_a_server_without_the_extra_says_what_to_install(issuer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eth_utils", None)
    for path in ("/Assets", "/$metadata", "/Transactions"):
        assert (await issuer.http.get(path)).status_code == 200
    body = {"Author": issuer.account.address, "Name": "n", "Description": "", "LanguageCode": "en"}
    refused = await issuer.json("POST", "/Assets", 500, body | {"JurisdictionCode": "EARTH"})
    assert refused["code"] == "50000"
    assert "device-manager[teos]" in refused["message"]
