"""A server in this process and clients of TEOS: plain REST over httpx, signatures by `eth-account`."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from eth_account import Account
from eth_account.signers.local import LocalAccount

from device_manager.app import Application
from device_manager.call import Call
from device_manager.security.foreign_credentials import Interface

SERVICE = "/odata/v1.0"
ON_THE_WAY = frozenset({"Received", "Submitted", "Committed"})


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The server confirms soon, and its searches do not reach far, so that a hundred records are many."""
    return {"teos_confirm_delay": 0.01, "search_size": 60}


class Issuer:
    """Somebody with a credential in an engine, and with a key that signs.

    Attributes:
        account: the key.
        http: sends requests with the token.
    """

    def __init__(self, base: str, engine: str, made: dict[str, Any], application: Application | None = None) -> None:
        self.application = application
        self.engine = engine
        self.base = base
        self.token: str = made["token"]
        self.api_key: str = made["apiKey"]
        self.account: LocalAccount = Account.create()
        self.url = base + SERVICE
        self.http = httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {self.token}"}, timeout=30)

    async def json(self, verb: str, path: str, status: int, body: Any = None) -> Any:
        """The body of an answer that has to have a status."""
        answer = await self.http.request(verb, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def get(self, path: str) -> Any:
        """The body of the answer to a GET."""
        return await self.json("GET", path, 200)

    async def native(self, controller: str, action: str, body: Any = None, **args: Any) -> Any:
        """The result of an action, in the engine."""
        args = {"engineId": self.engine} | args
        if self.application is None:
            request = {"controller": f"device-manager/{controller}", "action": action, "body": body} | args
            answer = await self.http.post(f"{self.base}/_query", json=request, headers={"authorization": ""})
            assert answer.status_code == 200, answer.text
            return answer.json()["result"]
        return await self.application.router.call(f"device-manager/{controller}", action, args=args, body=body)

    async def add_wallet(self) -> None:
        """Say whose the key is."""
        wallet = {"Name": "Main", "EthereumAddress": self.account.address, "Signable": True}
        await self.json("POST", "/Wallets", 201, wallet)

    async def place_asset(self, name: str, **members: Any) -> dict[str, Any]:
        """A transaction that is going to create an asset."""
        content = {
            "Author": self.account.address,
            "Name": name,
            "Description": f"The asset {name}",
            "LanguageCode": "en",
            "JurisdictionCode": "EARTH",
        }
        placed: dict[str, Any] = await self.json("POST", "/Assets", 202, content | members)
        return placed

    async def sign(self, transaction: dict[str, Any], by: LocalAccount | None = None, **changes: Any) -> bytes:
        """The raw transaction, signed with the parameters that the server gives, but for `changes`."""
        given = await self.get(f"/Transactions({transaction['Id']})/GetSigningParameters")
        fields = {
            "nonce": int(given["Nonce"]),
            "gasPrice": int(given["GasPrice"]),
            "gas": int(given["GasLimit"]),
            "to": given["TargetAddress"],
            "value": int(given["Amount"]),
            "data": given["DataToSign"],
            "chainId": int(given["ChainId"]),
        }
        fields = {name: value for name, value in (fields | changes).items() if value is not None}
        return bytes((by or self.account).sign_transaction(fields).raw_transaction)

    async def post(self, transaction: dict[str, Any], raw: bytes | str, signer: str | None = None) -> httpx.Response:
        """The answer to Submit."""
        text = raw if isinstance(raw, str) else raw.hex()
        body = {"SignerAddress": signer or self.account.address, "SignedTransaction": text, "Description": ""}
        return await self.http.post(f"/Transactions({transaction['Id']})/Submit", json=body)

    async def submit(self, transaction: dict[str, Any]) -> dict[str, Any]:
        """Sign and submit; the transaction once nothing more happens to it."""
        answer = await self.post(transaction, await self.sign(transaction))
        assert answer.status_code == 202, answer.text
        return await self.settled(transaction)

    async def settled(self, transaction: dict[str, Any], *before: str) -> dict[str, Any]:
        """A transaction once nothing more happens to it, or once it is in a state that is not among `before`."""
        while True:
            shown: dict[str, Any] = await self.get(f"/Transactions({transaction['Id']})")
            if shown["State"] not in (before or ON_THE_WAY):
                return shown
            await asyncio.sleep(0.02)

    async def assets(self, *names: str) -> list[str]:
        """The ids of new assets."""
        ids = []
        for name in names:
            placed = await self.place_asset(name)
            assert (await self.submit(placed))["State"] == "Confirmed"
            ids.append(json.loads(placed["DataAsJson"])["Asset"]["UniqueAssetId"])
        return ids

    async def place_links(self, source: str, *targets: str, operation: str = "LinkAssets") -> dict[str, Any]:
        """A transaction that is going to change links."""
        path = f"/Assets('{source}')/{operation}"
        placed: dict[str, Any] = await self.json("POST", path, 202, {"targetAssetIds": list(targets)})
        return placed

    async def link(self, source: str, *targets: str) -> None:
        """Link assets."""
        assert (await self.submit(await self.place_links(source, *targets)))["State"] == "Confirmed"

    async def links(self, source: str) -> list[str]:
        """What an asset is linked to."""
        found: list[str] = (await self.get(f"/Assets('{source}')"))["AssetLinkIds"]
        return found

    async def place_units(self, asset: str, operation: str, **body: Any) -> dict[str, Any]:
        """A transaction that is going to create, transfer or destroy units."""
        placed: dict[str, Any] = await self.json("POST", f"/Assets('{asset}')/{operation}", 202, body)
        return placed

    async def place_amendment(self, asset: str, **members: Any) -> dict[str, Any]:
        """A transaction that is going to change what describes an asset."""
        placed: dict[str, Any] = await self.json("POST", f"/Assets('{asset}')/Amendment", 202, members)
        return placed

    async def total(self, asset: str) -> str:
        """How many sparks of an asset there are."""
        return str((await self.get(f"/Assets('{asset}')/TotalAmount"))["value"])

    async def balances(self, asset: str) -> dict[str, str]:
        """Who has how many sparks of an asset."""
        found = (await self.get(f"/Balances?$filter=UniqueAssetId eq '{asset}'"))["value"]
        return {entity["Address"]: entity["Amount"] for entity in found}

    async def height(self) -> int:
        """How many blocks the ledger has, all of which are right."""
        verdict = await self.native("teos", "verifyLedger")
        assert verdict["ok"], verdict
        return int(verdict["height"])


MakeIssuer = Callable[..., Awaitable[Issuer]]


Credential = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def make_issuer() -> AsyncIterator[MakeIssuer]:
    """Makes issuers: of an application, in an engine that may be there already, with a wallet.

    Each is a user of its own unless it is given the credential of another one.
    """
    made: list[Issuer] = []

    async def make(application: Application, engine: str, credential: Credential | None = None) -> Issuer:
        if engine not in application.twins.catalogue.engines:
            await application.router.call("device-manager/engine", "create", args={"index": engine})
        if credential is None:
            known = application.security.foreign_credentials
            credential = await known.create(Interface.TEOS, engine, None, Call())
        issuer = Issuer(f"http://127.0.0.1:{application.gateway.port}", engine, credential, application)
        made.append(issuer)
        await issuer.add_wallet()
        return issuer

    yield make
    for issuer in made:
        await issuer.http.aclose()


@pytest.fixture(scope="module")
def shared_engine() -> str:
    """The name of an engine that the tests of a module share: each has issuers of its own."""
    return f"plant-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def credentials() -> dict[Application, Credential]:
    """The credential that the tests of a module share on each store: making one takes longer than many tests."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def issuer(
    make_issuer: MakeIssuer, application: Application, shared_engine: str, credentials: dict[Application, Credential]
) -> Issuer:
    """A new key and its wallet, of the one user of the module, in the engine of the module."""
    issuer = await make_issuer(application, shared_engine, credentials.get(application))
    credentials[application] = {"token": issuer.token, "apiKey": issuer.api_key}
    return issuer


@pytest_asyncio.fixture(loop_scope="session")
async def lone_issuer(make_issuer: MakeIssuer, application: Application, shared_engine: str) -> Issuer:
    """An issuer that is a user of its own, in the engine of the module."""
    return await make_issuer(application, shared_engine)


@pytest_asyncio.fixture(loop_scope="session")
async def make_distant_issuer() -> AsyncIterator[Callable[..., Awaitable[Issuer]]]:
    """Makes issuers in new engines of servers that are processes of their own, by their URL."""
    made: list[Issuer] = []

    async def make(base: str, engine: str) -> Issuer:
        async with httpx.AsyncClient(base_url=base, timeout=60) as http:
            query = {"controller": "device-manager/engine", "action": "create", "index": engine}
            (await http.post("/_query", json=query)).raise_for_status()
            query = {"controller": "device-manager/credentials", "action": "create", "engineId": engine}
            answer = await http.post("/_query", json=query | {"interface": "teos"})
        issuer = Issuer(base, engine, answer.json()["result"])
        made.append(issuer)
        await issuer.add_wallet()
        return issuer

    yield make
    for issuer in made:
        await issuer.http.aclose()
