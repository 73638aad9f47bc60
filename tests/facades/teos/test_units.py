"""Units and sparks: created, transferred and destroyed by signed transactions, and counted (facades 3.3, 3.10)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_units_are_created_transferred_and_destroyed(issuer: Any, make_issuer: Any) -> None:
    holder = await make_issuer(issuer.application, issuer.engine)
    placed = await issuer.place_asset("share", SparkFactor="100")
    assert (await issuer.submit(placed))["State"] == "Confirmed"
    share = json.loads(placed["DataAsJson"])["Asset"]["UniqueAssetId"]
    mine, yours = issuer.account.address, holder.account.address
    assert await issuer.total(share) == "0"

    created = await issuer.place_units(share, "CreateUnits", amount=12.5)
    assert (created["Type"], created["SignedBy"]) == ("CreateSparks", mine)
    assert json.loads(created["DataAsJson"]) == {"SourceAssetId": share, "Amount": "1250", "SenderAddress": mine}
    call = json.loads(created["SigningParametersAsJson"])["DataToSign"]
    assert call == calldata("createSparks(uint96,uint256)", int(share, 16), 1250)
    assert await issuer.total(share) == "0"
    assert (await issuer.submit(created))["State"] == "Confirmed"
    assert await issuer.total(share) == "1250"
    assert await issuer.balances(share) == {mine: "1250"}

    transferred = await issuer.place_units(
        share, "transferunits", amount="250", type="Sparks", senderAddress=mine, targetAddress=yours
    )
    call = json.loads(transferred["SigningParametersAsJson"])["DataToSign"]
    assert call == calldata("transferSparks(uint96,address,uint256)", int(share, 16), yours, 250)
    assert (await issuer.submit(transferred))["State"] == "Confirmed"
    assert await issuer.balances(share) == {mine: "1000", yours: "250"}

    destroyed = await holder.place_units(share, "DestroyUnits", amount=2, type="units", senderAddress=yours)
    call = json.loads(destroyed["SigningParametersAsJson"])["DataToSign"]
    assert call == calldata("destroySparks(uint96,uint256)", int(share, 16), 200)
    assert (await holder.submit(destroyed))["Type"] == "DestroySparks"
    assert await issuer.total(share) == "1050"
    rest = await holder.place_units(
        share, "TransferUnits", amount="0.5", senderAddress=yours.lower(), targetAddress=mine.lower()
    )
    assert (await holder.submit(rest))["State"] == "Confirmed"
    assert await issuer.balances(share) == {mine: "1050"}
    block = await issuer.native("teos", "getBlock", number=await issuer.height())
    assert block["effects"] == {"source": share, "sparks": "1050", "balances": {mine: "1050", yours: "0"}}


async def test_balances_are_found_in_every_way(lone_issuer: Any, make_issuer: Any) -> None:
    issuer = lone_issuer
    other = await make_issuer(issuer.application, issuer.engine)
    a, b = await issuer.assets("a", "b")
    for asset in (a, b):
        await issuer.submit(await issuer.place_units(asset, "CreateUnits", amount="7"))
    mine, yours = issuer.account.address, other.account.address
    for text, wanted in (
        (f"Address eq '{mine.lower()}' and UniqueAssetId  eq '{a.lower()}'", [a]),
        (f"Address eq '{mine}' and Amount eq '7'", [a, b]),
        (f"Address eq '{mine}' and UniqueAssetId gt '{min(a, b, key=number)}'", [max(a, b, key=number)]),
        (f"UniqueAssetId in ('{b}', 'no id')", [b]),
        (f"Address eq '{yours}'", []),
    ):
        found = await issuer.get(f"/Balances?$filter={text}&$count=true&$select=UniqueAssetId")
        assert [entity["UniqueAssetId"] for entity in found["value"]] == wanted, text
        assert found["@odata.count"] == len(wanted)
    one = await issuer.get(f"/Balances(address='{mine.lower()}',uniqueAssetId='{b.lower()}')")
    assert (one["Address"], one["UniqueAssetId"], one["Amount"]) == (mine, b, "7")
    nothing = await issuer.get(f"/balances(Address='{yours}',UniqueAssetId='{b}')")
    assert (nothing["Address"], nothing["Amount"]) == (yours, "0")
    assert [entity["Amount"] for entity in (await issuer.get("/Balances/My"))["value"]] == ["7", "7"]
    assert (await other.get("/Balances/My"))["value"] == []
    asked = f"/Balances/GetAssetsBalances(addresses=['{mine}','{yours}'],uniqueAssetIds=['{a}'])"
    [found] = (await issuer.get(asked))["value"]
    assert (found["Address"], found["UniqueAssetId"]) == (mine, a)
    asked = f"/Balances/GetAssetsBalances(addresses=@who)?@who=['{mine}']&$top=1"
    first = await issuer.get(asked)
    assert len(first["value"]) == 1
    ether = await issuer.get(f"/Balances/GetEthBalances(addresses=['{mine}'])")
    assert ether["value"] == [{"Address": mine, "Balance": "0"}]
    for path, status in (
        ("/Balances(address='0x12',uniqueAssetId='0x1')", 404),
        (f"/Balances('{a}')", 404),
        ("/Balances/GetEthBalances", 400),
        ("/Balances/GetEthBalances(addresses=@none)", 400),
        ("/Balances/GetEthBalances(addresses=[1])", 400),
        ("/Balances/GetEthBalances(addresses=['0x12')", 400),
        ("/Balances/GetAssetsBalances(addresses=['somebody'])", 400),
        ("/Assets('0x1230001')/TotalAmount", 404),
        ("/Settings", 501),
    ):
        assert (await issuer.http.get(path)).status_code == status, path


async def test_what_cannot_be_done_to_units(issuer: Any, make_issuer: Any) -> None:
    other = await make_issuer(issuer.application, issuer.engine)
    [asset] = await issuer.assets("a")
    mine, yours = issuer.account.address, other.account.address
    await issuer.submit(await issuer.place_units(asset, "CreateUnits", amount=5))
    await issuer.native("models", "writeAsset", body={"model": "Hall", "engineGroup": "commons", "measures": []})
    await issuer.native("assets", "create", body={"model": "Hall", "reference": issuer.token[:8]})
    [hall] = (await issuer.get(f"/Assets?$filter=Name eq 'Hall-{issuer.token[:8]}'"))["value"]
    to_you = {"senderAddress": mine, "targetAddress": yours}
    for path, body, code, reason in (
        ("CreateUnits", {}, "12001", "12001"),
        ("CreateUnits", {"amount": True}, "12001", "12001"),
        ("CreateUnits", {"amount": 1, "type": "kg"}, "12001", "12001"),
        ("CreateUnits", {"amount": 1, "targetAddress": yours}, "12001", "12001"),
        ("CreateUnits", {"amount": 0}, "22000", "2014"),
        ("CreateUnits", {"amount": -1}, "22000", "2014"),
        ("CreateUnits", {"amount": "1e400"}, "22000", "2014"),
        ("CreateUnits", {"amount": 2**70}, "22000", "2014"),
        ("CreateUnits", {"amount": 1, "senderAddress": "0x12"}, "22000", "2013"),
        ("CreateUnits", {"amount": "0.5"}, "21000", "1003"),
        ("CreateUnits", {"amount": str(2**256)}, "21000", "1003"),
        ("CreateUnits", {"amount": 1, "senderAddress": yours}, "21000", "1002"),
        ("TransferUnits", {"amount": 1, "targetAddress": yours}, "22000", "2013"),
        ("TransferUnits", {"amount": 1, "senderAddress": mine}, "12001", "12001"),
        ("TransferUnits", {"amount": 1, "senderAddress": mine, "targetAddress": mine}, "22000", "2011"),
        ("TransferUnits", {"amount": 6, **to_you}, "21000", "1006"),
        ("DestroyUnits", {"amount": 6}, "21000", "1006"),
    ):
        refused = await issuer.json("POST", f"/Assets('{asset}')/{path}", 400, body)
        assert (refused["code"], refused["details"][0]["code"]) == (code, reason), (path, body)
    for id, reason in (("0x1230001", "1001"), ("0x1230002", "1007"), (hall["Id"], "1004")):
        refused = await issuer.json("POST", f"/Assets('{id}')/DestroyUnits", 400, {"amount": 1})
        assert [detail["code"] for detail in refused["details"]] == [reason]
    foreign = await other.json("POST", f"/Assets('{asset}')/TransferUnits", 400, {"amount": 9, **to_you})
    assert [detail["code"] for detail in foreign["details"]] == ["1005", "1006"]
    assert foreign["details"][0]["arguments"]["signerAddress"] == mine
    for factor in ("0", "x", "9" * 78):
        body = {"Author": mine, "Name": "n", "Description": "", "LanguageCode": "en", "JurisdictionCode": "CH"}
        refused = await issuer.json("POST", "/Assets", 400, body | {"SparkFactor": factor})
        assert [detail["code"] for detail in refused["details"]] == ["2006"]
    too_many = await issuer.place_units(asset, "CreateUnits", amount=str(2**256 - 1))
    assert (await issuer.submit(too_many))["State"] == "RevokedByTxServer"
    assert await issuer.total(asset) == "5"


async def test_the_same_sparks_are_spent_once(issuer: Any) -> None:
    [asset] = await issuer.assets("a")
    await issuer.submit(await issuer.place_units(asset, "CreateUnits", amount=10))
    mine, others = issuer.account.address, [Account.create().address for _ in range(4)]
    placed = [
        await issuer.place_units(asset, "TransferUnits", amount=4, senderAddress=mine, targetAddress=other)
        for other in others
    ]
    nonce = int((await issuer.get(f"/Transactions({placed[0]['Id']})/GetSigningParameters"))["Nonce"])
    raws = [await issuer.sign(each, nonce=nonce + at) for at, each in enumerate(placed)]
    for each, raw in zip(placed, raws, strict=True):
        assert (await issuer.post(each, raw)).status_code == 202
    states = [settled["State"] for settled in await asyncio.gather(*map(issuer.settled, placed))]
    assert sorted(states) == ["Confirmed", "Confirmed", "RevokedByTxServer", "RevokedByTxServer"]
    paid = [other for other, state in zip(others, states, strict=True) if state == "Confirmed"]
    assert await issuer.balances(asset) == {mine: "2", **dict.fromkeys(paid, "4")}
    assert await issuer.total(asset) == "10"
    await issuer.height()


def number(id: str) -> int:
    """The number that an id is."""
    return int(id, 16)


def calldata(signature: str, *values: Any) -> str:
    """A call as every tool for Ethereum encodes it."""
    types = signature[signature.index("(") + 1 : -1].split(",")
    return "0x" + (keccak(text=signature)[:4] + encode(types, values)).hex()
