"""The controller `device-manager/teos`: looks into the ledgers that clients of TEOS write to (facades 3.11)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from device_manager.errors import api_error
from device_manager.facades.teos.errors import TeosError
from device_manager.facades.teos.ledger import Ledgers
from device_manager.router.controller import Controller, action
from device_manager.security.scope import Scope
from device_manager.storage.contract import Store
from device_manager.twins.catalogue import Catalogue

MOST = 1000
"""Blocks of one export."""

Number = Annotated[int, msgspec.Meta(ge=1)]


class TeosController(Controller):
    """`device-manager/teos`: verify, look up and export the blocks of an engine's ledger. It changes nothing.

    Args:
        store: where ledgers are.
        catalogue: knows the engines.
    """

    name = "device-manager/teos"
    scope = Scope.ENGINE

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._ledgers = Ledgers(store)
        self._catalogue = catalogue

    @action(http=["GET /_/device-manager/:engineId/teos/ledger/_verify"])
    async def verify_ledger(self, engine_id: str, from_: Number = 1, to: Number | None = None) -> dict[str, Any]:
        """Recompute the hashes, parents, transactions and signers of the blocks of a ledger, or of a part of it.

        What blocks say of documents and links is compared with the calls that were signed.
        Keep `headHash` somewhere else: a ledger that was written anew as a whole is valid in itself, and has another.
        `firstBadBlock` is null when everything is right, and `reason` says what is wrong with that block.

        Example request:

            {"controller": "device-manager/teos", "action": "verifyLedger", "engineId": "tenant-a"}

        Example result:

            {"ok": true, "height": 12, "firstBadBlock": null, "reason": "",
             "headHash": "0xc57de06a7f492a679330e4937b611afa841617c8aa994cd1bff0c34ce7b7acf7"}

        Raises:
            ApiError: `device_manager.engines.not_found`.
        """
        await self._check_engine(engine_id)
        try:
            verdict = await self._ledgers.verify(engine_id, from_, to)
        except TeosError as error:
            raise api_error("plugin.runtime.unexpected_error", error.message) from error
        return {
            "ok": verdict.bad is None,
            "height": verdict.height,
            "headHash": verdict.head,
            "firstBadBlock": verdict.bad,
            "reason": verdict.reason,
        }

    @action(http=["GET /_/device-manager/:engineId/teos/ledger/:number"])
    async def get_block(self, engine_id: str, number: Number) -> dict[str, Any]:
        """A block of a ledger; the first one has the number 1.

        `txHash` is the keccak256 hash of `rawTx`, and its signature tells `from`: anybody can check both.

        Example request:

            {"controller": "device-manager/teos", "action": "getBlock", "engineId": "tenant-a", "number": 12}

        Example result:

            {"number": 12, "timestamp": 1732000000000, "action": "DeleteAssetLinks", "nonce": 4,
             "from": "0x5443b8e6f73272B5CD2b904ed27c59152c3fDE23"}

        Raises:
            ApiError: `device_manager.engines.not_found`, `device_manager.teos.unknown_block`.
        """
        await self._check_engine(engine_id)
        block = await self._ledgers.block(engine_id, number)
        if block is None:
            raise api_error("device_manager.teos.unknown_block", number, engine_id)
        return block

    @action(http=["GET /_/device-manager/:engineId/teos/ledger"])
    async def export_ledger(self, engine_id: str, from_: Number = 1, to: Number | None = None) -> dict[str, Any]:
        """The blocks of a ledger from one number to another, up to 1,000 of them; `next` is where to go on, or null.

        Example request:

            {"controller": "device-manager/teos", "action": "exportLedger", "engineId": "tenant-a", "from": 12}

        Example result:

            {"blocks": [{"number": 12, "action": "DeleteAssetLinks", "nonce": 4}], "next": null}

        Raises:
            ApiError: `device_manager.engines.not_found`.
        """
        await self._check_engine(engine_id)
        last = from_ + MOST if to is None else min(to, from_ + MOST)
        blocks = [block async for block in self._ledgers.blocks(engine_id, from_, last)]
        following = blocks[MOST]["number"] if len(blocks) > MOST else None
        return {"blocks": blocks[:MOST], "next": following}

    async def _check_engine(self, engine: str) -> None:
        await self._catalogue.ensure()
        if engine not in self._catalogue.engines:
            raise api_error("device_manager.engines.not_found", engine)
