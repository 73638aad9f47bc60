"""Models of measures, devices, assets and groups: their documents, ids and rules (device-manager 1.6, 2.5). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document
from device_manager.twins.documents import leaf_paths
from device_manager.twins.places import COMMONS

ModelKind = Literal["measure", "device", "asset", "group"]
Source = dict[str, Any]

PASCAL_CASE = re.compile(r"(?:[A-Z][A-Za-z]*|\d*(?:1st|2nd|3rd|(?![123])\dth)(?=$|[A-Z])|\d+(?![a-z]))*")
"""Words with a capital each; digits end a word; English ordinals may stay as they are."""

CONFLICT_NAMES: dict[ModelKind, str] = {"measure": "measures", "device": "devices", "asset": "assets", "group": "group"}
FREE_SHAPES = frozenset({"geo_point", "geo_shape"})


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it is stored.

    Attributes:
        kind: what it describes.
        name: the model name, or the measure type.
        source: the stored content.
    """

    kind: ModelKind
    name: str
    source: Source

    @property
    def id(self) -> str:
        """The id of its document."""
        return model_id(self.kind, self.name)

    @property
    def content(self) -> Source:
        """The part of the source that belongs to its kind."""
        content: Source = self.source[self.kind]
        return content

    @property
    def engine_group(self) -> str:
        """The engine group that it belongs to; models without one belong to all."""
        group: str = self.source.get("engineGroup") or COMMONS
        return group

    @property
    def measures(self) -> list[Source]:
        """The measure slots that it declares: `{name, type}`."""
        return [{"name": slot["name"], "type": slot["type"]} for slot in self.content.get("measures") or ()]

    @property
    def metadata_mappings(self) -> Source:
        """Metadata field -> mapping."""
        return self.content.get("metadataMappings") or {}

    @property
    def default_metadata(self) -> Source:
        """Metadata field, possibly dotted -> value of new twins."""
        return self.content.get("defaultMetadata") or {}

    @property
    def mappings(self) -> tuple[str, Source]:
        """Where the model maps fields, and how."""
        name = "valuesMappings" if self.kind == "measure" else "metadataMappings"
        return f"{self.kind}.{name}", self.content.get(name) or {}


def model_id(kind: ModelKind, name: str) -> str:
    """The id of a model's document."""
    return f"model-{kind}-{name}"


def read_model(document: Document) -> Model | None:
    """The model that a document holds, None when it holds something else."""
    kind = document.source.get("type")
    if kind not in CONFLICT_NAMES:
        return None
    name = document.source.get(kind, {}).get("type" if kind == "measure" else "model")
    return Model(kind, name, document.source) if isinstance(name, str) else None


class Models:
    """All models at one moment.

    Attributes:
        validators: what `value_schemas` made of the schemas of measure types.
    """

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._by_id: Mapping[str, Model] = {model.id: model for model in models}
        self.validators: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_id.values())

    def with_models(self, models: Iterable[Model]) -> Models:
        """These models with some added or replaced."""
        return Models([*self, *models])

    def without(self, id: str) -> Models:
        """These models but one."""
        return Models(model for model in self if model.id != id)

    def of_kind(self, kind: ModelKind) -> list[Model]:
        """All models of a kind, by name."""
        return sorted((model for model in self if model.kind == kind), key=lambda model: model.name)

    def of_group(self, kind: ModelKind, group: str) -> list[Model]:
        """The models of a kind that apply to an engine group: its own and those of `commons`, by name."""
        return [model for model in self.of_kind(kind) if model.engine_group in (group, COMMONS)]

    def asset(self, name: str, group: str) -> Model:
        """The asset model for engines of `group`. Raises `device_manager.models.unknown_asset`."""
        model = self._by_id.get(model_id("asset", name))
        if model is None or model.engine_group not in (group, COMMONS):
            raise api_error("device_manager.models.unknown_asset", name)
        return model

    def device(self, name: str) -> Model:
        """The device model. Raises `device_manager.models.unknown_device`."""
        model = self._by_id.get(model_id("device", name))
        if model is None:
            raise api_error("device_manager.models.unknown_device", name)
        return model

    def group(self, name: str, group: str) -> Model:
        """The group model for engines of `group`. Raises `device_manager.models.unknown_group`."""
        model = self._by_id.get(model_id("group", name))
        if model is None or model.engine_group not in (group, COMMONS):
            raise api_error("device_manager.models.unknown_group", name)
        return model

    def measure(self, type: str) -> Model:
        """The measure model. Raises `device_manager.models.unknown_measure`."""
        model = self._by_id.get(model_id("measure", type))
        if model is None:
            raise api_error("device_manager.models.unknown_measure", type)
        return model


def measure_model(type: str, content: Source) -> Model:
    """A measure model from `{valuesMappings, validationSchema?, valuesDetails?, locales?}`."""
    return Model("measure", type, {"type": "measure", "measure": {"type": type} | content})


def device_model(name: str, content: Source) -> Model:
    """A device model from `{measures, metadataMappings, defaultMetadata, metadataDetails, metadataGroups}`."""
    return Model("device", name, {"type": "device", "device": {"model": name} | content})


def asset_model(engine_group: str, name: str, content: Source) -> Model:
    """An asset model from the members of a device model, `tooltipModels` and `locales`."""
    source = {"type": "asset", "engineGroup": engine_group, "asset": {"model": name} | content}
    return Model("asset", name, source)


def check_model(model: Model, others: Models) -> None:
    """Apply the rules of device-manager 2.5 to a model that is about to be written.

    Raises:
        ApiError: the name, the measure slots, a default value, a measure type, or a conflict with another model.
    """
    if model.kind != "measure":
        _check_name(model)
        _check_slots(model)
    if model.kind == "asset":
        _check_defaults(model)
    conflicts = [found for other in others.of_kind(model.kind) if (found := _conflicts(other, model))]
    if conflicts:
        raise api_error("device_manager.models.mappings_conflict", CONFLICT_NAMES[model.kind], chunks=conflicts)


def _check_name(model: Model) -> None:
    if PASCAL_CASE.fullmatch(model.name) is None:
        raise api_error("device_manager.models.not_pascal_case", model.kind.capitalize(), model.name)


def _check_slots(model: Model) -> None:
    names = [slot["name"] for slot in model.measures]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise api_error("device_manager.models.duplicate_measures", model.kind.capitalize(), duplicates=duplicates)


def _check_defaults(model: Model) -> None:
    leaves = set(_mapping_leaves(model.metadata_mappings))
    for path in leaf_paths(model.default_metadata):
        shape = model.metadata_mappings.get(path.partition(".")[0], {})
        if path not in leaves and shape.get("type") not in FREE_SHAPES:
            raise api_error("device_manager.models.unknown_default", path)


def _mapping_leaves(properties: Source, above: str = "") -> Iterator[str]:
    for name, definition in properties.items():
        members = definition.get("properties")
        if isinstance(members, dict):
            yield from _mapping_leaves(members, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _conflicts(stored: Model, new: Model) -> Source | None:
    """What both models map, but differently."""
    place, mappings = new.mappings
    known = dict(_flat(stored.mappings[1]))
    conflicts = [
        {"path": f"{place}.{path}", "currentType": known[path], "newType": value}
        for path, value in _flat(mappings)
        if path in known and known[path] != value
    ]
    if not conflicts:
        return None
    return {"sourceModel": stored.name, "newModel": new.name, "modelType": new.kind, "conflicts": conflicts}


def _flat(value: Source, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, member in value.items():
        if isinstance(member, dict):
            yield from _flat(member, f"{above}{key}.")
        else:
            yield f"{above}{key}", member


def usable_mappings(model: Model) -> ApiError | None:
    """What is wrong with the form of the model's mappings, None when every field is described by an object."""
    place, mappings = model.mappings
    for name, definition in mappings.items():
        if not isinstance(definition, dict):
            return api_error("api.assert.invalid_type", f"body.{place.partition('.')[2]}.{name}", "object")
    return None
