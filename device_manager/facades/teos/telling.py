"""Tells plugins and subscribers what becomes of transactions and assets (facades 3.13, events)."""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.facades.teos.kinds import asset_of
from device_manager.facades.teos.records import Source, instant
from device_manager.router.router import Router

STATE_CHANGED = "device-manager:teos:transaction:state-changed"
ASSET_CHANGED = "device-manager:teos:asset:changed"
TRANSACTIONS, ASSETS = "teos-transactions", "teos-assets"
"""Collections in whose name messages go to subscribers; nothing is stored in them."""

log = structlog.get_logger("teos")


class Telling:
    """Tells what happened, after it was written down; telling cannot fail what it is about.

    Args:
        router: publishes messages.
        events: have hooks.
    """

    def __init__(self, router: Router, events: EventBus) -> None:
        self._router = router
        self._events = events

    async def state(self, id: str, source: Source) -> None:
        """Tell the state that a transaction is in now.

        Args:
            id: of the transaction.
            source: its record.
        """
        block = source.get("block")
        content = {
            "TransactionId": id,
            "State": source["state"],
            "BlockchainTransactionId": source.get("hash"),
            "OccuredOn": instant(source["updatedAt"]),
            "CommittedOnBlock": None if block is None else str(source.get("minedIn") or block),
            "GasPrice": source["gasPrice"],
            "GasUsed": source["gasUsed"],
        }
        await self._tell(STATE_CHANGED, TRANSACTIONS, source["engine"], content)

    async def asset(self, id: str, source: Source) -> None:
        """Tell which asset a committed transaction changed."""
        changed = asset_of(source["type"], orjson.loads(source["data"]))
        content = {"UniqueAssetId": changed, "TransactionId": id, "Type": source["type"]}
        await self._tell(ASSET_CHANGED, ASSETS, source["engine"], content)

    async def _tell(self, event: str, collection: str, engine: str, content: dict[str, Any]) -> None:
        self._events.emit(event, {"engineId": engine, **content})
        try:
            await self._router.call(
                "realtime", "publish", args={"index": engine, "collection": collection}, body=content
            )
        except ApiError as error:
            log.warning("subscribers are not told", engine=engine, event_name=event, reason=error.message)
