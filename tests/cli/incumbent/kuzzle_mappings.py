"""Mappings of the collections of a Kuzzle device-manager of version 2 or 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Source = dict[str, Any]

KEYWORD: Source = {"type": "keyword"}
NAME: Source = {"type": "keyword", "fields": {"text": {"type": "text"}}}
DATE: Source = {"type": "date"}
FREE: Source = {"type": "object", "dynamic": "false"}
INFO: Source = {
    "properties": {"author": KEYWORD, "createdAt": DATE, "updater": KEYWORD, "updatedAt": DATE},
}
METADATA: Source = {"properties": {"floor": {"type": "integer"}, "owner": KEYWORD}}
DEVICE_METADATA: Source = {"properties": {"serial": KEYWORD}}
VALUES: Source = {"properties": {"temperature": {"type": "float"}, "humidity": {"type": "float"}}}
SLOTS: Source = {"properties": {"name": KEYWORD, "type": KEYWORD}}
PAIR: Source = {"properties": {"asset": KEYWORD, "device": KEYWORD}}


def strict(properties: Source) -> Source:
    return {"dynamic": "strict", "properties": properties | {"_kuzzle_info": INFO}}


def with_fields(mapping: Source, fields: Source) -> Source:
    return mapping | {"properties": mapping["properties"] | fields}


@dataclass(frozen=True)
class Mappings:
    """The mapping of each collection.

    Attributes:
        version: 2 or 3.
    """

    version: int

    def models(self) -> Source:
        free = ("metadataMappings", "defaultMetadata", "metadataDetails", "metadataGroups")
        twin = {"model": KEYWORD, "measures": {"properties": {"type": KEYWORD, "name": KEYWORD}}}
        group: Source = {"model": KEYWORD} | dict.fromkeys(free, FREE)
        if self.version == 3:
            models = {"properties": {"assets": KEYWORD, "devices": KEYWORD}}
            group["affinity"] = {"properties": {"type": KEYWORD, "strict": {"type": "boolean"}, "models": models}}
        return strict(
            {
                "type": KEYWORD,
                "engineGroup": KEYWORD,
                "measure": {"properties": {"type": KEYWORD, "valuesMappings": FREE}},
                "asset": {"properties": twin | dict.fromkeys((*free, "tooltipModels", "locales"), FREE)},
                "device": {"properties": twin | dict.fromkeys(free, FREE)},
                "group": {"properties": group},
            }
        )

    def provisioning(self) -> Source:
        if self.version == 2:
            return self.devices()
        last = {"type": KEYWORD, "measureName": KEYWORD, "measuredAt": DATE, "values": VALUES}
        twin = {"model": NAME, "reference": NAME, "engineId": NAME, "measureSlots": SLOTS}
        return strict(twin | {"provisionedAt": DATE, "lastMeasuredAt": DATE, "lastMeasures": {"properties": last}})

    @property
    def _memberships(self) -> Source:
        return {
            "properties": {"id" if self.version == 2 else "path": NAME if self.version == 3 else KEYWORD, "date": DATE}
        }

    @property
    def _of_version_2(self) -> Source:
        """What twins of version 2 have beside."""
        embedded = {"type": KEYWORD, "name": KEYWORD, "measuredAt": DATE, "payloadUuids": KEYWORD, "originId": KEYWORD}
        measures = {name: {"properties": embedded | {"values": VALUES}} for name in ("indoor", "damp", "temp", "hum")}
        return {"measures": {"properties": measures}, "lastMeasuredAt": DATE}

    def assets(self) -> Source:
        twin = {"model": NAME, "reference": NAME, "metadata": METADATA, "groups": self._memberships}
        if self.version == 2:
            names = {"properties": {"asset": KEYWORD, "device": KEYWORD, "type": KEYWORD}}
            linked = {"properties": {"_id": KEYWORD, "measureNames": names}}
            return strict(twin | self._of_version_2 | {"linkedDevices": linked, "softTenant": KEYWORD})
        texts = {"properties": {"friendlyName": NAME, "description": {"type": "text"}}}
        locales = {"dynamic": "false", "properties": {"en": texts, "fr": texts}}
        links = {"properties": {"deviceId": KEYWORD, "measureSlots": PAIR}}
        return strict(twin | {"modelLocales": locales, "measureSlots": SLOTS, "linkedMeasures": links})

    def devices(self) -> Source:
        twin = {"model": NAME, "reference": NAME, "engineId": NAME, "metadata": DEVICE_METADATA}
        twin["groups"] = self._memberships
        if self.version == 2:
            return strict(twin | self._of_version_2 | {"assetId": NAME})
        links = {"properties": {"assetId": KEYWORD, "measureSlots": PAIR}}
        return strict(twin | {"measureSlots": SLOTS, "linkedMeasures": links})

    def measures(self) -> Source:
        asset = {"_id": KEYWORD, "model": KEYWORD, "reference": KEYWORD, "measureName": KEYWORD, "metadata": METADATA}
        origin = {"type": KEYWORD, "_id": KEYWORD, "measureName": KEYWORD, "deviceModel": KEYWORD}
        origin |= {"reference": KEYWORD, "payloadUuids": KEYWORD, "deviceMetadata": DEVICE_METADATA}
        both = {"groups": self._memberships}
        contexts = {"asset": {"properties": asset | both}, "origin": {"properties": origin | both}}
        return strict({"type": KEYWORD, "measuredAt": DATE, "values": VALUES} | contexts)

    def history(self) -> Source:
        event = {
            "name": KEYWORD,
            "metadata": {"properties": {"names": KEYWORD}},
            "link": {"properties": {"deviceId": KEYWORD}},
            "unlink": {"properties": {"deviceId": KEYWORD}},
            "measure": {"properties": {"names": KEYWORD}},
        }
        snapshot = {"properties": self.assets()["properties"]}
        return strict({"id": KEYWORD, "timestamp": DATE, "event": {"properties": event}, "asset": snapshot})

    def old_groups(self) -> Source:
        group = {"name": NAME, "parent": KEYWORD, "children": KEYWORD, "model": NAME, "lastUpdate": DATE}
        return strict(group | {"metadata": {"properties": {"level": {"type": "integer"}}}, "colour": KEYWORD})

    def groups(self) -> Source:
        group = {"name": NAME, "path": NAME, "model": NAME, "lastUpdate": DATE}
        return strict(group | {"metadata": {"properties": {"level": {"type": "integer"}}}})
