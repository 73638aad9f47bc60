"""Models of measures, devices, assets and groups: their documents, ids and look-ups (device-manager 1.6, 2.5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from device_manager.errors import api_error
from device_manager.storage.contract import Document
from device_manager.twins.places import COMMONS

ModelKind = Literal["measure", "device", "asset", "group"]
Source = dict[str, Any]

KINDS: tuple[ModelKind, ...] = ("measure", "device", "asset", "group")
"""In the order in which they can be written: each one refers to earlier ones only."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it is stored, or is about to be.

    Attributes:
        kind: what it describes.
        name: the model name, or the measure type.
        source: the stored content.
        stored_as: the id of its document; None for one that has none yet, see `Models.placed`.
    """

    kind: ModelKind
    name: str
    source: Source
    stored_as: str | None = None

    @property
    def id(self) -> str:
        """The id of its document."""
        return self.stored_as or model_id(self.kind, self.name)

    @property
    def ids(self) -> tuple[str, str]:
        """The ids by which clients may mean it: that of its document, and the one that names its engine group."""
        return self.id, model_id(self.kind, self.name, self.engine_group)

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
    def is_closing(self) -> bool:
        """Whether it is being deleted: nothing new may use it."""
        return self.source.get("closing") is True

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


def model_id(kind: ModelKind, name: str, group: str | None = None) -> str:
    """The id of a model's document; the one that names its engine group if `group` is given."""
    return f"model-{kind}-{name}" if group is None else f"model-{kind}-{group}-{name}"


def read_model(document: Document) -> Model | None:
    """The model that a document holds, None when it holds something else."""
    kind = document.source.get("type")
    if kind not in KINDS:
        return None
    content = document.source.get(kind)
    name = content.get("type" if kind == "measure" else "model") if isinstance(content, dict) else None
    return Model(kind, name, document.source, document.id) if isinstance(name, str) else None


class Models:
    """All models at one moment.

    Attributes:
        validators: what `value_schemas` made of the schemas of measure types.
    """

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._by_id = {model.id: model for model in models}
        self._named: dict[tuple[ModelKind, str], dict[str, Model]] = {}
        for model in self._by_id.values():
            self._named.setdefault((model.kind, model.name), {})[model.engine_group] = model
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
        return sorted(
            (model for model in self if model.kind == kind), key=lambda model: (model.name, model.engine_group)
        )

    def of_group(self, kind: ModelKind, group: str) -> list[Model]:
        """The models of a kind that apply to an engine group: its own and those of `commons`, by name."""
        return [model for model in self.of_kind(kind) if model.engine_group in (group, COMMONS)]

    def find(self, kind: ModelKind, name: str, group: str | None = None) -> Model | None:
        """The model of a name for an engine group: its own rather than that of `commons`; None if there is neither.

        Without a group it is that of `commons` rather than one of the others.
        """
        named = self._named.get((kind, name))
        if named is None:
            return None
        found = named.get(group or COMMONS) or named.get(COMMONS)
        return found or (named[min(named)] if group is None else None)

    def meant_by(self, id: str) -> Model | None:
        """The model that a client means by an id: that of its document, or the one that names its engine group."""
        return self._by_id.get(id) or next((model for model in self if id in model.ids), None)

    def placed(self, model: Model) -> Model:
        """A model about to be written, with the id that it has, or is going to have.

        The first model of a name has the short id; one of the same name in another engine group names its group.
        """
        known = self._named.get((model.kind, model.name), {}).get(model.engine_group)
        if known is not None:
            return replace(model, stored_as=known.id)
        short, long = model_id(model.kind, model.name), model_id(model.kind, model.name, model.engine_group)
        return replace(model, stored_as=long if short in self._by_id else short)

    def asset(self, name: str, group: str) -> Model:
        """The asset model for engines of `group`. Raises `device_manager.models.unknown_asset`."""
        return self._known(self.find("asset", name, group), "unknown_asset", name)

    def device(self, name: str) -> Model:
        """The device model. Raises `device_manager.models.unknown_device`."""
        return self._known(self.find("device", name), "unknown_device", name)

    def group(self, name: str, group: str | None) -> Model:
        """The group model for engines of `group`. Raises `device_manager.models.unknown_group`."""
        return self._known(self.find("group", name, group), "unknown_group", name)

    def measure(self, type: str) -> Model:
        """The measure model. Raises `device_manager.models.unknown_measure`."""
        return self._known(self.find("measure", type), "unknown_measure", type)

    def _known(self, model: Model | None, error: str, name: str) -> Model:
        if model is None:
            raise api_error(f"device_manager.models.{error}", name)
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


def group_model(engine_group: str, name: str, content: Source) -> Model:
    """A group model from `{affinity, metadataMappings, defaultMetadata, metadataDetails, metadataGroups}`."""
    source = {"type": "group", "engineGroup": engine_group, "group": {"model": name} | content}
    return Model("group", name, source)
