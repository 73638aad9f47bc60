"""What the store finds is what the filter matches, in one search where that can be, and however much there is.

See facades 3.4.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from device_manager.app import Application
from device_manager.facades.teos.odata.evaluate import Filter
from device_manager.facades.teos.odata.listing import Listed, Page, select
from device_manager.facades.teos.odata.options import Options, read_options
from device_manager.facades.teos.odata.parser import parse_filter
from device_manager.facades.teos.odata.schema import ASSET, STATES, TRANSACTION, TYPES
from device_manager.facades.teos.odata.translation import Translation
from device_manager.facades.teos.records import TRANSACTION as KIND
from device_manager.facades.teos.records import Source, record_key
from device_manager.facades.teos.transactions import DATES, Transactions
from device_manager.query.tree import Query
from device_manager.storage.contract import Put, PutKind

pytestmark = pytest.mark.asyncio(loop_scope="session")
BEGIN = 1_750_000_000_000
"""2025-06-15T15:06:40Z."""
SIGNERS = tuple(f"0x{digit * 39}{letter}" for digit, letter in (("1", "A"), ("2", "b"), ("3", "F")))
GUIDS = tuple(f"00000000-0000-4000-8000-{number:012x}" for number in range(45))
VALUES = {
    "Id": [f"'{GUIDS[3].upper()}'", GUIDS[40], "'no id'", "null"],
    "State": ["null", "1", "'3'", "'Confirmed'", "Teos.Api.Model.Enums.TransactionState'RevokedByUser'", "9", "2.5"],
    "Type": ["'ActivateAsset'", "44", "'2'", "'Unheard'", "null"],
    "SignedBy": [f"'{SIGNERS[0].lower()}'", f"'{SIGNERS[2]}'", "'0x'", "null", "5"],
    "BlockchainTransactionId": ["null", "'0xAB01'", "'0xab02'"],
    "CorrelationId": [GUIDS[5], f"'{GUIDS[6].upper()}'", "null"],
    "OnCreated": ["2025-06-15T15:06:40.007Z", "2025-06-15T17:06:40.0205+02:00", "2025-06-16", "'soon'", "null", "7"],
    "OnSubmitted": ["null", "2025-06-15T15:06:41Z", "2025-06-15T15:06:40.999999Z"],
    "OnUpdated": ["2025-06-15T15:06:40.040Z"],
    "GasUsed": ["'0'", "'21000'", "'9'", "''", "null", "21000"],
    "DataAsJson": ["'{}'", "null"],
}
CALLS = [
    f"{name}({member}, '{text}')"
    for name in ("startswith", "endswith", "contains")
    for member, text in (("SignedBy", "0x1"), ("SignedBy", "A"), ("GasUsed", ""), ("GasUsed", "*"), ("State", "Re"))
] + ["length(SignedBy) eq 42", "tolower(State) eq 'received'", "endswith(SignedBy, 'b') eq true", "true", "false"]
ORDERS = ("", "OnCreated desc", "GasUsed,OnCreated", "GasUsed desc", "SignedBy,OnCreated", "State desc", "OnSubmitted")


def transactions(engine: str) -> Iterator[Put]:
    """Transactions, each property with several values and without any."""
    chance = random.Random(7)
    for number, guid in enumerate(GUIDS):
        moment = BEGIN + number
        source: Source = {
            "engine": engine,
            "kind": KIND,
            "type": chance.choice(tuple(TYPES)),
            "state": chance.choice(STATES),
            "createdAt": moment,
            "onCreated": moment,
            "updatedAt": moment + chance.randrange(3) * 20,
            "signedBy": chance.choice(SIGNERS),
            "kuid": "somebody",
            "correlation": GUIDS[number // 2],
            "data": "{}",
            "gasPrice": "1",
            "gasUsed": chance.choice(("0", "9", "21000", "2*")),
            "parameters": {},
        }
        for name in list(DATES.values())[1:]:
            if chance.random() < 0.5:
                source[name] = BEGIN + chance.randrange(2) * 1000
        if chance.random() < 0.5:
            source["hash"] = f"0xab0{chance.randrange(3)}"
        yield Put(PutKind.INDEX, record_key(engine, KIND, guid), source)


def filters() -> Iterator[str]:
    """Every operator with every value, functions, and combinations of those."""
    operators = ("eq", "ne", "gt", "ge", "lt", "le")
    simple = [f"{name} {op} {value}" for name, values in VALUES.items() for value in values for op in operators]
    simple += [f"{value} {op} {name}" for name, (value, *_) in VALUES.items() for op in ("ge", "ne")]
    simple += [f"{name} in ({', '.join(values)})" for name, values in VALUES.items()] + CALLS
    yield from simple
    chance = random.Random(11)
    for _ in range(30):
        one, two, three = (chance.choice(simple) for _ in range(3))
        yield f"not ({one}) and ({two} or {three})"
        yield f"({one} or not {two}) and {three}" if " " not in two else f"{one} or not ({two} and {three})"


class Once:
    """See `Listed`: a set whose store is asked each query once, since many filters become the same one."""

    kind = TRANSACTION

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self.translate, self.can_sort = listed.translate, listed.can_sort
        self._pages: dict[Query, Page] = {}
        self._batches: dict[Query, list[list[dict[str, Any]]]] = {}

    async def search(self, translation: Translation, options: Options, size: int) -> Page:
        if translation.query not in self._pages:
            self._pages[translation.query] = await self._listed.search(translation, options, size)
        return self._pages[translation.query]

    async def scan(self, query: Query) -> AsyncGenerator[list[dict[str, Any]], None]:
        if query not in self._batches:
            self._batches[query] = [batch async for batch in self._listed.scan(query)]
        for batch in self._batches[query]:
            yield batch


async def test_the_store_finds_what_matches(application: Application, issuer: Any) -> None:
    engine = f"{issuer.engine}-queries"
    await application.store.put(list(transactions(engine)))
    listed = Transactions(application.store, *[None] * 3, binds_chain=True, numbers_states=False).listed(engine)  # type: ignore[arg-type]
    everything = (await select(listed, options_of(), 100, 100)).entities
    assert [entity["Id"] for entity in everything] == list(GUIDS)
    exact, once = 0, Once(listed)
    for text in filters():
        node = parse_filter(text)
        exact += listed.translate(node).is_exact
        found = await select(once, options_of(f"$filter={quote(text)}&$count=true"), 100, 100)
        wanted = [entity["Id"] for entity in everything if Filter(node, TRANSACTION).matches(entity)]
        assert ([entity["Id"] for entity in found.entities], found.total) == (wanted, len(wanted)), text
    assert exact > 200
    for order in ORDERS:
        for window in (100, 0):  # by the store, and through everything
            options = options_of(f"$filter=State ne 'Confirmed'&$orderby={order}&$skip=7&$top=20&$count=true")
            found = await select(listed, options, 50, window)
            matching = options.ordered(options.matching(everything), TRANSACTION)
            assert [entity["Id"] for entity in found.entities] == [entity["Id"] for entity in matching[7:27]], order
            assert found.total == len(matching)


def options_of(query: str = "") -> Options:
    """The options of a query string."""
    return read_options(query.encode(), TRANSACTION)


async def test_a_query_costs_one_search_however_much_there_is(application: Application, issuer: Any) -> None:
    trips = application.store.round_trips

    async def searches(path: str) -> int:
        """How many a query takes; what the server looks for meanwhile comes on top now and then."""
        taken = []
        for _ in range(4):
            before = trips.searches
            await issuer.get(path)
            taken.append(trips.searches - before)
        return min(taken)

    for _ in range(2):
        for number in range(3):
            await issuer.place_asset(f"n{number}")
        for query in (
            f"SignedBy in ('{issuer.account.address}') and State eq null",
            "State ne 'Confirmed' and OnCreated gt 2026-01-01&$orderby=OnCreated desc&$top=1&$skip=1&$count=true",
        ):
            assert (await issuer.get(f"/Transactions?$filter={query}"))["value"]
            assert await searches(f"/Transactions?$filter={query}") == 1
    assert await searches("/Assets?$filter=startswith(Name, 'no such') or LanguageCode eq 'de'") == 1


@pytest.fixture(scope="module")
def asset_filters() -> list[str]:
    """Filters on assets; `{id}` is the id of one, `{hall}` that of one that another client made."""
    return [
        "Id eq '{id}'",
        "Id in ('{hall}', '{id}', 'none')",
        "Id ne '{id}'",
        "not (Id eq '{hall}' or Id eq '0x9990001')",
        "Id gt '{id}'",
        "Name eq 'Käfer-1' or Name eq '{name}'",
        "startsWith(Name, 'Käfer')",
        "startswith(Name, '{half}')",
        "startswith(Name, '{model}-')",
        "startswith(Name, '{model}')",
        "startswith(Name, '')",
        "contains(Name, 'äfer-1')",
        "endswith(Name, '1')",
        "Name gt 'Käfer-1'",
        "LanguageCode eq 'de'",
        "LanguageCode ne 'de'",
        "LanguageCode eq null and Author eq null",
        "Author eq '{author}' and not (LanguageCode eq 'en')",
        "SparkFactor eq '100' or CurrencyCode eq null",
        "Description eq ''",
        "contains(Description, 'asset')",
        "DocumentDbHash eq null",
        "TransactionId ne null",
        "TransactionId eq '{transaction}'",
        "AssetLinkIds/any(a: a eq '{linked}')",
        "AssetLinkIds/any(a: a eq '{linked}' or a eq '{hall}')",
        "AssetLinkIds/any(a: a in ('{hall}', '0x1'))",
        "AssetLinkIds/any(a: a eq '{gone}')",
        "not AssetLinkIds/any(a: a eq '{hall}')",
        "AssetLinkIds/any()",
        "AssetLinkIds/all(a: a ne '{hall}')",
        "CustomDefinitionItems/any(i: i/Key eq 'k')",
        "CreatedInTeosOn gt 2020-01-01 and Name ne 'Käfer-2'",
        "CreatedInTeosOn lt 2020-01-01 or CreatedInTeosOn eq null",
    ]


async def test_assets_of_all_kinds_are_found(issuer: Any, engine: str, asset_filters: list[str]) -> None:
    model = f"Hall{engine[-6:].title()}"
    items = [{"Key": "k", "Name": "n", "Value": "v"}]
    made = await issuer.place_asset("Käfer-1", LanguageCode="de", SparkFactor="100", CustomDefinitionItems=items)
    await issuer.submit(made)
    [first] = (await issuer.get("/Assets"))["value"]
    a, [b, gone] = first["Id"], await issuer.assets("Käfer-2", "to be deleted")
    await issuer.native("models", "writeAsset", body={"model": model, "engineGroup": "commons", "measures": []})
    for reference in ("1-2", "1-3", "2"):
        await issuer.native("assets", "create", body={"model": model, "reference": reference})
    by_name = {entity["Name"]: entity for entity in (await issuer.get("/Assets"))["value"]}
    hall = by_name[f"{model}-1-2"]["Id"]
    await issuer.link(a, b, hall, gone)
    await issuer.native("assets", "delete", _id=f"TeosAsset-{gone}")
    everything = (await issuer.get("/Assets?$count=true"))["value"]
    assert len(everything) == 5
    words = {"id": a, "linked": b.lower(), "hall": hall, "gone": gone, "name": f"{model}-1-3", "half": f"{model}-1-"}
    words |= {"model": model, "author": issuer.account.address.lower(), "transaction": made["Id"].upper()}
    for template in asset_filters:
        text = template.format(**words)
        found = await issuer.get(f"/Assets?$filter={quote(text)}&$count=true")
        wanted = [entity["Id"] for entity in everything if Filter(parse_filter(text), ASSET).matches(entity)]
        assert ([entity["Id"] for entity in found["value"]], found["@odata.count"]) == (wanted, len(wanted)), text
    for order in ("Name", "Name desc", "LanguageCode desc,Name", "CreatedInTeosOn desc", "AssetLinkIds,Id", "Id"):
        options = read_options(f"$orderby={order}".encode(), ASSET)
        wanted = [entity["Id"] for entity in options.ordered(everything, ASSET)]
        for skip in (0, 2):
            found = await issuer.get(f"/Assets?$orderby={order}&$skip={skip}&$top=2&$count=true")
            assert [entity["Id"] for entity in found["value"]] == wanted[skip : skip + 2], order
            assert found["@odata.count"] == 5
    selected = await issuer.get(f"/Assets?$filter=Id eq '{a}'&$select=Name,CustomDefinitionItems/Key&$format=json")
    assert selected["value"] == [{"Name": "Käfer-1", "CustomDefinitionItems": [{"Key": "k"}]}]
    assert (await issuer.json("GET", "/Assets?$format=atom", 400))["code"] == "12001"


async def test_assets_beyond_the_reach_of_a_search_are_found(
    application: Application, make_issuer: Any, engine: str
) -> None:
    issuer = await make_issuer(application, engine)
    await issuer.native("models", "writeAsset", body={"model": "Bay", "engineGroup": "commons", "measures": []})
    references = [f"{number:03}" for number in range(130)]
    bodies = ({"model": "Bay", "reference": reference} for reference in references)
    await asyncio.gather(*(issuer.native("assets", "create", body=body) for body in bodies))
    names: list[str] = []
    link = f"{issuer.url}/Assets?$select=Name&$count=true"
    while link:
        answer = (await issuer.http.get(link)).json()
        assert answer["@odata.count"] == 130
        names += [entity["Name"] for entity in answer["value"]]
        link = answer.get("@odata.nextLink")
    assert sorted(names) == [f"Bay-{reference}" for reference in references]
    found = await issuer.get("/Assets?$filter=endswith(Name, '29')&$select=Name")
    assert sorted(entity["Name"] for entity in found["value"]) == ["Bay-029", "Bay-129"]
    last = await issuer.get("/Assets?$orderby=Name desc&$skip=128&$select=Name")
    assert last["value"] == [{"Name": "Bay-001"}, {"Name": "Bay-000"}]
