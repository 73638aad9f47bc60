"""What became of the records of a bulk call, as the wire shows it (device-manager 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.twins.bulk.action import Record
from device_manager.twins.places import ASSETS

NOT_FOUND = "services.storage.not_found"
NOT_ATTACHED = "device_manager.devices.not_attached"
ALREADY_ATTACHED = "device_manager.devices.already_attached"
UNKNOWN_ENGINE = "device_manager.engines.unknown"


class RecordSuccess(NamedTuple):
    """A record that holds now.

    Attributes:
        record: as it was sent.
        changed: False when all of it held before.
        members: what its action tells beside that.
        after_error: what a pipe raised after the commit.
    """

    record: Record
    changed: bool
    members: dict[str, Any]
    after_error: ApiError | None = None

    def to_dict(self) -> dict[str, Any]:
        """The item of the result's `successes`."""
        item = {"row": self.record.row, **self.record.names(), **self.members, "changed": self.changed}
        return item | {"afterError": self.after_error.to_dict()} if self.after_error else item


class RecordRefusal(NamedTuple):
    """A record that was not applied, and why."""

    record: Record
    error: ApiError

    def to_dict(self) -> dict[str, Any]:
        """The item of the result's `errors`."""
        return {
            "row": self.record.row,
            **self.record.names(),
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
    for ids, error_id, describe in _TEXTS:
        chosen = [refusal for refusal in refusals if refusal.error.id == ids]
        if chosen:
            return api_error(error_id, describe(chosen), errors=errors, count=len(errors))
    return api_error("device_manager.bulk.refused", len(errors), total, errors=errors, count=len(errors))


def _unknown(refusals: Sequence[RecordRefusal]) -> str:
    assets = [refusal.error.props[0] for refusal in refusals if refusal.error.props[2:] == (ASSETS,)]
    others = [refusal.error.props[0] for refusal in refusals if refusal.error.props[2:] != (ASSETS,)]
    kinds = (("Devices", others), ("Assets", assets))
    return ", ".join(f"{kind} {_listed(ids)} do not exist" for kind, ids in kinds if ids)


def _not_attached(refusals: Sequence[RecordRefusal]) -> str:
    return f"Devices {_listed(_subjects(refusals))} are not attached to a tenant"


def _already_attached(refusals: Sequence[RecordRefusal]) -> str:
    return f"These devices {_listed(_subjects(refusals))} are already attached to a tenant"


def _no_engine(refusals: Sequence[RecordRefusal]) -> str:
    return f"Tenant {_listed(_subjects(refusals))} does not have a device-manager engine"


_TEXTS: tuple[tuple[str, str, Callable[[Sequence[RecordRefusal]], str]], ...] = (
    (NOT_FOUND, "device_manager.bulk.unknown_twins", _unknown),
    (NOT_ATTACHED, "device_manager.bulk.not_attached", _not_attached),
    (ALREADY_ATTACHED, "device_manager.bulk.already_attached", _already_attached),
    (UNKNOWN_ENGINE, "device_manager.bulk.unknown_engines", _no_engine),
)
"""Refusals that name their subject in one text of the whole call, the most telling first (device-manager 6.3)."""


def _subjects(refusals: Sequence[RecordRefusal]) -> list[object]:
    """What the refusals are about: the id that stands first in their text."""
    return [refusal.error.props[0] for refusal in refusals]


def _listed(ids: Iterable[object], most: int = 20) -> str:
    distinct = [str(id) for id in dict.fromkeys(ids)]
    named = ",".join(distinct[:most])
    return f'"{named}"' if len(distinct) <= most else f'"{named}" and {len(distinct) - most} more'
