"""What describes an asset changes by signed amendments, and all of its versions are listed (facades 3.3, 3.6)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from device_manager.facades.teos.records import version_key
from device_manager.storage.contract import Put, PutKind

pytestmark = pytest.mark.asyncio(loop_scope="session")
ITEM = {"Key": "k", "Name": "n", "Value": "v"}
STORED_ITEM = ITEM | {"Type": "STRING", "SectionsPath": ["General"], "SectionsPathNames": ["GENERAL"]}


def digest(document: dict[str, Any]) -> str:
    """The hash of a document as anybody computes it."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def codes(issuer: Any, asset: str, body: Any) -> tuple[str, list[tuple[str, str]]]:
    """Why an amendment is refused: the code, and code and target of each detail."""
    refused = await issuer.json("POST", f"/Assets('{asset}')/Amendment", 400, body)
    return refused["code"], [(detail["code"], detail["target"]) for detail in refused["details"]]


async def test_an_amendment_changes_what_describes_an_asset(issuer: Any) -> None:
    a, b = await issuer.assets("kiln", "fan")
    await issuer.link(a, b)
    before, document = await issuer.get(f"/Assets('{a}')"), await issuer.get(f"/Assets('{a}')/DocumentDbRecord")
    assert before["AmendedInBlockchainOn"] is None
    assert (await issuer.get(f"/Assets('{a}')/MetaData"))["Version"] == 1
    name = f"furnace {a}"
    placed = await issuer.place_amendment(a.lower(), name=name, JurisdictionCode="CH", Description=None)
    assert (placed["State"], placed["Type"], placed["SignedBy"]) == (
        "Received",
        "ActivateAmendments",
        issuer.account.address,
    )
    data = json.loads(placed["DataAsJson"])
    changed = {"Name": name, "JurisdictionCode": "CH"}
    assert data["Amendment"] == changed
    assert data["Asset"] == document | changed | {"AmendedInTeosOn": data["Asset"]["AmendedInTeosOn"]}
    signature, hashed = "activateAmendments(uint96,bytes32)", bytes.fromhex(digest(data["Asset"]))
    call = keccak(text=signature)[:4] + encode(["uint96", "bytes32"], [int(a, 16), hashed])
    assert json.loads(placed["SigningParametersAsJson"])["DataToSign"] == "0x" + call.hex()
    assert await issuer.get(f"/Assets('{a}')") == before

    confirmed = await issuer.submit(placed)
    assert confirmed["State"] == "Confirmed"
    after = await issuer.get(f"/Assets('{a}')")
    hashes = {"BlockchainHash": "0x" + hashed.hex(), "DocumentDbHash": hashed.hex()}
    assert after == before | changed | hashes | {"AmendedInBlockchainOn": confirmed["OnCommitted"]}
    assert await issuer.get(f"/Assets('{a}')/DocumentDbRecord") == data["Asset"]
    [found] = (await issuer.get(f"/Assets?$filter=Name eq '{name}' and DocumentDbHash eq '{hashed.hex()}'"))["value"]
    assert (found["Id"], found["AssetLinkIds"]) == (a, [b])
    assert (await issuer.get(f"/Assets?$filter=Name eq 'kiln' and Id eq '{a}'"))["value"] == []
    twin = (await issuer.native("assets", "get", _id=f"TeosAsset-{a}"))["_source"]["metadata"]["teos"]
    assert (twin["name"], twin["jurisdictionCode"], twin["description"]) == (name, "CH", "The asset kiln")
    block = await issuer.native("teos", "getBlock", number=await issuer.height())
    changes = [
        {"Property": "Name", "OldValue": "kiln", "NewValue": name},
        {"Property": "JurisdictionCode", "OldValue": "EARTH", "NewValue": "CH"},
    ]
    assert block["effects"] == {"source": a, "amended": hashed.hex(), "version": 2, "changes": changes}

    last = await issuer.place_amendment(a, CustomDefinitionItems=[ITEM], Name=name)
    assert json.loads(last["DataAsJson"])["Amendment"] == {"CustomDefinitionItems": [STORED_ITEM]}
    assert (await issuer.submit(last))["State"] == "Confirmed"
    shown = await issuer.get(f"/assets('{a}')/metadata")
    assert shown["@odata.context"] == f"{issuer.url}/$metadata#Teos.Api.Model.AssetMetaData"
    assert (shown["Version"], shown["Name"], shown["CustomDefinitionItems"]) == (3, name, [STORED_ITEM])
    await _check_log(issuer, a, [(before, []), (confirmed, changes)], last, shown)
    assert (await issuer.native("engine", "check", index=issuer.engine))["findings"] == []


async def _check_log(issuer: Any, asset: str, known: list[Any], last: dict[str, Any], shown: dict[str, Any]) -> None:
    """The change log has the three versions of an asset, and is queried as any set is."""
    log = await issuer.get(f"/Assets('{asset}')/ChangeLog?$count=true")
    assert log["@odata.context"] == f"{issuer.url}/$metadata#Collection(Teos.Api.Model.AssetVersion)"
    assert log["@odata.count"] == 3
    [(created, none), (amended, changes)] = known
    first, second, third = log["value"]
    assert [version["Version"] for version in log["value"]] == [1, 2, 3]
    assert [version["Changes"] for version in (first, second)] == [none, changes]
    [items] = third["Changes"]
    assert (items["Property"], items["OldValue"]) == ("CustomDefinitionItems", "[]")
    assert json.loads(items["NewValue"]) == [STORED_ITEM]
    assert (first["Type"], first["TransactionId"]) == ("ActivateAsset", created["TransactionId"])
    assert first["DocumentDbHash"] == created["DocumentDbHash"]
    assert (first["CreatedInTeosOn"], first["CreatedInBlockchainOn"]) == (
        created["CreatedInTeosOn"],
        created["CreatedInBlockchainOn"],
    )
    assert (second["Type"], second["TransactionId"]) == ("ActivateAmendments", amended["Id"])
    assert second["BlockchainTransactionId"] == amended["BlockchainTransactionId"]
    assert (second["CreatedInTeosOn"], second["CreatedInBlockchainOn"]) == (
        amended["OnCreated"],
        amended["OnCommitted"],
    )
    assert (third["TransactionId"], third["SignedBy"]) == (last["Id"], issuer.account.address)
    assert third["BlockchainHash"] == shown["BlockchainHash"]
    for query, versions in (
        ("$orderby=Version desc&$top=2", [3, 2]),
        (f"$filter={quote('Version gt 1')}", [2, 3]),
        (f"$filter=TransactionId eq {amended['Id']} and SignedBy eq '{issuer.account.address.lower()}'", [2]),
        ("$filter=Type eq 'ActivateAmendments'&$orderby=CreatedInBlockchainOn desc", [3, 2]),
        (f"$filter=Type eq 11 and BlockchainHash eq '{shown['BlockchainHash']}'", [3]),
        ("$filter=Changes/any(c: c/Property eq 'Name')", [2]),
        (f"$filter=UniqueAssetId eq '{asset.lower()}' and CreatedInTeosOn lt {last['OnCreated']}", [1, 2]),
        ("$skip=1&$top=1&$select=Version", [2]),
    ):
        found = (await issuer.get(f"/Assets('{asset}')/ChangeLog?{query}"))["value"]
        assert [version["Version"] for version in found] == versions, query


async def test_pages_of_a_change_log_follow_each_other(issuer: Any, application: Any) -> None:
    [a] = await issuer.assets("kiln")
    key = version_key(issuer.engine, a, 1)
    source = (await application.store.read((key,)))[key].source
    more = [version_key(issuer.engine, a, number) for number in range(2, 61)]
    await application.store.put(
        [Put(PutKind.INDEX, key, source | {"version": number}) for number, key in enumerate(more, 2)]
    )
    first = await issuer.get(f"/Assets('{a}')/ChangeLog?$count=true")
    assert first["@odata.nextLink"].startswith(f"{issuer.url}/Assets('{a}')/ChangeLog?")
    second = (await issuer.http.get(first["@odata.nextLink"])).json()
    assert [version["Version"] for page in (first, second) for version in page["value"]] == list(range(1, 61))
    await application.store.put([Put(PutKind.REMOVE, key, {}) for key in more])


async def test_amendments_that_cannot_be_placed(issuer: Any, make_issuer: Any) -> None:
    [a] = await issuer.assets("kiln")
    log = f"/Assets('{a}')/ChangeLog"
    assert await codes(issuer, a, {}) == ("12001", [("12001", "")])
    assert await codes(issuer, a, {"Name": "kiln", "LanguageCode": "en"}) == ("12001", [("12001", "")])
    assert await codes(issuer, a, {"SparkFactor": "2", "author": issuer.account.address, "Colour": "red"}) == (
        "12001",
        [("12001", "Colour"), ("12001", "Author"), ("12001", "SparkFactor")],
    )
    assert await codes(issuer, a, {"Name": 1}) == ("12001", [("12001", "Name")])
    assert await codes(issuer, a, {"CustomDefinitionItems": [{"Key": "k"}]}) == (
        "12001",
        [("12001", "CustomDefinitionItems/0/Name"), ("12001", "CustomDefinitionItems/0/Value")],
    )
    wrong = {"LanguageCode": "xx", "JurisdictionCode": "MOON", "CustomDefinitionItems": [ITEM | {"SectionsPath": []}]}
    assert await codes(issuer, a, wrong) == (
        "22000",
        [("2003", "LanguageCode"), ("2004", "JurisdictionCode"), ("2008", "CustomDefinitionItems")],
    )
    model = {"model": "Shed", "engineGroup": "commons", "measures": []}
    await issuer.native("models", "writeAsset", body=model)
    await issuer.native("assets", "create", body={"model": "Shed", "reference": issuer.token[:8]})
    [shed] = (await issuer.get(f"/Assets?$filter=Name eq 'Shed-{issuer.token[:8]}'"))["value"]
    for id, reason in (("0x1230001", "1001"), ("0x1230002", "1007"), (shed["Id"], "1002")):
        assert await codes(issuer, id, {"Name": "b"}) == ("21000", [(reason, "")])
    stranger = await make_issuer(issuer.application, issuer.engine)
    assert await codes(stranger, a, {"Name": "b"}) == ("21000", [("1002", "")])
    mine = f"/Transactions?$filter=SignedBy eq '{issuer.account.address}' and State eq null"
    assert (await issuer.get(mine))["value"] == []
    assert (await issuer.get(f"/Assets('{shed['Id']}')/ChangeLog"))["value"] == []
    for path, status in (
        (f"/Assets('{shed['Id']}')/MetaData", 404),
        ("/Assets('0x1230001')/MetaData", 404),
        ("/Assets('0x1230001')/ChangeLog", 404),
        (f"/Assets('{a}')/Amendment", 405),
        (f"/Assets('{a}')/SetController", 501),
        (f"{log}?$filter=Colour eq 'red'", 400),
        (f"{log}?$expand=Changes", 400),
    ):
        assert (await issuer.http.get(path)).status_code == status, path
    assert (await stranger.get(log))["value"] == (await issuer.get(log))["value"]


async def test_of_amendments_of_one_version_the_first_one_counts(issuer: Any) -> None:
    a, b = await issuer.assets("kiln", "fan")
    placed = [await issuer.place_amendment(a, Name=name) for name in ("oven", "stove")]
    placed.append(await issuer.place_amendment(b, Name="blower"))
    await issuer.native("assets", "delete", _id=f"TeosAsset-{b}")
    nonce = int((await issuer.get(f"/Transactions({placed[0]['Id']})/GetSigningParameters"))["Nonce"])
    height = await issuer.height()
    for at, each in enumerate(placed):
        assert (await issuer.post(each, await issuer.sign(each, nonce=nonce + at))).status_code == 202
    states = [settled["State"] for settled in await asyncio.gather(*map(issuer.settled, placed))]
    assert sorted(states[:2]) == ["Confirmed", "RevokedByTxServer"]
    assert states[2] == "RevokedByTxServer"
    name = "oven" if states[0] == "Confirmed" else "stove"
    assert (await issuer.get(f"/Assets('{a}')"))["Name"] == name
    assert await issuer.height() == height + 1
    back = await issuer.place_amendment(a, Name="kiln")
    assert (await issuer.submit(back))["State"] == "Confirmed"
    log = (await issuer.get(f"/Assets('{a}')/ChangeLog"))["value"]
    assert [change["NewValue"] for version in log for change in version["Changes"]] == [name, "kiln"]
    assert len({version["DocumentDbHash"] for version in log}) == 3
