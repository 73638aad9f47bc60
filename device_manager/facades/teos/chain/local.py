"""The ledger of this server as a chain: it takes what is submitted, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from device_manager.facades.teos.chain.contract import Receipt, Terms
from device_manager.facades.teos.ethereum import contract_address, gas_used
from device_manager.facades.teos.records import SIGNER, record_key
from device_manager.storage.contract import Key, Store


class LocalChain:
    """See `Chain`.

    Args:
        store: where the nonces of signers are.
        chain_id: number of the chain.
        gas_price, gas_limit: what clients are proposed.
        delay: seconds between a commit and its confirmation.
    """

    keeps_nonces = True

    def __init__(self, store: Store, chain_id: int, gas_price: int, gas_limit: int, delay: float) -> None:
        self._store = store
        self._chain_id = chain_id
        self._gas_price = gas_price
        self._gas_limit = gas_limit
        self._delay = delay

    async def terms(self, engine: str, signer: str, call: bytes) -> Terms:
        """See `Chain.terms`."""
        key = signer_key(engine, signer)
        document = (await self._store.read((key,))).get(key)
        nonce = 0 if document is None else document.source["next"]
        limit = max(self._gas_limit, gas_used(call))
        return Terms(contract_address(engine), self._chain_id, nonce, self._gas_price, limit)

    async def funds(self, addresses: Sequence[str]) -> dict[str, int]:
        """See `Chain.funds`: there is no money here."""
        return dict.fromkeys(addresses, 0)

    async def send(self, raw: bytes) -> None:
        """See `Chain.send`: committing is all that happens."""

    async def receipt(self, hash: str, call: bytes) -> Receipt | None:
        """See `Chain.receipt`."""
        return Receipt(True, gas_used(call))

    async def is_final(self, receipt: Receipt) -> bool:
        """See `Chain.is_final`."""
        await asyncio.sleep(self._delay)
        return True

    async def check(self, hash: str) -> bool:
        """See `Chain.check`: the block tells."""
        return True


def signer_key(engine: str, address: str) -> Key:
    """Where it is counted how many transactions of an address were accepted."""
    return record_key(engine, SIGNER, address.lower())
