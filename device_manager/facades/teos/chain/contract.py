"""What every chain does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Terms(NamedTuple):
    """What a client is asked to sign, beside its call.

    Attributes:
        target: checksummed address.
        chain_id: number of the chain.
        nonce: of the signer's next transaction.
        gas_price, gas_limit: proposals.
    """

    target: str
    chain_id: int
    nonce: int
    gas_price: int
    gas_limit: int


class Receipt(NamedTuple):
    """What became of a transaction.

    Attributes:
        accepted: whether the chain carried it out.
        gas_used: what it cost.
        block: number of its block; 0 where the ledger of this server is all there is.
    """

    accepted: bool
    gas_used: int
    block: int = 0


class Chain(Protocol):
    """Takes signed transactions.

    Attributes:
        keeps_nonces: whether this server counts the transactions of signers, since nobody else does.
    """

    keeps_nonces: bool

    async def terms(self, engine: str, signer: str, call: bytes) -> Terms:
        """What a signer has to sign now."""

    async def funds(self, addresses: Sequence[str]) -> dict[str, int]:
        """How much money of the chain each address has, in Wei."""

    async def send(self, raw: bytes) -> None:
        """Hand a transaction over; one that the chain has already is fine.

        Raises:
            TeosError: 32000 with the reason of the chain.
        """

    async def receipt(self, hash: str, call: bytes) -> Receipt | None:
        """What became of a transaction; None, after a while, when nobody knows yet."""

    async def is_final(self, receipt: Receipt) -> bool:
        """Wait for a while, then say whether the transaction is there to stay."""

    async def check(self, hash: str) -> bool:
        """Whether the chain still has the transaction."""
