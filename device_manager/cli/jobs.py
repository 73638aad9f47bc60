"""What the bulk commands send for a batch of rows, and how the answers map back to the rows."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from device_manager.cli.client import CallRefused, Client
from device_manager.cli.rows import Refusal, Row

LINK_COLUMNS = ("assetId", "deviceId", "deviceSlot", "assetSlot")
DEVICES = "device-manager/devices"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One kind of bulk command: each batch of rows becomes one call of a bulk action.

    Attributes:
        action: wire name.
        controller: wire name.
        required: columns that the input has to have.
        columns: columns that are sent when the input has them; None for all.
        args: further members of the request.
        once: the action must not be applied twice, so that a call carries a key by which the server knows it again.
    """

    action: str
    controller: str = DEVICES
    required: Sequence[str]
    columns: Sequence[str] | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False

    async def apply(self, client: Client, rows: Sequence[Row], outcomes: Outcomes, *, dry_run: bool) -> None:
        """Send `rows` and note in `outcomes`, one place a row, what became of each.

        Raises:
            BatchRefused: nothing of the batch was applied; `outcomes` say why.
            ServerUnreachable: no answer; rows without one keep the outcome that they had.
        """
        args = dict(self.args)
        if dry_run:
            args["dryRun"] = True
        elif self.once:
            args["idempotencyKey"] = uuid.uuid4().hex
        try:
            result = await client.call(self.controller, self.action, body={"csv": self._csv(rows)}, **args)
        except CallRefused as refused:
            outcomes[:] = _refusals(refused.error, len(rows))
            raise BatchRefused(refused.error["message"]) from refused
        for success in result["successes"]:
            outcomes[success["row"] - 1] = Applied(success.get("changed", True))
        for failure in result["errors"]:
            outcomes[failure["row"] - 1] = _refusal(failure)

    def _csv(self, rows: Sequence[Row]) -> str:
        """The rows as the CSV text of one call."""
        given = rows[0].values
        columns = [name for name in (self.columns or given) if name in given]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.values[name] for name in columns] for row in rows)
        return text.getvalue()


def link_job(engine: str, *, strict: bool) -> Job:
    """Rows become links. It is safe to send twice: what is already linked is a success."""
    return _links("mLinkAssets", ("assetId", "deviceId"), engine, strict)


def unlink_job(engine: str, *, strict: bool) -> Job:
    """Rows become the end of links.

    A row with `deviceSlot` removes that slot's link, one with `assetId` alone all links between the two, one with
    neither all links of the device. It is safe to send twice: what is not linked is a success.
    """
    return _links("mUnlinkAssets", ("deviceId",), engine, strict)


def _links(action: str, required: Sequence[str], engine: str, strict: bool) -> Job:
    args = {"engineId": engine} | ({"strict": True} if strict else {})
    return Job(action=action, required=required, columns=LINK_COLUMNS, args=args)


def import_job(kind: str, engine: str | None, *, strict: bool, upsert: bool) -> Job:
    """Rows become twins; `kind` is `assets` or `devices`."""
    flags = {name: True for name, is_set in (("strict", strict), ("upsert", upsert)) if is_set}
    return Job(
        controller=f"device-manager/{kind}",
        action=f"import{kind.capitalize()}",
        required=("model", "reference"),
        args=({"engineId": engine} if engine else {}) | flags,
        once=True,
    )


def _refusal(error: dict[str, Any]) -> Refusal:
    return Refusal(error.get("status"), error.get("id"), error.get("reason") or error["message"])


def _refusals(error: dict[str, Any], rows: int) -> Outcomes:
    """The outcome of every row of a refused call: the culprits' own reasons, the others were held back with them."""
    culprits = {item["row"]: _refusal(item) for item in error.get("errors", ()) if "row" in item}
    others = HELD_BACK if culprits else _refusal(error)
    return [culprits.get(row, others) for row in range(1, rows + 1)]
