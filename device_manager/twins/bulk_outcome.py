"""What became of the records of a bulk link call, as the wire shows it (device-manager 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.twins.links import Pairs
from device_manager.twins.places import ASSETS
from device_manager.twins.records import LinkRecord

NOT_FOUND = "services.storage.not_found"
NOT_ATTACHED = "device_manager.devices.not_attached"


class RecordSuccess(NamedTuple):
    """A record that holds now.

    Attributes:
        record: as it was sent.
        pairs: all slot pairs of the link.
        changed: False when all of it held before.
        after_error: what a pipe raised after the commit.
    """

    record: LinkRecord
    pairs: Pairs
    changed: bool
    after_error: ApiError | None = None

    def to_dict(self) -> dict[str, Any]:
        """The item of the result's `successes`."""
        item: dict[str, Any] = {
            "row": self.record.row,
            "assetId": self.record.asset_id,
            "deviceId": self.record.device_id,
            "measureSlots": [{"asset": pair.asset, "device": pair.device} for pair in self.pairs],
            "changed": self.changed,
        }
        return item | {"afterError": self.after_error.to_dict()} if self.after_error else item


class RecordRefusal(NamedTuple):
    """A record that was not applied, and why."""

    record: LinkRecord
    error: ApiError

    def to_dict(self) -> dict[str, Any]:
        """The item of the result's `errors`."""
        return {
            "row": self.record.row,
            "assetId": self.record.asset_id,
            "deviceId": self.record.device_id,
            "reason": self.error.message,
            "id": self.error.id,
            "status": self.error.status,
        }


class BulkOutcome(NamedTuple):
    """What became of the records, both lists in input order."""

    successes: list[RecordSuccess]
    errors: list[RecordRefusal]

    def to_dict(self) -> dict[str, Any]:
        """The result as the wire has it."""
        return {
            "errors": [refusal.to_dict() for refusal in self.errors],
            "successes": [success.to_dict() for success in self.successes],
        }


def strict_refusal(refusals: Sequence[RecordRefusal], total: int) -> ApiError:
    """The one error of a strict call: 404 for unknown twins, 412 for devices without engine, otherwise 400."""
    errors = [refusal.to_dict() for refusal in refusals]
    unknown = [refusal for refusal in refusals if refusal.error.id == NOT_FOUND]
    free = [refusal for refusal in refusals if refusal.error.id == NOT_ATTACHED]
    if unknown:
        assets = [refusal.record.asset_id for refusal in unknown if refusal.error.props[2:] == (ASSETS,)]
        devices = [refusal.record.device_id for refusal in unknown if refusal.error.props[2:] != (ASSETS,)]
        texts = [
            f"{kind} {_listed(ids)} do not exist" for kind, ids in (("Devices", devices), ("Assets", assets)) if ids
        ]
        return api_error("device_manager.bulk.unknown_twins", ", ".join(texts), errors=errors, count=len(errors))
    if free:
        text = f"Devices {_listed([refusal.record.device_id for refusal in free])} are not attached to a tenant"
        return api_error("device_manager.bulk.not_attached", text, errors=errors, count=len(errors))
    return api_error("device_manager.bulk.refused", len(errors), total, errors=errors, count=len(errors))


def _listed(ids: list[str], most: int = 20) -> str:
    named = ",".join(dict.fromkeys(ids[:most]))
    return f'"{named}"' if len(ids) <= most else f'"{named}" and {len(ids) - most} more'
