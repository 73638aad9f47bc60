"""A chain elsewhere, spoken to by JSON-RPC; needs the extra `teos-chain` (facades 3.12)."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.facades.teos.chain.contract import Receipt, Terms
from device_manager.facades.teos.errors import UNEXPECTED, TeosError, of_transaction
from device_manager.facades.teos.ethereum import keccak

T = TypeVar("T")

REASONS = (
    ("nonce too low", 20002),
    ("nonce too high", 10024),
    ("insufficient funds", 20003),
    ("cannot afford", 20003),
)
"""What the messages of chains hold, and the code that it stands for."""
KNOWN = ("already known", "known transaction", "already imported")
OTHER = 20000


class ExternalChain:
    """See `Chain`.

    Args:
        url: of the JSON-RPC service.
        contract: address that the signed calls go to.
        gas_limit: proposed where the chain cannot tell what a call costs.
        confirmations: blocks above a transaction's before it is there to stay.
        poll: seconds between two looks at the chain.
    """

    keeps_nonces = False

    def __init__(self, url: str, contract: str, gas_limit: int, confirmations: int, poll: float) -> None:
        self._url = url
        self._contract = contract
        self._gas_limit = gas_limit
        self._confirmations = confirmations
        self._poll = poll
        self._opened: Any = None

    async def terms(self, engine: str, signer: str, call: bytes) -> Terms:
        """See `Chain.terms`."""
        return await self._ask(lambda chain: self._terms(chain, signer, call))

    def _terms(self, chain: Any, signer: str, call: bytes) -> Terms:
        target = chain.to_checksum_address(self._contract)
        nonce = chain.eth.get_transaction_count(signer, "pending")
        limit = self._gas_limit
        if call:
            try:
                limit = max(limit, chain.eth.estimate_gas({"from": signer, "to": target, "data": "0x" + call.hex()}))
            except _module("web3.exceptions").Web3Exception:
                limit = self._gas_limit
        return Terms(target, chain.eth.chain_id, nonce, chain.eth.gas_price, limit)

    async def funds(self, addresses: Sequence[str]) -> dict[str, int]:
        """See `Chain.funds`."""
        return await self._ask(lambda chain: {address: int(chain.eth.get_balance(address)) for address in addresses})

    async def send(self, raw: bytes) -> None:
        """See `Chain.send`."""
        await self._ask(lambda chain: self._send(chain, raw))

    def _send(self, chain: Any, raw: bytes) -> None:
        if _receipt(chain, "0x" + keccak(raw).hex()) is not None:
            return
        try:
            chain.eth.send_raw_transaction(raw)
        except _module("web3.exceptions").Web3RPCError as error:
            message = str(error.message)
            lower = message.lower()
            if any(known in lower for known in KNOWN):
                return
            code = next((code for text, code in REASONS if text in lower), OTHER)
            raise of_transaction(code, f"The chain refuses the transaction: {message}") from error

    async def receipt(self, hash: str, call: bytes) -> Receipt | None:
        """See `Chain.receipt`."""
        found = await self._ask(lambda chain: _receipt(chain, hash))
        if found is None:
            await asyncio.sleep(self._poll)
        return found

    async def is_final(self, receipt: Receipt) -> bool:
        """See `Chain.is_final`."""
        if await self._ask(lambda chain: int(chain.eth.block_number)) >= receipt.block + self._confirmations:
            return True
        await asyncio.sleep(self._poll)
        return False

    async def check(self, hash: str) -> bool:
        """See `Chain.check`."""
        return await self._ask(lambda chain: _receipt(chain, hash)) is not None

    async def _ask(self, question: Callable[[Any], T]) -> T:
        """The chain's answer, which is waited for beside the event loop.

        Raises:
            TeosError: 500 without the extra, what the chain refuses.
            ApiError: `services.storage.unavailable`.
        """
        if self._opened is None:
            web3 = _module("web3")
            self._opened = web3.Web3(web3.Web3.HTTPProvider(self._url))
        chain = self._opened
        try:
            return await asyncio.to_thread(question, chain)
        except (TeosError, ApiError):
            raise
        except (OSError, _module("web3.exceptions").Web3Exception) as error:
            raise api_error("services.storage.unavailable", f"the chain does not answer: {error}") from error


def _receipt(chain: Any, hash: str) -> Receipt | None:
    try:
        found = chain.eth.get_transaction_receipt(hash)
    except _module("web3.exceptions").TransactionNotFound:
        return None
    return Receipt(found["status"] == 1, found["gasUsed"], found["blockNumber"])


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        text = f'This server cannot speak to a chain: install "device-manager[teos-chain]" ({error}).'
        raise TeosError(500, UNEXPECTED, text) from error
