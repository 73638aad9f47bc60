"""What `link` and `unlink` send for a batch of rows, and how the answers map back to the rows."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.rows import Refusal, Row

LINK_COLUMNS = ("assetId", "deviceId", "deviceSlot", "assetSlot")
CONTROLLER = "device-manager/devices"
CONCURRENCY = 32
"""Calls of `unlink` that are under way at once."""
NOT_LINKED = frozenset({"device_manager.links.device_not_linked", "device_manager.links.slot_not_linked"})
HELD_BACK = Refusal(None, None, "Not applied: other rows of the same strict call were refused.")
NO_ANSWER = Refusal(None, None, "No answer came, so the row may or may not be applied. Feed it in again.")


@dataclass(frozen=True, slots=True)
class Applied:
    """The row is true now.

    Attributes:
        changed: False when it was true before.
    """

    changed: bool


Outcomes = list[Applied | Refusal]


class BatchRefused(Exception):
    """A batch was refused as a whole, nothing of it is applied; the text is the server's."""


class Job(Protocol):
    """One kind of bulk command."""

    @property
    def required(self) -> Sequence[str]:
        """Columns that the input has to have."""

    async def apply(self, client: Client, rows: Sequence[Row], outcomes: Outcomes, *, dry_run: bool) -> None:
        """Send `rows` and note in `outcomes`, one place a row, what became of each.

        Raises:
            BatchRefused: nothing of the batch was applied; `outcomes` say why.
            ServerUnreachable: no answer; rows without one keep the outcome that they had.
        """


@dataclass(frozen=True, slots=True)
class Link:
    """Rows become one `mLinkAssets` call. It is safe to send twice: what is already linked is a success."""

    engine: str
    strict: bool
    required: Sequence[str] = ("assetId", "deviceId")

    async def apply(self, client: Client, rows: Sequence[Row], outcomes: Outcomes, *, dry_run: bool) -> None:
        """See `Job.apply`."""
        flags = {"strict": True} if self.strict else {}
        if dry_run:
            flags["dryRun"] = True
        try:
            result = await client.call(
                CONTROLLER, "mLinkAssets", engineId=self.engine, body={"csv": _csv(rows)}, **flags
            )
        except CallRefused as refused:
            outcomes[:] = _refusals(refused.error, len(rows))
            raise BatchRefused(refused.error["message"]) from refused
        for success in result["successes"]:
            outcomes[success["row"] - 1] = Applied(success.get("changed", True))
        for failure in result["errors"]:
            outcomes[failure["row"] - 1] = _refusal(failure)


@dataclass(frozen=True, slots=True)
class Unlink:
    """Rows become one `unlinkAssets` call a device, several at a time.

    A row with `deviceSlot` removes that slot's link, one with `assetId` alone all links between the two, one with
    neither all links of the device.
    """

    engine: str
    required: Sequence[str] = ("deviceId",)

    async def apply(self, client: Client, rows: Sequence[Row], outcomes: Outcomes, *, dry_run: bool) -> None:
        """See `Job.apply`."""
        places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row.values["deviceId"], []).append(place)
        free = asyncio.Semaphore(CONCURRENCY)

        async def one_device(device: str, members: list[int]) -> None:
            async with free:
                found = await self._unlink(client, device, [rows[place] for place in members], dry_run=dry_run)
            for place, outcome in zip(members, found, strict=True):
                outcomes[place] = outcome

        calls = [asyncio.create_task(one_device(device, members)) for device, members in places.items()]
        try:
            await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _unlink(self, client: Client, device: str, rows: list[Row], *, dry_run: bool) -> Outcomes:
        """Unlink the rows of one device together; when that is refused, one by one to find the culprit."""
        flags = {"dryRun": True} if dry_run else {}
        try:
            await client.call(
                CONTROLLER, "unlinkAssets", engineId=self.engine, _id=device, body=unlink_body(rows), **flags
            )
        except CallRefused as refused:
            if refused.resent and refused.error.get("id") in NOT_LINKED:
                return [Applied(True)] * len(rows)
            if len(rows) == 1:
                return [_refusal(refused.error)]
            return [(await self._unlink(client, device, [row], dry_run=dry_run))[0] for row in rows]
        return [Applied(True)] * len(rows)


def unlink_body(rows: Sequence[Row]) -> dict[str, Any]:
    """The body of `unlinkAssets` that removes what the rows of one device name."""
    body: dict[str, Any] = {}
    for row in rows:
        asset, device_slot, asset_slot = (row.values.get(name, "") for name in ("assetId", "deviceSlot", "assetSlot"))
        if asset and device_slot and asset_slot:
            pair = {"asset": asset_slot, "device": device_slot}
            body.setdefault("linkedMeasures", []).append({"assetId": asset, "measureSlots": [pair]})
        elif device_slot:
            body.setdefault("measureSlots", []).append(device_slot)
        elif asset:
            body.setdefault("assets", []).append(asset)
        else:
            body["allMeasures"] = True
    return body


def _csv(rows: Sequence[Row]) -> str:
    """The rows as the CSV text of one call, with the columns that the action knows."""
    columns = [name for name in LINK_COLUMNS if name in rows[0].values]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.values[name] for name in columns] for row in rows)
    return text.getvalue()


def _refusal(error: dict[str, Any]) -> Refusal:
    return Refusal(error.get("status"), error.get("id"), error.get("reason") or error["message"])


def _refusals(error: dict[str, Any], rows: int) -> Outcomes:
    """The outcome of every row of a refused call: the culprits' own reasons, the others were held back with them."""
    culprits = {item["row"]: _refusal(item) for item in error.get("errors", ()) if "row" in item}
    others = HELD_BACK if culprits else _refusal(error)
    return [culprits.get(row, others) for row in range(1, rows + 1)]
