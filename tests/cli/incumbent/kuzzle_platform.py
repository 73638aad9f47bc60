"""Platforms as a Kuzzle device-manager of version 2 or 3 leaves them in Elasticsearch, written past this product.

Every engine has `rooms` assets `Room-<n>` of which the first `linked` are fed by devices `Thermometer-<n>`, the slot
`indoor` by `temp` and, in every third room, `damp` by `hum`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import httpx
from kuzzle_mappings import DEVICE_METADATA, FREE, INFO, KEYWORD, METADATA, Mappings, Source, strict, with_fields

PLATFORM = "device-manager"
MADE_AT = 1_600_000_000_000
MEASURED_AT = 1_650_000_000_000
MINUTE = 60_000
PASSWORD = "correct horse"
CREDENTIALS = "%plugin-kuzzle-plugin-auth-passport-local"

ROOM_SLOTS = [{"name": "indoor", "type": "temperature"}, {"name": "damp", "type": "humidity"}]
THERMOMETER_SLOTS = [{"name": "temp", "type": "temperature"}, {"name": "hum", "type": "humidity"}]


def info(at: int = MADE_AT) -> Source:
    return {"author": "-1", "createdAt": at, "updatedAt": None, "updater": None}


@dataclass
class KuzzlePlatform:
    """Writes a platform.

    Attributes:
        url: of the cluster.
        version: 2 or 3.
        hotel: an engine of the group `commons`; its name is new, since the product keeps collections by that name.
        ward: an engine of the group `clinics`; None for none.
        rooms: assets in each engine.
        linked: how many of them are linked with a device.
        measures: measures of each linked device.
        historizes: whether each measure is an entry of history, which version 2 could do.
    """

    url: str
    version: int
    hotel: str = field(default_factory=lambda: f"hotel-{uuid.uuid4().hex[:6]}")
    ward: str | None = field(default_factory=lambda: f"ward-{uuid.uuid4().hex[:6]}")
    rooms: int = 7
    linked: int = 5
    measures: int = 4
    historizes: bool = True

    @property
    def _mappings(self) -> Mappings:
        return Mappings(self.version)

    @property
    def engines(self) -> dict[str, str]:
        """Engine index -> engine group."""
        return {self.hotel: "commons"} | ({self.ward: "clinics"} if self.ward else {})

    def write(self) -> None:
        with httpx.Client(base_url=self.url, timeout=120) as client:
            self._client = client
            self._write_platform()
            self._write_accounts()
            for engine, group in self.engines.items():
                self._write_engine(engine, group)
            self._collection("&crm", "contacts", {"dynamic": "true"}, [("ada", {"name": "Ada", "likes": ["tea"]})])
            client.post("/_refresh", params={"expand_wildcards": "all"}).raise_for_status()

    def _collection(
        self, index: str, name: str, mapping: Source, documents: Iterable[tuple[str, Source]], alias: bool = True
    ) -> None:
        physical = f"{index}.{name}"
        path = "/" + physical.replace("%", "%25").replace("&", "%26")
        body: Source = {"mappings": mapping, "settings": {"number_of_replicas": 0}}
        if alias:
            body["aliases"] = {f"@{physical}": {}}
        made = self._client.put(path, json=body)
        if made.status_code == 400 and "already_exists" in made.text:  # a private one, emptied after another test
            self._client.put(f"{path}/_mapping", json=mapping).raise_for_status()
        else:
            made.raise_for_status()
        for batch in batches(documents, 2000):
            lines = [f"{json.dumps({'index': {'_id': id}})}\n{json.dumps(source)}\n" for id, source in batch]
            headers = {"Content-Type": "application/x-ndjson"}
            answer = self._client.post(f"{path}/_bulk", content="".join(lines), headers=headers).raise_for_status()
            failed = [item for item in answer.json()["items"] if item["index"]["status"] >= 300]
            assert not failed, failed[0]

    def _write_platform(self) -> None:
        config: Source = {
            "type": KEYWORD,
            "group": KEYWORD,
            "device-manager": {"properties": {"provisioningStrategy": KEYWORD}},
            "engine": {"properties": {"group": KEYWORD, "index": KEYWORD, "name": KEYWORD}},
        }
        engines = [
            (
                f"engine-device-manager--{engine}",
                {
                    "type": "engine-device-manager",
                    "engine": {"group": group, "index": engine, "name": "device-manager"},
                    "_kuzzle_info": info(),
                },
            )
            for engine, group in self.engines.items()
        ]
        plugin = {"type": "device-manager", "device-manager": {"provisioningStrategy": "auto"}}
        documents = [("plugin--device-manager", plugin), *engines]
        self._collection("&device-manager", "config", strict(config), documents)
        self._collection("&device-manager", "models", self._mappings.models(), self._models())
        self._collection("&device-manager", "devices", self._mappings.provisioning(), self._provisioning())
        payloads = {name: KEYWORD for name in ("uuid", "deviceModel", "apiAction", "state", "reason")}
        frame = {"uuid": "p-1", "deviceModel": "Thermometer", "valid": True, "payload": {"raw": "AQ=="}}
        mapping = strict(payloads | {"valid": {"type": "boolean"}, "payload": FREE})
        self._collection("&device-manager", "payloads", mapping, [("p-1", frame)])

    def _models(self) -> Iterator[tuple[str, Source]]:
        for type in ("temperature", "humidity"):
            measure = {"type": type, "valuesMappings": {type: {"type": "float"}}}
            yield f"model-measure-{type}", {"type": "measure", "measure": measure}
        room = {
            "model": "Room",
            "measures": ROOM_SLOTS,
            "metadataMappings": METADATA["properties"],
            "defaultMetadata": {"floor": 0},
            "metadataDetails": {},
            "metadataGroups": {},
            "tooltipModels": {},
            "locales": {"en": {"friendlyName": "Room", "description": "A room"}},
        }
        yield "model-asset-Room", {"type": "asset", "engineGroup": "commons", "asset": room}
        device = {"model": "Thermometer", "measures": THERMOMETER_SLOTS, "defaultMetadata": {}}
        device |= {"metadataMappings": DEVICE_METADATA["properties"]}
        yield "model-device-Thermometer", {"type": "device", "device": device}
        group: Source = {"model": "Floor", "metadataMappings": {"level": {"type": "integer"}}, "defaultMetadata": {}}
        if self.version == 3:
            group["affinity"] = {"type": ["assets"], "models": {"assets": [], "devices": []}, "strict": False}
        yield "model-group-Floor", {"type": "group", "engineGroup": "commons", "group": group}

    def _provisioning(self) -> Iterator[tuple[str, Source]]:
        for engine in self.engines:
            for number in range(self.linked):
                if self.version == 2:
                    yield self._device(engine, number)
                else:
                    yield f"Thermometer-{engine}-{number}", self._record(f"{engine}-{number}", engine)
        spare = self._record("spare", None)
        if self.version == 2:
            newest = self._embedded("temp", "temperature", 0, {"temperature": 4.5})
            spare = {
                "model": "Thermometer",
                "reference": "spare",
                "engineId": None,
                "assetId": None,
                "metadata": {"serial": "S-1"},
                "measures": {"temp": newest},
                "lastMeasuredAt": MEASURED_AT,
                "groups": [],
                "_kuzzle_info": info(),
            }
        yield "Thermometer-spare", spare

    def _record(self, reference: str, engine: str | None) -> Source:
        return {
            "model": "Thermometer",
            "reference": reference,
            "engineId": engine,
            "measureSlots": THERMOMETER_SLOTS,
            "provisionedAt": MADE_AT,
            "lastMeasuredAt": None,
            "lastMeasures": [],
            "_kuzzle_info": info(),
        }

    def _write_accounts(self) -> None:
        loose = {"dynamic": "false", "properties": {"_kuzzle_info": INFO}}
        users = [("ada", {"profileIds": ["admin"], "fullName": "Ada L.", "_kuzzle_info": info()})]
        users.append(("bob", {"profileIds": ["readers"], "_kuzzle_info": info()}))
        self._collection("%kuzzle", "users", with_fields(loose, {"profileIds": KEYWORD}), users)
        restricted = [{"roleId": "readers", "restrictedTo": [{"index": self.hotel}]}]
        profiles = {"readers": restricted, "admin": [{"roleId": "admin"}], "anonymous": [{"roleId": "anonymous"}]}
        documents = [(id, {"policies": policies, "rateLimit": 0}) for id, policies in profiles.items()]
        self._collection("%kuzzle", "profiles", loose, documents)
        reading = {"device-manager/assets": {"actions": {"get": True, "getLastMeasures": True}}}
        login = {"auth": {"actions": {"login": True, "checkToken": True}}}
        roles = {"readers": reading, "admin": {"*": {"actions": {"*": True}}}, "anonymous": login}
        self._collection("%kuzzle", "roles", loose, [(id, {"controllers": one}) for id, one in roles.items()])
        credentials = [(name, pbkdf2_credentials(name)) for name in ("ada", "bob")]
        self._collection(CREDENTIALS, "users", with_fields(loose, {"kuid": KEYWORD}), credentials)

    def _write_engine(self, engine: str, group: str) -> None:
        index = f"&{engine}"
        self._collection(index, "config", strict({"type": KEYWORD, "group": KEYWORD}), [])
        # Collections of old servers lack their alias.
        assets = dict(self._asset(engine, number) for number in range(self.rooms))
        self._collection(index, "assets", self._mappings.assets(), assets.items(), alias=self.version == 3)
        devices = (self._device(engine, number) for number in range(self.linked))
        self._collection(index, "devices", self._mappings.devices(), devices)
        self._collection(index, "measures", self._mappings.measures(), self._measures(engine))
        self._collection(index, "assets-history", self._mappings.history(), self._history(engine, assets))
        if self.version == 2:
            self._collection(index, "assets-groups", self._mappings.old_groups(), self._old_groups())
        else:
            self._collection(index, "groups", self._mappings.groups(), self._groups())
        invoices = [(str(number), {"total": number, "lines": [{"of": engine}]}) for number in range(3)]
        self._collection(index, "invoices", {"dynamic": "true"}, invoices)

    def _old_groups(self) -> Iterator[tuple[str, Source]]:
        building: Source = {"name": "Building", "parent": None, "children": ["floor-1"], "model": None, "metadata": {}}
        yield "building", building | {"lastUpdate": MADE_AT, "_kuzzle_info": info()}
        floor: Source = {"name": "First floor", "parent": "building", "children": [], "model": "Floor", "colour": "red"}
        yield "floor-1", floor | {"metadata": {"level": 1}, "lastUpdate": MADE_AT, "_kuzzle_info": info()}

    def _groups(self) -> Iterator[tuple[str, Source]]:
        for id, path, model, metadata in (
            ("building", "building", None, {}),
            ("floor-1", "building.floor-1", "Floor", {"level": 1}),
        ):
            group = {"name": id.title(), "path": path, "model": model, "metadata": metadata, "lastUpdate": MADE_AT}
            yield id, group | {"_kuzzle_info": info()}

    @property
    def _in_groups(self) -> list[Source]:
        if self.version == 2:
            return [{"id": "building", "date": MADE_AT}, {"id": "floor-1", "date": MADE_AT}]
        return [{"path": "building.floor-1", "date": MADE_AT}]

    def _slot_pairs(self, number: int) -> list[Source]:
        pairs = [{"asset": "indoor", "device": "temp"}]
        return pairs + ([{"asset": "damp", "device": "hum"}] if number % 3 == 0 else [])

    def _asset(self, engine: str, number: int) -> tuple[str, Source]:
        is_linked = number < self.linked
        asset: Source = {
            "model": "Room",
            "reference": str(number),
            "metadata": {"floor": number, "owner": None},
            "groups": self._in_groups if number % 2 == 0 else [],
            "_kuzzle_info": info(),
        }
        device_id, pairs = f"Thermometer-{engine}-{number}", self._slot_pairs(number)
        if self.version == 3:
            asset["modelLocales"] = {"en": {"friendlyName": "Room", "description": "A room"}}
            asset["measureSlots"] = ROOM_SLOTS
            asset["linkedMeasures"] = [{"deviceId": device_id, "measureSlots": pairs}] if is_linked else []
            return f"Room-{number}", asset
        types = {slot["name"]: slot["type"] for slot in ROOM_SLOTS}
        names = [pair | {"type": types[pair["asset"]]} for pair in pairs]
        asset["linkedDevices"] = [{"_id": device_id, "measureNames": names}] if is_linked else []
        asset["measures"] = {name["asset"]: self._newest(name["asset"], name["type"]) for name in names if is_linked}
        asset["lastMeasuredAt"] = self._newest_at if is_linked else None
        if number == self.rooms - 1:  # whose measures were removed from history
            asset["measures"] = {"indoor": self._embedded("indoor", "temperature", 7, {"temperature": 19.5})}
            asset["softTenant"] = "east wing"
        return f"Room-{number}", asset

    def _device(self, engine: str, number: int) -> tuple[str, Source]:
        id, asset_id = f"Thermometer-{engine}-{number}", f"Room-{number}"
        device: Source = {
            "model": "Thermometer",
            "reference": f"{engine}-{number}",
            "engineId": engine,
            "metadata": {"serial": f"S{number}"},
            "groups": [],
            "_kuzzle_info": info(),
        }
        if self.version == 3:
            links = [{"assetId": asset_id, "measureSlots": self._slot_pairs(number)}]
            return id, device | {"measureSlots": THERMOMETER_SLOTS, "linkedMeasures": links}
        measures = {slot["name"]: self._newest(slot["name"], slot["type"]) for slot in THERMOMETER_SLOTS}
        return id, device | {"assetId": asset_id, "measures": measures, "lastMeasuredAt": self._newest_at}

    @property
    def _newest_at(self) -> int:
        return MEASURED_AT + (self.measures - 1) * MINUTE

    def _newest(self, slot: str, type: str) -> Source:
        return self._embedded(slot, type, self.measures - 1, {type: float(self.measures - 1)})

    def _embedded(self, slot: str, type: str, number: int, values: Source) -> Source:
        at = MEASURED_AT + number * MINUTE
        return {"name": slot, "type": type, "measuredAt": at, "payloadUuids": ["p-1"], "values": values}

    def _measures(self, engine: str) -> Iterator[tuple[str, Source]]:
        for number, at in itertools.product(range(self.linked), range(self.measures)):
            pairs = {pair["device"]: pair["asset"] for pair in self._slot_pairs(number)}
            for slot in THERMOMETER_SLOTS:
                asset: Source | None = None
                if slot["name"] in pairs:
                    asset = {
                        "_id": f"Room-{number}",
                        "model": "Room",
                        "reference": str(number),
                        "measureName": pairs[slot["name"]],
                        "metadata": {"floor": number, "owner": None},
                        "groups": self._in_groups if number % 2 == 0 else [],
                    }
                origin = {
                    "type": "device",
                    "_id": f"Thermometer-{engine}-{number}",
                    "deviceModel": "Thermometer",
                    "reference": f"{engine}-{number}",
                    "measureName": slot["name"],
                    "payloadUuids": ["p-1"],
                    "deviceMetadata": {"serial": f"S{number}"},
                }
                yield (
                    f"m-{number}-{at}-{slot['name']}",
                    {
                        "type": slot["type"],
                        "measuredAt": MEASURED_AT + at * MINUTE,
                        "values": {slot["type"]: float(at)},
                        "asset": asset,
                        "origin": origin,
                        "_kuzzle_info": info(),
                    },
                )

    def _history(self, engine: str, assets: dict[str, Source]) -> Iterator[tuple[str, Source]]:
        for number, (id, asset) in enumerate(assets.items()):
            links = "linkedDevices" if self.version == 2 else "linkedMeasures"
            first = asset | {links: []} | ({"measures": {}} if self.version == 2 else {})
            metadata = {"name": "metadata", "metadata": {"names": ["floor", "owner"]}}
            yield f"h-{number}-0", {"id": id, "timestamp": MADE_AT, "event": metadata, "asset": first}
            if number >= self.linked:
                continue
            link = {"name": "link", "link": {"deviceId": f"Thermometer-{engine}-{number}"}}
            yield f"h-{number}-1", {"id": id, "timestamp": MADE_AT + MINUTE, "event": link, "asset": asset}
            for at in range(self.measures) if self.version == 2 and self.historizes else ():
                event = {"name": "measure", "measure": {"names": ["indoor"]}}
                moment = MEASURED_AT + at * MINUTE
                yield f"h-{number}-m{at}", {"id": id, "timestamp": moment, "event": event, "asset": asset}


def batches(documents: Iterable[tuple[str, Source]], size: int) -> Iterator[list[tuple[str, Source]]]:
    rest = iter(documents)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def pbkdf2_credentials(name: str) -> Source:
    """Credentials as the local strategy of that product stores them."""
    salt = hashlib.sha512(name.encode()).hexdigest() * 2
    hashed = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt.encode(), 10_000, 512).hex()
    return {
        "kuid": name,
        "userSalt": salt,
        "userPassword": hashed,
        "algorithm": "sha512",
        "stretching": True,
        "encryption": "hash",
        "pepper": None,
        "passwordHistory": [],
        "updater": None,
    }
