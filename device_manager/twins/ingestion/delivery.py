"""What one payload brings, decoded and checked, whatever door it came by (device-manager 3.2, 3.3)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from device_manager.storage.stamps import Source
from device_manager.twins.ingestion.readings import Reading


class Delivery(msgspec.Struct, frozen=True):
    """Measures and metadata of devices, which are stored by one write.

    Attributes:
        uuid: of the payload.
        is_repeatable: the sender knows the uuid and may send the payload again with it.
        payload_uuids: stored with every measure.
        device_model: the model of all its devices.
        references: device -> reference, for devices that have to be provisioned.
        readings: device -> its measures.
        metadata: device -> metadata to merge into its own.
        archive: what is archived; None when nothing is.
    """

    uuid: str
    is_repeatable: bool
    payload_uuids: tuple[str, ...]
    device_model: str
    references: dict[str, str]
    readings: dict[str, list[Reading]]
    metadata: dict[str, Source]
    archive: Source | None

    @property
    def all_readings(self) -> Iterator[Reading]:
        """The measures of all devices."""
        return (reading for readings in self.readings.values() for reading in readings)

    def only(self, devices: set[str]) -> Delivery:
        """What it brings of some devices, without the archive."""
        return msgspec.structs.replace(
            self,
            references={id: reference for id, reference in self.references.items() if id in devices},
            readings={id: readings for id, readings in self.readings.items() if id in devices},
            metadata={id: metadata for id, metadata in self.metadata.items() if id in devices},
            archive=None,
        )
