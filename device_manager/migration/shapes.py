"""What a stored document of version 2 becomes, and what one of version 3 stays (device-manager 6.1, 6.2). Pure.

Each function takes a content and gives the new one, with what changed and what needs attention. Shaping a shaped
document again changes nothing, so a run can be repeated, and data of which half is migrated is no special case.
Members that neither version knows stay where they are.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from device_manager.migration.shaping import Note, Shaped, Shaping, Source, objects

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

UNREADABLE = "members of another form than either version has, kept"

ANY_AFFINITY: Source = {"type": ["assets", "devices"], "models": {"assets": [], "devices": []}, "strict": False}
"""Of groups that any twin may be in, as all groups of version 2 were."""


class TwinModel(NamedTuple):
    """What the model of a twin gives to its document: the measure slots and the texts in several languages."""

    slots: list[Source]
    locales: Source


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
    shaping = Shaping(source)
    _shape_links(shaping)
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
    shaping = Shaping(source)
    asset_id = source.get("assetId")
    if asset_id:
        links = objects(source.get("linkedMeasures"))
        is_known = any(entry.get("assetId") == asset_id for entry in links)
        pairs = [] if is_known else _pairs_with(asset or {}, device_id)
        if pairs:
            links = [*links, {"assetId": asset_id, "measureSlots": pairs}]
            shaping.set("linkedMeasures", links, "assetId became linkedMeasures")
        if pairs or is_known:
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
    shaping = Shaping(source)
    attached = engine_device is not None
    embedded = _embedded(source)
    if "measureSlots" not in source:
        shaping.set("measureSlots", _slots(shaping, source, model), "measureSlots taken from the model")
    if "lastMeasures" not in source:
        newest = [] if attached else _last_measures(embedded or {})
        shaping.set("lastMeasures", newest, "lastMeasures made of measures")
        shaping.set("lastMeasuredAt", newest[0]["measuredAt"] if newest else None, "lastMeasures made of measures")
    if "provisionedAt" not in source:
        created_at = (source.get(INFO) or {}).get("createdAt")
        shaping.set("provisionedAt", created_at, "provisionedAt taken from createdAt")
    if embedded is not None:
        shaping.drop("measures", "measures dropped, the engine's device or lastMeasures have them")
    else:
        shaping.note(UNREADABLE, "has measures of another form")
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
    shaping = Shaping(asset)
    _shape_links(shaping)
    _shape_groups(shaping, paths)
    _drop_embedded(shaping, ())
    shaped = shaping.finished()
    return shaped._replace(source=source | {"asset": shaped.source})


def shape_measure(source: Source, paths: Mapping[str, str]) -> Shaped:
    """A measure: the groups in its contexts get paths, nothing else differs between the versions."""
    changed: Source = {}
    changes: dict[str, None] = {}
    notes: list[Note] = []
    for member in ("asset", "origin"):
        context = source.get(member)
        if isinstance(context, dict) and context.get("groups"):
            shaping = Shaping(context)
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
    shaping = Shaping(source)
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
        for entry in objects(place.get("groups") if isinstance(place, dict) else None):
            if _names_group(entry):
                yield entry["id"]


def embedded_measures(source: Source) -> dict[str, int]:
    """When the measure was taken that a twin of version 2 embeds, by slot."""
    found = {slot: measure.get("measuredAt") for slot, measure in (_embedded(source) or {}).items()}
    return {slot: at for slot, at in found.items() if isinstance(at, int)}


def _complete_twin(shaping: Shaping, source: Source, model: TwinModel | None, paths: Mapping[str, str]) -> None:
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


def _slots(shaping: Shaping, source: Source, model: TwinModel | None) -> list[Source]:
    """The slots that the model declares; without a model, those that can be seen in use."""
    if model is not None:
        return model.slots
    shaping.note("unknown model, slots taken from what is in use", f'has the model "{source.get("model")}"')
    used = {slot: measure.get("type") for slot, measure in (_embedded(source) or {}).items()}
    for entry in objects(source.get("linkedDevices")):
        used |= {pair["asset"]: pair.get("type") for pair in objects(entry.get("measureNames")) if _is_pair(pair)}
    return [{"name": name, "type": type} for name, type in used.items() if isinstance(type, str)]


def _shape_groups(shaping: Shaping, paths: Mapping[str, str]) -> None:
    entries = shaping.source.get("groups")
    if not isinstance(entries, list) or not any(map(_names_group, entries)):
        return
    shaped: list[Any] = []
    for entry in entries:
        if not _names_group(entry):
            shaped.append(entry)
            continue
        id = entry["id"]
        if id not in paths:
            shaping.note("membership in a group that does not exist, kept with its id as path", f'is in "{id}"')
        others = {name: value for name, value in entry.items() if name != "id"}
        shaped.append({"path": paths.get(id, id)} | others)
    shaping.set("groups", shaped, "group ids became paths")


def _names_group(entry: Any) -> bool:
    """Whether an entry of `groups` names its group by id, as version 2 did."""
    return isinstance(entry, dict) and "path" not in entry and isinstance(entry.get("id"), str)


def _shape_links(shaping: Shaping) -> None:
    """The links of an asset; entries of another form stay where they are."""
    if "linkedDevices" not in shaping.source:
        return
    links = objects(shaping.source.get("linkedMeasures"))
    known = [entry.get("deviceId") for entry in links]
    new = [link for link in _asset_links(shaping.source) if link["deviceId"] not in known]
    if new or "linkedMeasures" not in shaping.source:
        shaping.set("linkedMeasures", [*links, *new], "linkedDevices became linkedMeasures")
    entries = shaping.source["linkedDevices"]
    if entries is None or (isinstance(entries, list) and all(map(_is_old_link, entries))):
        shaping.drop("linkedDevices", "linkedDevices became linkedMeasures")
    else:
        shaping.note(UNREADABLE, "has linkedDevices of another form")


def _is_old_link(entry: Any) -> bool:
    is_link = isinstance(entry, dict) and isinstance(entry.get("_id"), str)
    names = entry.get("measureNames") if is_link else None
    return isinstance(names, list) and all(map(_is_pair, names))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, dict) and isinstance(pair.get("asset"), str) and isinstance(pair.get("device"), str)


def _drop_embedded(shaping: Shaping, unrecorded: Container[str]) -> None:
    """Take out the newest measures, which history has, and their date."""
    embedded = _embedded(shaping.source)
    if embedded is None:
        shaping.note(UNREADABLE, "has measures of another form")
        return
    kept = {slot: measure for slot, measure in embedded.items() if slot in unrecorded}
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
        for entry in objects(asset.get("linkedDevices"))
        if isinstance(entry.get("_id"), str)
    ]


def _pairs(entry: Source) -> list[Source]:
    return [
        {"asset": pair["asset"], "device": pair["device"]}
        for pair in objects(entry.get("measureNames"))
        if _is_pair(pair)
    ]


def _pairs_with(asset: Source, device_id: str) -> list[Source]:
    """The slot pairs of an asset, of either version, with a device."""
    for entry in objects(asset.get("linkedMeasures")):
        if entry.get("deviceId") == device_id:
            return objects(entry.get("measureSlots"))
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


def _embedded(source: Source) -> dict[str, Source] | None:
    """The measures that a twin embeds, by slot; None when they have another form."""
    measures = source.get("measures") or {}
    if not isinstance(measures, dict) or not all(isinstance(measure, dict) for measure in measures.values()):
        return None
    return measures


def _is_empty(value: Any) -> bool:
    """Whether a value holds nothing but nulls and empty containers."""
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    if isinstance(value, list):
        return all(map(_is_empty, value))
    return value is None
