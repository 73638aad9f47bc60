"""What a stored document of version 2 becomes, and what one of version 3 stays (device-manager 6.1, 6.2). Pure.

Each function takes a content and gives the new one, with what changed and what needs attention. Shaping a shaped
document again changes nothing, so a run can be repeated, and data of which half is migrated is no special case.
Members that neither version knows stay where they are.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

Source = dict[str, Any]

INFO = "_kuzzle_info"
NEWEST_KEPT = 5
"""Last measures of a device that no engine has (device-manager 1.4)."""

ASSET = frozenset(("model", "reference", "modelLocales", "metadata", "measureSlots", "linkedMeasures", "groups", INFO))
DEVICE = frozenset(("model", "reference", "engineId", "metadata", "measureSlots", "linkedMeasures", "groups", INFO))
PROVISIONING = frozenset(
    ("model", "reference", "engineId", "measureSlots", "provisionedAt", "lastMeasuredAt", "lastMeasures", INFO)
)
HISTORY = frozenset(("id", "timestamp", "event", "asset", INFO))
MEASURE = frozenset(("type", "measuredAt", "values", "asset", "origin", INFO))
GROUP = frozenset(("name", "path", "model", "lastUpdate", "metadata", INFO))
MODEL = frozenset(("type", "engineGroup", "closing", "measure", "asset", "device", "group", INFO))
"""What documents of this product have; the rest is data that it keeps without knowing it."""

ANY_AFFINITY: Source = {"type": ["assets", "devices"], "models": {"assets": [], "devices": []}, "strict": False}
"""Of groups that any twin may be in, as all groups of version 2 were."""


class Note(NamedTuple):
    """Something that people should know.

    Attributes:
        kind: what sort of thing; notes of a kind are counted.
        text: of this one, for people.
    """

    kind: str
    text: str


class Shaped(NamedTuple):
    """A content in this product's shape.

    Attributes:
        source: the content.
        changes: what changed, each as a phrase; empty when nothing did.
        notes: what needs attention.
    """

    source: Source
    changes: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class TwinModel(NamedTuple):
    """What the model of a twin gives to its document: the measure slots and the texts in several languages."""

    slots: list[Source]
    locales: Source


class _Shaping:
    """A content on its way, with a record of what was done to it."""

    def __init__(self, source: Source) -> None:
        self.source = dict(source)
        self.changes: list[str] = []
        self.notes: list[Note] = []

    def set(self, member: str, value: Any, change: str) -> None:
        self.source[member] = value
        self.changes.append(change)

    def drop(self, member: str, change: str) -> None:
        if member in self.source:
            del self.source[member]
            self.changes.append(change)

    def note(self, kind: str, text: str) -> None:
        self.notes.append(Note(kind, text))

    def finished(self) -> Shaped:
        return Shaped(self.source, tuple(dict.fromkeys(self.changes)), tuple(self.notes))


def shape_asset(
    source: Source, model: TwinModel | None, paths: Mapping[str, str], unrecorded: Container[str] = ()
) -> Shaped:
    """An asset.

    Args:
        source: its content.
        model: its model; None when there is none.
        paths: group id -> path.
        unrecorded: slots whose embedded measure is not in history; these stay.
    """
    shaping = _Shaping(source)
    if "linkedDevices" in source:
        links = [*_objects(source.get("linkedMeasures"))]
        known = {entry.get("deviceId") for entry in links}
        links += [link for link in _asset_links(source) if link["deviceId"] not in known]
        shaping.set("linkedMeasures", links, "linkedDevices became linkedMeasures")
        del shaping.source["linkedDevices"]
    _complete_twin(shaping, source, model, paths)
    if "modelLocales" not in source:
        shaping.set("modelLocales", model.locales if model else {}, "modelLocales taken from the model")
    _drop_embedded(shaping, unrecorded)
    return shaping.finished()


def shape_device(
    source: Source,
    model: TwinModel | None,
    paths: Mapping[str, str],
    asset: Source | None,
    device_id: str,
    unrecorded: Container[str] = (),
) -> Shaped:
    """A device in its engine.

    Args:
        source: its content.
        model: its model; None when there is none.
        paths: group id -> path.
        asset: the asset that it names, migrated or not; None when there is none.
        device_id: its id.
        unrecorded: slots whose embedded measure is not in history; these stay.
    """
    shaping = _Shaping(source)
    asset_id = source.get("assetId")
    if asset_id:
        pairs = _pairs_with(asset or {}, device_id)
        known = {entry.get("assetId") for entry in _objects(source.get("linkedMeasures"))}
        if pairs and asset_id not in known:
            link = {"assetId": asset_id, "measureSlots": pairs}
            links = [*_objects(source.get("linkedMeasures")), link]
            shaping.set("linkedMeasures", links, "assetId became linkedMeasures")
        if pairs or asset_id in known:
            shaping.drop("assetId", "assetId became linkedMeasures")
        else:
            text = f'names the asset "{asset_id}", which {"does not name it" if asset else "does not exist"}'
            shaping.note("link that only the device knows, kept as assetId", text)
    else:
        shaping.drop("assetId", "empty assetId dropped")
    _complete_twin(shaping, source, model, paths)
    _drop_embedded(shaping, unrecorded)
    return shaping.finished()


def shape_provisioning(source: Source, model: TwinModel | None, engine_device: Source | None) -> Shaped:
    """The platform's record of a device.

    Args:
        source: its content; in version 2 it was a copy of the device.
        model: its model; None when there is none.
        engine_device: the device in the engine that it names; None when no engine has it.
    """
    shaping = _Shaping(source)
    attached = engine_device is not None
    embedded = _embedded(source)
    if "measureSlots" not in source:
        shaping.set("measureSlots", _slots(shaping, source, model), "measureSlots taken from the model")
    if "lastMeasures" not in source:
        newest = [] if attached else _last_measures(embedded)
        shaping.set("lastMeasures", newest, "lastMeasures made of measures")
        shaping.set("lastMeasuredAt", newest[0]["measuredAt"] if newest else None, "lastMeasures made of measures")
    if "provisionedAt" not in source:
        created_at = (source.get(INFO) or {}).get("createdAt")
        shaping.set("provisionedAt", created_at, "provisionedAt taken from createdAt")
    shaping.drop("measures", "measures dropped, the engine's device or lastMeasures have them")
    if not source.get("assetId") or attached:
        shaping.drop("assetId", "assetId dropped, the engine's device has it")
    for member in ("metadata", "groups", "linkedMeasures"):
        if member in source and (attached or _is_empty(source[member])):
            shaping.drop(member, f"{member} dropped, the engine's device has it" if attached else f"empty {member}")
        elif member in source:
            shaping.note(f"{member} of a device that no engine has, kept", f"has {member}")
    return shaping.finished()


def shape_history(source: Source, paths: Mapping[str, str]) -> Shaped:
    """A history entry: the snapshot in it is shaped as an asset, apart from what only the model knows."""
    asset = source.get("asset")
    if not isinstance(asset, dict) or not asset.keys() & {"linkedDevices", "measures", "lastMeasuredAt", "groups"}:
        return Shaped(source)
    shaping = _Shaping(asset)
    if "linkedDevices" in asset:
        shaping.set("linkedMeasures", _asset_links(asset), "linkedDevices became linkedMeasures")
        del shaping.source["linkedDevices"]
    _shape_groups(shaping, paths)
    _drop_embedded(shaping, ())
    shaped = shaping.finished()
    return shaped._replace(source=source | {"asset": shaped.source}) if shaped.changes else Shaped(source)


def shape_measure(source: Source, paths: Mapping[str, str]) -> Shaped:
    """A measure: the groups in its contexts get paths, nothing else differs between the versions."""
    changed: Source = {}
    changes: dict[str, None] = {}
    notes: list[Note] = []
    for member in ("asset", "origin"):
        context = source.get(member)
        if isinstance(context, dict) and context.get("groups"):
            shaping = _Shaping(context)
            _shape_groups(shaping, paths)
            shaped = shaping.finished()
            notes += shaped.notes
            if shaped.changes:
                changed[member] = shaped.source
                changes.update(dict.fromkeys(shaped.changes))
    return Shaped(source | changed, tuple(changes), tuple(notes)) if changed else Shaped(source, (), tuple(notes))


def shape_group(source: Source, group_id: str, parent_exists: bool) -> Shaped:
    """A group of version 2, which knows its parent and its children; it stays as it is once it has a path."""
    if "path" in source:
        return Shaped(source)
    shaping = _Shaping(source)
    parent = source.get("parent")
    if parent and not parent_exists:
        shaping.note("group whose parent does not exist, made a root", f'named "{parent}" as its parent')
    shaping.set("path", group_path(group_id, source if parent_exists else {}), "parent became path")
    for member in ("parent", "children"):
        shaping.source.pop(member, None)
    for member in ("model", "metadata", "lastUpdate"):
        if member not in source:
            empty: Source | None = {} if member == "metadata" else None
            shaping.set(member, empty, f"{member} added, empty")
    return shaping.finished()


def group_path(group_id: str, source: Source) -> str:
    """Where a group is: groups of version 2 were nested one level deep."""
    path, parent = source.get("path"), source.get("parent")
    if isinstance(path, str) and path:
        return path
    return f"{parent}.{group_id}" if isinstance(parent, str) and parent else group_id


def shape_model(source: Source) -> Shaped:
    """A model: groups get the affinity that lets every twin in."""
    group = source.get("group")
    if source.get("type") != "group" or not isinstance(group, dict) or "affinity" in group:
        return Shaped(source)
    return Shaped(source | {"group": group | {"affinity": ANY_AFFINITY}}, ("affinity added, for twins of any kind",))


def group_ids(source: Source) -> Iterable[str]:
    """The groups that a twin, a measure or a history entry names by id, as version 2 did."""
    for place in (source, source.get("asset"), source.get("origin")):
        for entry in _objects(place.get("groups") if isinstance(place, dict) else None):
            if "path" not in entry and isinstance(entry.get("id"), str):
                yield entry["id"]


def embedded_measures(source: Source) -> dict[str, int]:
    """When the measure was taken that a twin of version 2 embeds, by slot."""
    found = {slot: measure.get("measuredAt") for slot, measure in _embedded(source).items()}
    return {slot: at for slot, at in found.items() if isinstance(at, int)}


def _complete_twin(shaping: _Shaping, source: Source, model: TwinModel | None, paths: Mapping[str, str]) -> None:
    """The members that twins of both kinds have."""
    if "linkedMeasures" not in shaping.source:
        shaping.set("linkedMeasures", [], "linkedMeasures added, empty")
    if "measureSlots" not in source:
        shaping.set("measureSlots", _slots(shaping, source, model), "measureSlots taken from the model")
    if "metadata" not in source:
        shaping.set("metadata", {}, "metadata added, empty")
    if "groups" not in source:
        shaping.set("groups", [], "groups added, empty")
    else:
        _shape_groups(shaping, paths)


def _slots(shaping: _Shaping, source: Source, model: TwinModel | None) -> list[Source]:
    """The slots that the model declares; without a model, those that can be seen in use."""
    if model is not None:
        return model.slots
    shaping.note("unknown model, slots taken from what is in use", f'has the model "{source.get("model")}"')
    used = {slot: measure.get("type") for slot, measure in _embedded(source).items()}
    for entry in _objects(source.get("linkedDevices")):
        used |= {pair["asset"]: pair.get("type") for pair in _objects(entry.get("measureNames")) if "asset" in pair}
    return [{"name": name, "type": type} for name, type in used.items() if isinstance(type, str)]


def _shape_groups(shaping: _Shaping, paths: Mapping[str, str]) -> None:
    entries = shaping.source.get("groups")
    if not isinstance(entries, list) or all(not isinstance(entry, dict) or "id" not in entry for entry in entries):
        return
    shaped: list[Any] = []
    for entry in entries:
        if not isinstance(entry, dict) or "id" not in entry:
            shaped.append(entry)
            continue
        id = entry["id"]
        if id not in paths and "path" not in entry:
            shaping.note("membership in a group that does not exist, kept with its id as path", f'is in "{id}"')
        others = {name: value for name, value in entry.items() if name != "id"}
        shaped.append({"path": paths.get(id, id)} | others)
    shaping.set("groups", shaped, "group ids became paths")


def _drop_embedded(shaping: _Shaping, unrecorded: Container[str]) -> None:
    """Take out the newest measures, which history has, and their date."""
    kept = {slot: measure for slot, measure in _embedded(shaping.source).items() if slot in unrecorded}
    if kept:
        if kept.keys() != shaping.source["measures"].keys():
            shaping.set("measures", kept, "embedded measures dropped, history has them")
        text = f"embeds a measure of {', '.join(map(repr, kept))} that is newer than history"
        shaping.note("embedded measures that history lacks, kept", text)
    else:
        shaping.drop("measures", "embedded measures dropped, history has them")
        shaping.drop("lastMeasuredAt", "lastMeasuredAt dropped, it follows from history")


def _asset_links(asset: Source) -> list[Source]:
    """The links of an asset of version 2, in this product's form."""
    return [
        {"deviceId": entry["_id"], "measureSlots": _pairs(entry)}
        for entry in _objects(asset.get("linkedDevices"))
        if isinstance(entry.get("_id"), str)
    ]


def _pairs(entry: Source) -> list[Source]:
    return [
        {"asset": pair["asset"], "device": pair["device"]}
        for pair in _objects(entry.get("measureNames"))
        if "asset" in pair and "device" in pair
    ]


def _pairs_with(asset: Source, device_id: str) -> list[Source]:
    """The slot pairs of an asset, of either version, with a device."""
    for entry in _objects(asset.get("linkedMeasures")):
        if entry.get("deviceId") == device_id:
            return _objects(entry.get("measureSlots"))
    for link in _asset_links(asset):
        if link["deviceId"] == device_id:
            pairs: list[Source] = link["measureSlots"]
            return pairs
    return []


def _last_measures(embedded: Mapping[str, Source]) -> list[Source]:
    """The newest embedded measures, the newest first."""
    measures = [
        {
            "type": measure.get("type"),
            "measureName": slot,
            "measuredAt": measure["measuredAt"],
            "values": measure.get("values") or {},
        }
        for slot, measure in embedded.items()
        if isinstance(measure.get("measuredAt"), int)
    ]
    return sorted(measures, key=lambda measure: -measure["measuredAt"])[:NEWEST_KEPT]


def _embedded(source: Source) -> dict[str, Source]:
    measures = source.get("measures")
    found = measures.items() if isinstance(measures, dict) else ()
    return {slot: measure for slot, measure in found if isinstance(measure, dict)}


def _is_empty(value: Any) -> bool:
    """Whether a value holds nothing but nulls and empty containers."""
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    if isinstance(value, list):
        return all(map(_is_empty, value))
    return value is None


def _objects(value: Any) -> list[Source]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
