"""Queries as real clients write them, and the client python-odata (facades 3.14, cases 10 and 11; 3.4, 3.5)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import odata
import orjson
import pytest
import pytest_asyncio
import requests
from odata.exceptions import ODataConnectionError

from device_manager.app import Application
from device_manager.facades.teos.errors import TeosError
from device_manager.facades.teos.odata.evaluate import Filter
from device_manager.facades.teos.odata.parser import parse_filter
from device_manager.facades.teos.odata.schema import ASSET, TRANSACTION

pytestmark = pytest.mark.asyncio(loop_scope="session")
ISSUER = "0x5443b8e6f73272B5CD2b904ed27c59152c3fDE23"
ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TRANSACTIONS: list[dict[str, Any]] = [
    {"Id": ID, "State": "Received", "SignedBy": ISSUER, "OnCreated": "2026-01-02T03:04:05.000Z", "GasUsed": "0"},
    {"Id": "2", "State": "Committed", "SignedBy": ISSUER, "OnCreated": "2026-02-02T03:04:05.000Z", "GasUsed": "9"},
    {"Id": "3", "State": "Confirmed", "SignedBy": "0xabc", "OnCreated": "2026-03-02T03:04:05.000Z", "GasUsed": None},
]
ASSETS: list[dict[str, Any]] = [
    {"Id": "0xDB3A7821CE02A5E342080001", "Name": "kiln O'Neil", "LanguageCode": "de", "AssetLinkIds": ["0x20001"]},
    {"Id": "0x20001", "Name": "Fan", "LanguageCode": "en", "AssetLinkIds": []},
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"Id in ('{ID.upper()}','2')", "12"),
        (f"Id eq {ID} or Id eq '3'", "13"),
        (f"Id eq '{ID}' OR Id eq '3'", "13"),
        ("SignedBy in('0xABC', 'b')", "3"),
        (f"(SignedBy eq '{ISSUER.lower()}' or SignedBy eq 'b') and State eq null", "1"),
        (f"((SignedBy eq '{ISSUER}')) AND ((State eq null) OR (State eq 1))", "1"),
        ("State ne 'Confirmed'", "12"),
        ("State eq 'Committed'", "2"),
        ("State eq '3'", "2"),
        ("State in (3,)", "2"),
        ("State gt 1", "23"),
        ("State eq Teos.Api.Model.Enums.TransactionState'Confirmed'", "3"),
        ("not (State eq 'Confirmed') and not contains(SignedBy, 'abc')", "12"),
        ("OnCreated ge 2026-02-02T04:04:05+01:00 and OnCreated lt 2026-03-01", "2"),
        ("GasUsed eq null", "3"),
        ("length(SignedBy)  eq  5", "3"),
        ("tolower(State) eq 'received' or toupper(GasUsed) eq '9'", "12"),
        ("indexof(SignedBy, '5443') eq 2", "12"),
        ("endswith(SignedBy, 'abc') eq true", "3"),
        ("false", ""),
    ],
)
async def test_10_filters_on_transactions(text: str, wanted: str) -> None:
    found = Filter(parse_filter(text), TRANSACTION)
    places = [str(place) for place, entity in enumerate(TRANSACTIONS, 1) if found.matches(entity)]
    assert "".join(places) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Id in ('0xdb3a7821ce02a5e342080001','0x1')", "1"),
        ("Id eq 'DB3A7821CE02A5E342080001' or Id eq '0x00020001'", "12"),
        ("startsWith(Name, 'k')", "1"),
        ("(startswith(Name, 'k'))", "1"),
        ("Name eq 'kiln O''Neil'", "1"),
        ("LanguageCode eq 'de'", "1"),
        ("LanguageCode eq 'de' and Id  eq '0x20001'", ""),
        ("AssetLinkIds/any(a: a eq '0x020001')", "1"),
        ("AssetLinkIds/any()", "1"),
        ("AssetLinkIds/all(a: a ne '0x20001')", "2"),
    ],
)
async def test_10_filters_on_assets(text: str, wanted: str) -> None:
    found = Filter(parse_filter(text), ASSET)
    assert "".join(str(place) for place, entity in enumerate(ASSETS, 1) if found.matches(entity)) == wanted


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("State eq 'CreatedInTeos'", "'State'"),
        ("BlockchainHash eq '1'", "'BlockchainHash'"),
        ("Colour eq 'red'", "'Colour'"),
        ("Name eq", "the end"),
        ("Name eq 'a' and", "the end"),
        ("Name eq 'a' 'b'", '"b"'),
        ("Name eq 'a", "at character 7"),
        ("round(Name) eq 1", '"round"'),
        ("startswith(Name)", "2 arguments"),
        ("(" * 60 + "true" + ")" * 60, "nested"),
        ("Name eq 'a' # b", "at character 11"),
    ],
)
async def test_10_filters_that_cannot_be_used_are_told_why(text: str, named: str) -> None:
    with pytest.raises(TeosError) as refused:
        Filter(parse_filter(text), ASSET)
    assert (refused.value.status, refused.value.code) == (400, "12001")
    assert named in refused.value.message


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def known() -> dict[Any, Any]:
    """What the tests of this module share on each store."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def collection(known: dict[Any, Any], make_issuer: Any, application: Application, shared_engine: str) -> Any:
    """An issuer with the assets kiln, fan and mill, the kiln linked to both others, and one pending transaction."""
    if application not in known:
        issuer = await make_issuer(application, shared_engine)
        ids = await issuer.assets("kiln", "fan", "mill")
        await issuer.link(ids[0], *ids[1:])
        await issuer.place_links(ids[0], ids[1], operation="UnlinkAssets")
        known[application] = ({"token": issuer.token, "apiKey": issuer.api_key}, issuer.account, ids)
    credential, account, ids = known[application]
    issuer = await make_issuer(application, shared_engine, credential)
    issuer.account = account
    issuer.http.headers["authorization"] = f"bearer {issuer.token}"
    return issuer, ids


async def test_10_queries_over_the_wire(collection: Any) -> None:
    issuer, [kiln, fan, mill] = collection
    signer = issuer.account.address
    for text, count in (
        (f"((SignedBy eq '{signer}')) AND ((State eq null) OR (State eq 1))", 1),
        (f"SignedBy in('{signer}', 'b') and State ne 'Confirmed'", 1),
        (f"SignedBy in('{signer.lower()}') and State eq 'Confirmed'", 4),
        ("State eq 'Committed'", 0),
    ):
        found = await issuer.get(f"/Transactions?%24filter={quote(text)}&$count=true")
        assert (found["@odata.count"], len(found["value"])) == (count, count), text
    names = await issuer.get("/assets/?$filter=startsWith(Name, 'k') or Name eq 'mill'&$orderby=Name desc&$select=Name")
    assert names["value"] == [{"Name": "mill"}, {"Name": "kiln"}]
    linked = await issuer.get(f"/Assets?$filter=AssetLinkIds/any(a: a eq '{fan.lower()}')&$select=Id")
    assert linked["value"] == [{"Id": kiln}]
    mine = await issuer.get("/Transactions/My?$top=2&$skip=1&$orderby=OnCreated desc")
    assert [entity["State"] for entity in mine["value"]] == ["Confirmed", "Confirmed"]
    assert "@odata.nextLink" not in mine
    for query, target in (
        ("/Assets?$filter=State eq 'CreatedInTeos'", "State"),
        ("/Assets?$select=Colour", "Colour"),
        ("/Assets?$orderby=Colour", "Colour"),
        ("/Assets?$expand=AssetLinkIds", "$expand"),
        ("/Transactions?$apply=aggregate(x)", "$apply"),
        ("/Transactions?$top=many", "$top"),
    ):
        refused = await issuer.json("GET", query, 400)
        assert refused["code"] == "12001"
        assert target in refused["details"][0]["target"] + refused["message"]
    assert len((await issuer.get("/Assets?filter=Name eq 'kiln'&$expand=Translations"))["value"]) >= 3
    for path in (
        f"/Assets/{mill}",
        f"/assets('{mill.lower()[2:]}')",
        f"/Assets(Id='{mill}')/",
        f"/Assets(%27{mill}%27)",
    ):
        assert (await issuer.get(path))["Id"] == mill


async def test_10_pages_follow_each_other(issuer: Any) -> None:
    placed = await asyncio.gather(*(issuer.place_asset(f"n{number}") for number in range(120)))
    query = f"$filter=SignedBy eq '{issuer.account.address}'&$count=true&$select=Id"
    sizes, seen, link = [], [], f"{issuer.url}/Transactions?{query}"
    while link:
        answer = (await issuer.http.get(link)).json()
        assert answer["@odata.count"] == 120
        sizes.append(len(answer["value"]))
        seen += [entity["Id"] for entity in answer["value"]]
        link = answer.get("@odata.nextLink")
    assert sizes == [50, 50, 20]
    assert sorted(seen) == sorted(entity["Id"] for entity in placed)
    first = await issuer.get("/Transactions?$top=60")
    second = (await issuer.http.get(first["@odata.nextLink"])).json()
    assert (len(first["value"]), len(second["value"])) == (50, 10)
    assert "@odata.nextLink" not in second


async def test_11_python_odata_works(collection: Any) -> None:
    issuer, [kiln, *_] = collection
    others = await issuer.assets("lathe")

    def work() -> list[str]:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {issuer.token}"
            service = odata.ODataService(issuer.url, session=session, reflect_entities=True, quiet_progress=True)
            assets = service.entities["Assets"]
            query = service.query(assets)
            found = query.filter(assets.Name.startswith("ki")).limit(5).all()
            with pytest.raises(ODataConnectionError):  # the client cannot read the answer that it asked for
                found[0].LinkAssets(targetAssetIds=others)
            return [entity.Name for entity in found]

    assert await asyncio.to_thread(work) == ["kiln"]
    newest = (await issuer.get("/Transactions/My?$orderby=OnCreated desc&$top=1"))["value"][0]
    assert (newest["Type"], newest["State"]) == ("AddAssetLinks", "Received")
    assert orjson.loads(newest["DataAsJson"]) == {"SourceAssetId": kiln, "TargetAssetIds": others}


async def test_11_paths_in_every_form_mean_the_same(collection: Any) -> None:
    issuer, [kiln, _, mill] = collection
    body = {"targetAssetIds": [mill]}
    for path in (
        f"/Assets('{kiln}')/Teos.Api.Model.UnlinkAssets",
        f"/assets('{kiln.lower()}')/unlinkassets",
        f"/ASSETS({kiln})/UnlinkAssets/",
        f"/Assets/{kiln}/UnlinkAssets",
    ):
        placed = await issuer.json("POST", path, 202, body)
        assert placed["Type"] == "DeleteAssetLinks"
        for form in (f"({placed['Id']})", f"('{placed['Id'].upper()}')", f"/{placed['Id']}"):
            assert (await issuer.get(f"/transactions{form}/GetSigningParameters"))["ChainId"] == "7512"
    for version in ("v0.8", "v0.9", "v1.1"):
        url = issuer.url.replace("v1.0", version)
        assert (await issuer.http.get(f"{url}/Ping")).status_code == 200
    key = {"authorization": f"BEARER {issuer.api_key}"}
    assert (await issuer.http.get("/Transactions/My", headers=key)).json()["code"] == "11001"
    assert (await issuer.http.get("/Transactions", headers=key)).status_code == 200


async def test_documents_and_tables(collection: Any) -> None:
    issuer, _ = collection
    root = issuer.url.removesuffix("/odata/v1.0")
    async with httpx.AsyncClient() as nobody:
        assert ElementTree.fromstring((await nobody.get(f"{issuer.url}/$metadata")).content).tag.endswith("Edmx")
        model = (await nobody.get(f"{issuer.url}/$metadata?$format=json")).json()
        assert model["Teos.Api.Model"]["Asset"]["$Key"] == ["Id"]
        balances = model["Teos.Api.Model"]["GetAssetsBalances"][0]
        assert [each["$Name"] for each in balances["$Parameter"]] == ["bindingParameter", "addresses", "uniqueAssetIds"]
        amendment, log = (model["Teos.Api.Model"][name][0] for name in ("Amendment", "ChangeLog"))
        assert amendment["$Parameter"][-1]["$Type"] == "Teos.Api.Model.CustomDefinitionItem"
        assert log["$ReturnType"] == {"$Collection": True, "$Type": "Teos.Api.Model.AssetVersion"}
        assert model["Teos.Api.Model"]["AssetMetaData"]["Version"]["$Type"] == "Edm.Int32"
        assert model["Teos.Api.Model.Enums"]["TransactionType"]["ActivateAmendments"] == 11
        names = [entry["name"] for entry in (await nobody.get(f"{issuer.url}/")).json()["value"]]
        assert names[:3] == ["Assets", "Transactions", "Wallets"]
        assert (await nobody.get(f"{root}/version")).json()["version"]
        for health in ("summary", "details"):
            assert (await nobody.get(f"{root}/health/{health}")).status_code == 200
        assert (await nobody.post(f"{root}/api/v1.1/events/queue")).status_code == 501
    answer = await issuer.http.get("/Languages?$filter=Code eq 'de'")
    assert answer.headers["odata-version"] == "4.0"
    assert answer.json()["@odata.context"] == f"{issuer.url}/$metadata#Languages"
    bare = await issuer.http.get(
        "/Countries(Code='EARTH',LanguageCode='en')", headers={"accept": "a/b;odata.metadata=none"}
    )
    assert bare.json() == {"Code": "EARTH", "LanguageCode": "en", "Name": "Earth"}
    for path, status in (("/Units", 200), ("/AssetClasses('A017')", 200), ("/Units('ell')", 404), ("/Warps", 501)):
        assert (await issuer.http.get(path)).status_code == status, path
    assert (await issuer.http.delete("/Units")).status_code == 405
    assert (await issuer.http.get("/Nowhere/to/go/at/all")).status_code == 404


async def test_wallets(lone_issuer: Any, make_issuer: Any, application: Application, shared_engine: str) -> None:
    issuer = lone_issuer
    [wallet] = (await issuer.get("/Wallets/My"))["value"]
    assert wallet["EthereumAddress"] == issuer.account.address
    again = await issuer.json("POST", "/Wallets", 400, {"Name": "b", "EthereumAddress": issuer.account.address.lower()})
    assert (again["code"], again["details"][0]["code"]) == ("22000", "2024")
    stranger = await make_issuer(application, shared_engine)
    assert (await stranger.http.get(f"/Wallets({wallet['Id']})")).status_code == 403
    assert (await stranger.http.delete(f"/Wallets({wallet['Id']})")).status_code == 403
    assert (await issuer.http.delete(f"/Wallets('{wallet['Id']}')")).status_code == 204
    assert (await issuer.http.get(f"/Wallets({wallet['Id']})")).status_code == 404
    refused = await issuer.http.post("/Assets", content=orjson.dumps({"Author": issuer.account.address}))
    assert refused.json()["code"] == "12001"


async def test_assets_of_other_clients_can_be_linked_to(collection: Any) -> None:
    issuer, [kiln, *_] = collection
    await issuer.native("models", "writeAsset", body={"model": "Room", "engineGroup": "commons", "measures": []})
    await issuer.native("assets", "create", body={"model": "Room", "reference": "1"})
    [room] = (await issuer.get("/Assets?$filter=Name eq 'Room-1'"))["value"]
    assert (room["Author"], room["State"]) == (None, "CreatedInTeos")
    await issuer.link(kiln, room["Id"])
    assert room["Id"] in await issuer.links(kiln)
    refused = await issuer.json("POST", f"/Assets('{room['Id']}')/LinkAssets", 400, {"targetAssetIds": [kiln]})
    assert [detail["code"] for detail in refused["details"]] == ["1002"]
