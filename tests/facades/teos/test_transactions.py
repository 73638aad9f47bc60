"""Assets and links change by signed transactions and by nothing else (facades 3.14, cases 1 to 9)."""

from __future__ import annotations

import asyncio
import json
import runpy
from pathlib import Path
from typing import Any

import httpx
import pytest
import rlp
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from device_manager.app import Application

pytestmark = pytest.mark.asyncio(loop_scope="session")
EXAMPLE = Path(__file__).parents[3] / "examples" / "teos.py"
DATES = ("OnSubmitted", "OnCommitted", "OnConfirmed", "OnRevokedByUser", "OnRevokedByTxServer", "OnRevokedByBlockchain")
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def reasons(answer: httpx.Response, code: str) -> list[str]:
    """The codes of the details of a refusal of some kind."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == code, body
    return [detail["code"] for detail in body["details"]]


async def test_1_an_asset_is_there_once_its_creation_is_signed(issuer: Any) -> None:
    placed = await issuer.place_asset("pump", CustomDefinitionItems=[{"Key": "k", "Name": "n", "Value": "v"}])
    assert (placed["State"], placed["Type"], placed["SignedBy"]) == (
        "Received",
        "ActivateAsset",
        issuer.account.address,
    )
    assert placed["OnCreated"] and not any(placed[date] for date in DATES)
    asset = json.loads(placed["DataAsJson"])["Asset"]
    id = asset["UniqueAssetId"]
    assert asset["Name"] == "pump"
    assert id.endswith("0001")
    assert (await issuer.http.get(f"/Assets('{id}')")).status_code == 404

    confirmed = await issuer.submit(placed)
    assert confirmed["State"] == "Confirmed"
    assert confirmed["OnCreated"] <= confirmed["OnSubmitted"] <= confirmed["OnCommitted"] <= confirmed["OnConfirmed"]
    assert not any(confirmed[date] for date in DATES[3:])
    assert int(confirmed["GasUsed"]) > 21_000
    shown = await issuer.get(f"/Assets('{id}')")
    assert shown["CreatedInBlockchainOn"]
    assert shown["BlockchainHash"] == "0x" + shown["DocumentDbHash"]
    assert shown["CustomDefinitionItems"][0]["SectionsPathNames"] == ["GENERAL"]
    assert (shown["Author"], shown["TransactionId"]) == (issuer.account.address, placed["Id"])
    document = await issuer.get(f"/Assets('{id}')/DocumentDbRecord")
    assert document == asset
    twin = await issuer.native("assets", "get", _id=f"TeosAsset-{id}")
    assert twin["_source"]["metadata"]["teos"]["name"] == "pump"


async def test_2_links_change_when_the_transaction_is_committed(issuer: Any) -> None:
    a, b, c = await issuer.assets("a", "b", "c")
    await issuer.link(a, b, c)
    placed = await issuer.place_links(a, b, operation="UnlinkAssets")
    assert placed["Type"] == "DeleteAssetLinks"
    assert not any(placed[date] for date in DATES)
    assert await issuer.links(a) == [b, c]
    assert (await issuer.submit(placed))["State"] == "Confirmed"
    assert await issuer.links(a) == [c]
    assert (await issuer.get(f"/Assets('{b}')/GetLinkedFromAssetIds"))["value"] == []
    assert (await issuer.get(f"/Assets('{c}')/GetLinkedFromAssetIds"))["value"] == [a]
    twin = await issuer.native("assets", "get", _id=f"TeosAsset-{a}")
    assert twin["_source"]["metadata"]["teos"]["assetLinkIds"] == [c]

    await issuer.native("assets", "delete", _id=f"TeosAsset-{c}")
    assert await issuer.links(a) == []
    assert (await issuer.http.get(f"/Assets('{c}')")).status_code == 404


async def test_3_anybody_can_check_a_block(issuer: Any) -> None:
    placed = await issuer.place_asset("pump")
    raw = await issuer.sign(placed)
    assert (await issuer.post(placed, "0x" + raw.hex())).status_code == 202
    confirmed = await issuer.settled(placed)
    height = await issuer.height()
    assert confirmed["BlockchainTransactionId"] == "0x" + keccak(raw).hex()
    block = await issuer.native("teos", "getBlock", number=height)
    assert Account.recover_transaction(block["rawTx"]) == issuer.account.address
    assert block["txId"] == placed["Id"]
    exported = await issuer.native("teos", "exportLedger", **{"from": height})
    assert exported == {"blocks": [block], "next": None}


async def test_4_every_precondition_that_fails_is_told(issuer: Any, make_issuer: Any) -> None:
    a, b, d = await issuer.assets("a", "b", "d")
    await issuer.link(a, b)
    unknown = "0x1230001"
    refused = await issuer.http.post(f"/Assets('{a}')/UnlinkAssets", json={"targetAssetIds": [b, d, unknown]})
    assert sorted(reasons(refused, "21000")) == ["1001", "1009"]
    body = refused.json()
    assert body["target"] == f"assets('{a.lower()}')/unlinkassets"
    details = {detail["code"]: detail["arguments"] for detail in body["details"]}
    assert details["1009"] == {"sourceUniqueAssetId": a, "targetUniqueAssetId": d}
    assert details["1001"] == {"uniqueAssetId": unknown}
    mine = f"SignedBy eq '{issuer.account.address}' and State eq null"
    assert (await issuer.get(f"/Transactions?$filter={mine}&$count=true"))["@odata.count"] == 0

    linked = await issuer.http.post(f"/Assets('{a}')/LinkAssets", json={"targetAssetIds": [b]})
    assert reasons(linked, "21000") == ["1008"]
    elsewhere = await issuer.http.post("/Assets('0x1230002')/LinkAssets", json={"targetAssetIds": [b]})
    assert reasons(elsewhere, "21000") == ["1007"]
    itself = await issuer.http.post(f"/Assets('{a}')/LinkAssets", json={"targetAssetIds": [a.lower()]})
    assert reasons(itself, "22000") == ["2011"]

    stranger = await make_issuer(issuer.application, issuer.engine)
    for token in (stranger.token, stranger.api_key):
        headers = {"authorization": f"Bearer {token}"}
        body = {"targetAssetIds": [d]}
        answer = await issuer.http.post(f"/Assets('{a}')/LinkAssets", json=body, headers=headers)
        assert reasons(answer, "21000") == ["1002"]
        assert answer.json()["details"][0]["arguments"]["assetIssuerAddress"] == issuer.account.address


async def test_5_bodies_that_cannot_be_used(issuer: Any) -> None:
    path = "/Assets('0x10001')/UnlinkAssets"
    assert reasons(await issuer.http.post(path, json={"targetAssetIds": []}), "22000") == ["2016"]
    missing = await issuer.http.post(path, json={})
    assert reasons(missing, "12001") == ["12001"]
    assert missing.json()["details"][0]["target"] == "targetAssetIds"
    extra = await issuer.http.post(path, json={"targetAssetIds": ["0x20001"], "data": 1})
    assert reasons(extra, "12001") == ["12001"]
    assert "'data'" in extra.json()["details"][0]["message"]
    assert reasons(await issuer.http.post(path, content=b"{"), "12002") == ["12002"]
    assert reasons(await issuer.http.post(path, json={"targetAssetIds": "0x1"}), "12001") == ["12001"]
    async with httpx.AsyncClient(base_url=issuer.url) as nobody:
        for headers in ({}, {"authorization": "Bearer guessed"}, {"authorization": f"Basic {issuer.token}"}):
            answer = await nobody.post(path, json={"targetAssetIds": ["0x20001"]}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "11001")
            assert answer.headers["www-authenticate"] == "Bearer"
    author = {"Author": issuer.account.address, "Name": "n", "Description": "d"}
    codes = author | {"LanguageCode": "xx", "JurisdictionCode": "MOON", "UnitOfMeasureCode": "ell"}
    more = {"AssetClassCode": "A1", "SparkFactor": "0", "CurrencyCode": "CHF"}
    refused = await issuer.http.post("/Assets", json=codes | more)
    assert reasons(refused, "22000") == ["2003", "2004", "2005", "2007", "2023", "2006"]
    english = author | {"LanguageCode": "en", "JurisdictionCode": "CH"}
    assert reasons(await issuer.http.post("/Assets", json=english | {"AssetClassCode": "A013"}), "22000") == ["2021"]
    assert reasons(await issuer.http.post("/Assets", json=english | {"Author": "0x12"}), "22000") == ["2013"]
    items = [{"Key": "k", "Name": "n", "Value": "v", "SectionsPath": []}]
    refused = await issuer.http.post("/Assets", json=english | {"CustomDefinitionItems": items})
    assert reasons(refused, "22000") == ["2008"]
    assert reasons(await issuer.http.post("/Assets", json=english | {"Author": "0x" + "1" * 40}), "21000") == ["1002"]


async def test_6_no_field_of_a_transaction_can_be_tampered_with(issuer: Any) -> None:
    placed, height = await issuer.place_asset("pump"), await issuer.height()
    other = Account.create()
    good = await issuer.sign(placed)
    parameters = await issuer.get(f"/Transactions({placed['Id']})/GetSigningParameters")
    data = bytearray.fromhex(parameters["DataToSign"][2:])
    data[-1] ^= 1
    signed_wrongly = {
        "21002": {"to": other.address},
        "21003": {"value": 1},
        "21004": {"data": "0x" + data.hex()},
        "21007": {"chainId": 1},
        "21008": {"gas": 30_000_001},
        "10024": {"nonce": 1},
        "21001": {"gasPrice": None, "maxFeePerGas": 2_000_000_000, "maxPriorityFeePerGas": 1},
    }
    for code, changes in signed_wrongly.items():
        answer = await issuer.post(placed, await issuer.sign(placed, **changes))
        assert reasons(answer, "32000") == [code], code
    stranger = await issuer.post(placed, await issuer.sign(placed, by=other))
    assert reasons(stranger, "32000") == ["21006"]
    assert reasons(await issuer.post(placed, good, signer=other.address), "32000") == ["21006"]

    fields = rlp.decode(good)
    wanted = ["21006", "21006", "21006", "21002", "21003", "21004", "21007", "21006", "21006"]
    for place, code in enumerate(wanted):
        changed = list(fields)
        number = int.from_bytes(changed[place]) ^ 1 if changed[place] else 1
        length = max(len(changed[place]), 1)
        changed[place] = number.to_bytes(length) if number else b""
        if place == 6:
            changed[place] = (int.from_bytes(fields[6]) + 2).to_bytes(3).lstrip(b"\0")
            code = "21006"  # another chain is another message, so the signature tells another sender
        answer = await issuer.post(placed, rlp.encode(changed))
        assert reasons(answer, "32000") == [code], place
    v, s = int.from_bytes(fields[6]), int.from_bytes(fields[8])
    other_v = 2 * (35 + 2 * 7512) + 1 - v
    malleated = rlp.encode([*fields[:6], other_v.to_bytes(2), fields[7], (ORDER - s).to_bytes(32)])
    assert reasons(await issuer.post(placed, malleated), "32000") == ["21000"]
    for raw in (good[:-1], good + b"\0", b"", rlp.encode([b"1"]), rlp.encode(b"x" * 60)):
        assert reasons(await issuer.post(placed, raw), "32000") == ["21001"]
    assert reasons(await issuer.post(placed, "no hex"), "32000") == ["21001"]
    assert (await issuer.get(f"/Transactions({placed['Id']})"))["State"] == "Received"
    assert await issuer.height() == height
    assert (await issuer.submit(placed))["State"] == "Confirmed"
    unknown = {"Id": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}
    assert reasons(await issuer.post(unknown, good), "32000") == ["10401"]


async def test_6_signatures_that_bind_no_chain_are_taken(issuer: Any) -> None:
    placed = await issuer.place_asset("pump")
    assert (await issuer.post(placed, await issuer.sign(placed, chainId=None))).status_code == 202
    assert (await issuer.settled(placed))["State"] == "Confirmed"


async def test_7_a_replay_changes_nothing(issuer: Any) -> None:
    a, b = await issuer.assets("a", "b")
    height = await issuer.height()
    placed, same = await issuer.place_links(a, b), await issuer.place_links(a, b)
    raw = await issuer.sign(placed)
    answers = await asyncio.gather(*(issuer.post(placed, raw) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [202, 400]
    [refused] = [answer for answer in answers if answer.status_code == 400]
    assert reasons(refused, "32000")[0] in ("10402", "20004")
    assert (await issuer.settled(placed))["State"] == "Confirmed"
    assert reasons(await issuer.post(placed, raw), "32000") == ["10402"]
    assert reasons(await issuer.post(same, raw), "32000")[0] in ("20002", "20004")
    assert await issuer.height() == height + 1
    assert await issuer.links(a) == [b]


async def test_8_a_transaction_is_revoked_by_its_signer(issuer: Any) -> None:
    placed = await issuer.place_asset("pump")
    path = f"/Transactions({placed['Id']})/Revoke"

    def signature(text: str) -> dict[str, str]:
        return {"Signature": "0x" + issuer.account.sign_message(encode_defunct(text=text)).signature.hex()}

    refused = await issuer.http.post(path, json=signature(placed["Id"].upper()))
    assert reasons(refused, "32000") == ["10053"]
    assert reasons(await issuer.http.post(path, json={"Signature": "0x12"}), "32000") == ["10053"]
    revoked = await issuer.http.post(path, json=signature(placed["Id"]))
    assert (revoked.status_code, revoked.content) == (204, b"")
    shown = await issuer.get(f"/Transactions('{placed['Id'].upper()}')")
    assert shown["State"] == "RevokedByUser"
    assert shown["OnRevokedByUser"]
    assert reasons(await issuer.post(placed, await issuer.sign(placed)), "32000") == ["10402"]
    submitted = await issuer.place_asset("fan")
    await issuer.submit(submitted)
    answer = await issuer.http.post(f"/Transactions({submitted['Id']})/Revoke", json=signature(submitted["Id"]))
    assert reasons(answer, "32000") == ["10402"]


async def test_9_the_second_of_two_is_revoked(issuer: Any) -> None:
    a, b, c = await issuer.assets("a", "b", "c")
    await issuer.link(a, b, c)
    first, second = [await issuer.place_links(a, b, operation="UnlinkAssets") for _ in range(2)]
    assert (await issuer.submit(first))["State"] == "Confirmed"
    late = await issuer.submit(second)
    assert late["State"] == "RevokedByTxServer"
    assert late["OnRevokedByTxServer"]
    assert await issuer.links(a) == [c]
    await issuer.height()


@pytest.mark.parametrize("application", ["sqlite"], indirect=True, scope="module")
async def test_the_example(issuer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.to_thread(runpy.run_path(str(EXAMPLE))["main"], issuer.url, issuer.token)
    *steps, last = capsys.readouterr().out.splitlines()
    assert [step.partition(" ")[2] for step in steps] == ["Confirmed"] * 5
    assert last == "linked to the engine alone: True"


async def test_a_credential_stays_in_its_engine(
    issuer: Any, make_issuer: Any, application: Application, engine: str
) -> None:
    [a] = await issuer.assets("a")
    await issuer.submit(await issuer.place_units(a, "CreateUnits", amount=1))
    placed = await issuer.place_asset("b")
    stranger = await make_issuer(application, engine)
    for path in (f"/Assets('{a}')", f"/Transactions({placed['Id']})"):
        assert (await stranger.http.get(path)).status_code == 404
    assert (await stranger.get("/Assets"))["value"] == []
    assert (await stranger.get("/Transactions"))["value"] == []
    assert (await stranger.get("/Balances"))["value"] == []
    raw = await issuer.sign(placed)
    assert reasons(await stranger.post(placed, raw, issuer.account.address), "32000") == ["10401"]
    assert (await issuer.get("/Wallets"))["value"] != (await stranger.get("/Wallets"))["value"]
    [b] = await stranger.assets("b")
    await stranger.submit(await stranger.place_units(b, "CreateUnits", amount=1))
    await application.router.call("device-manager/engine", "delete", args={"index": engine})
    await application.router.call("device-manager/engine", "create", args={"index": engine})
    again = await make_issuer(application, engine)
    assert (await again.get("/Transactions?$count=true"))["@odata.count"] == 0
    assert await again.height() == 0
    assert (await again.get("/Balances"))["value"] == []
    assert await issuer.total(a) == "1"
