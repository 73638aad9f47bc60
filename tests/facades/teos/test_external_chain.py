"""The same flow on a chain elsewhere: eth-tester behind JSON-RPC (facades 3.12; 3.14, case 12)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from web3 import EthereumTesterProvider, Web3
from web3.exceptions import TransactionNotFound

pytestmark = pytest.mark.asyncio(loop_scope="session")
SINK: Any = "0x600b80600b6000396000f3366000600037366000a000"
"""Deploys code that logs what it is called with."""


class Node:
    """A chain in this process, and what it answers.

    Attributes:
        chain: asked directly.
        contract: address of a contract that takes any call.
    """

    def __init__(self) -> None:
        self.chain: Any = Web3(EthereumTesterProvider())
        self.rich = self.chain.eth.accounts[0]
        deployed = self.chain.eth.send_transaction({"from": self.rich, "data": SINK})
        self.contract = str(self.chain.eth.wait_for_transaction_receipt(deployed)["contractAddress"])
        self._turn = threading.Lock()

    def fund(self, address: str) -> None:
        """Give somebody the means to pay for gas."""
        self.chain.eth.send_transaction({"from": self.rich, "to": address, "value": 10**18})

    def answer(self, method: str, params: list[Any]) -> Any:
        """The result of a JSON-RPC request."""
        eth = self.chain.eth
        with self._turn:
            if method == "eth_getTransactionReceipt":
                return self._receipt(params[0])
            if method == "eth_sendRawTransaction":
                return eth.send_raw_transaction(params[0]).to_0x_hex()
            if method == "eth_getTransactionCount":
                return hex(eth.get_transaction_count(params[0]))
            if method == "eth_getBalance":
                return hex(eth.get_balance(params[0]))
            if method == "eth_estimateGas":
                return hex(eth.estimate_gas(params[0]))
            return hex({"eth_chainId": eth.chain_id, "eth_gasPrice": eth.gas_price}.get(method, eth.block_number))

    def _receipt(self, hash: str) -> Any:
        try:
            found = self.chain.eth.get_transaction_receipt(hash)
        except TransactionNotFound:
            return None
        numbers = {name: hex(found[name]) for name in ("status", "gasUsed", "blockNumber")}
        return {"transactionHash": hash, **numbers}


@pytest.fixture(scope="module")
def node() -> Node:
    """A chain."""
    return Node()


@pytest.fixture(scope="module")
def rpc_url(node: Node) -> Iterator[str]:
    """Where the chain answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
            try:
                told["result"] = node.answer(asked["method"], asked["params"])
            except Exception as error:
                told["error"] = {"code": -32000, "message": str(error)}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def settings(rpc_url: str, node: Node) -> dict[str, Any]:
    """The server writes to the chain."""
    chain = {"teos_rpc_url": rpc_url, "teos_contract": node.contract}
    return {**chain, "teos_confirmations": 0, "teos_poll": 0.02}


async def test_12_the_chain_has_what_was_signed(issuer: Any, node: Node) -> None:
    poor = await issuer.place_asset("a")
    refused = await issuer.post(poor, await issuer.sign(poor))
    assert refused.status_code == 400
    assert [detail["code"] for detail in refused.json()["details"]] == ["20003"]
    assert (await issuer.get(f"/Transactions({poor['Id']})"))["State"] == "Received"

    node.fund(issuer.account.address)
    a, b = await issuer.assets("a", "b")
    await issuer.link(a, b)
    placed = await issuer.place_links(a, b, operation="UnlinkAssets")
    raw = await issuer.sign(placed)
    assert (await issuer.post(placed, raw)).status_code == 202
    confirmed = await issuer.settled(placed)
    assert confirmed["State"] == "Confirmed"
    receipt = node.chain.eth.get_transaction_receipt(confirmed["BlockchainTransactionId"])
    assert receipt["transactionHash"].to_0x_hex() == confirmed["BlockchainTransactionId"]
    assert str(receipt["gasUsed"]) == confirmed["GasUsed"]
    assert await issuer.links(a) == []
    assert await issuer.height() == 4
    [funds] = (await issuer.get(f"/Balances/GetEthBalances(addresses=['{issuer.account.address}'])"))["value"]
    assert funds == {"Address": issuer.account.address, "Balance": str(node.chain.eth.get_balance(funds["Address"]))}
    again = await issuer.post(placed, raw)
    assert [detail["code"] for detail in again.json()["details"]] == ["10402"]
