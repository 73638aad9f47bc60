"""What becomes of the properties that clients declare: slots and metadata fields (facades 1.4). Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from device_manager.facades.sitewise.asset_model_inputs import KnownProperty, PropertyDefinition
from device_manager.facades.sitewise.definitions import (
    MAPPINGS,
    MEASURE_TYPES,
    OWN_MAPPING,
    VARIANTS,
    DataType,
    Definition,
    Property,
    field_name,
)
from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.shapes import EXTERNAL, is_id
from device_manager.storage.stamps import Source

DEFAULTS: dict[DataType, Callable[[str], Any]] = {
    "STRING": str,
    "INTEGER": int,
    "DOUBLE": float,
    "BOOLEAN": lambda text: {"true": True, "false": False}[text.lower()],
}

Wanted = PropertyDefinition | KnownProperty


class PropertyPlan:
    """Gives properties their places in the native model.

    Args:
        mappings: metadata field -> its mapping, in all models.
        accepts_computed: whether properties that are computed are stored; they are never computed.
        before: the properties so far, which keep their places.
    """

    def __init__(
        self, mappings: Mapping[str, Source], *, accepts_computed: bool, before: Sequence[Property] = ()
    ) -> None:
        self._mappings = mappings
        self._accepts_computed = accepts_computed
        self._before = before
        self._slots = {one.place for one in before if not one.is_attribute}
        self._fields = {*OWN_MAPPING, *(one.place for one in before if one.is_attribute)}

    def plan(self, wanted: Sequence[Wanted]) -> tuple[Property, ...]:
        """The properties as they are going to be.

        Raises:
            SiteWiseError: `InvalidRequestException` for what is there twice, is computed or of a type that nothing
                here has; and for another type of a property that is there.
        """
        refuse_twice("name", [one.name for one in wanted])
        refuse_twice("id", [one.id for one in wanted if one.id is not None])
        refuse_twice("externalId", [one.external_id for one in wanted if one.external_id is not None])
        properties = [self._changed(one, known) if (known := self._known(one)) else self._new(one) for one in wanted]
        refuse_twice("id", [one.id for one in properties])
        return tuple(properties)

    def _known(self, one: Wanted) -> Property | None:
        """The property of the same id or external id that is there."""
        for known in self._before:
            if one.id == known.id or (known.external_id is not None and one.id == EXTERNAL + known.external_id):
                return known
        if one.id is not None and not is_id(one.id):
            raise invalid(f"The asset model has no property {one.id}.")
        return None

    def _changed(self, one: Wanted, known: Property) -> Property:
        kind = self._kind(one)
        if (one.data_type, kind) != (known.data_type, known.kind):
            raise invalid(
                f"The property {known.id} is a {known.kind} of the type {known.data_type}, and stays so: remove it, "
                "and add another one with a further request."
            )
        if known.external_id is not None and one.external_id not in (None, known.external_id):
            raise invalid(f'The property {known.id} has the externalId "{known.external_id}", which stays.')
        return msgspec.structs.replace(
            known,
            name=one.name,
            type=_type(one, kind),
            unit=one.unit,
            external_id=one.external_id or known.external_id,
        )

    def _new(self, one: Wanted) -> Property:
        for known in self._before:
            if known.name == one.name:
                raise invalid(
                    f'There is a property "{one.name}", {known.id}: give its id to keep it, or take it out with one '
                    "request and add it with another."
                )
        data_type, kind = _data_type(one), self._kind(one)
        is_attribute = kind == "attribute"
        place = self._field(one.name, data_type) if is_attribute else field_name(one.name, self._slots)
        (self._fields if is_attribute else self._slots).add(place)
        return Property(
            id=one.id or str(uuid.uuid4()),
            name=one.name,
            data_type=data_type,
            kind=kind,
            type=_type(one, kind),
            place=place,
            member=() if is_attribute else (VARIANTS[data_type],),
            unit=one.unit,
            external_id=one.external_id,
        )

    def _kind(self, one: Wanted) -> str:
        if len(one.type) != 1:
            raise invalid(f'The type of the property "{one.name}" has to have one member, not {len(one.type)}.')
        (kind,) = one.type
        if kind in ("transform", "metric") and not self._accepts_computed:
            raise invalid(f'The property "{one.name}" is a {kind}, and nothing is computed here.')
        return kind

    def _field(self, name: str, data_type: DataType) -> str:
        """A metadata field that no other model has with another type."""
        others = {field for field, mapping in self._mappings.items() if mapping != MAPPINGS[data_type]}
        place = field_name(name, self._fields)
        if place not in others:
            return place
        return field_name(name, self._fields | others, f"_{data_type.lower()}")


def native_model(definition: Definition) -> Source:
    """The native model of a new definition, but for its engine group."""
    attributes = [one for one in definition.properties if one.is_attribute]
    return {
        "model": definition.model,
        "metadataMappings": OWN_MAPPING | {one.place: MAPPINGS[one.data_type] for one in attributes},
        "defaultValues": _defaults(attributes),
        "measures": _slots(definition.properties),
        "locales": _locales(definition),
    }


def changed_native_model(native: Source, before: Definition, after: Definition) -> Source:
    """A native model after a change of its definition: what its clients do not see stays as it is.

    Args:
        native: the content of the native model.
        before: the definition so far.
        after: as it is going to be.
    """
    staying = {(one.is_attribute, one.place) for one in after.properties}
    gone = {(one.is_attribute, one.place) for one in before.properties if not one.is_native} - staying
    attributes = [one for one in after.properties if one.is_attribute]
    mappings = {one.place: MAPPINGS[one.data_type] for one in attributes} | {
        name: mapping for name, mapping in (native.get("metadataMappings") or {}).items() if (True, name) not in gone
    }
    ours = {one.place for one in attributes} | {name for is_attribute, name in gone if is_attribute}
    defaults = {name: value for name, value in (native.get("defaultMetadata") or {}).items() if name not in ours}
    measures = [slot for slot in native.get("measures") or () if (False, slot["name"]) not in gone]
    names = {slot["name"] for slot in measures}
    kept = ("metadataDetails", "metadataGroups", "tooltipModels")
    return {
        "model": after.model,
        "metadataMappings": OWN_MAPPING | mappings,
        "defaultValues": defaults | _defaults(attributes),
        "measures": [*measures, *_slots(one for one in after.properties if one.place not in names)],
        "locales": (native.get("locales") or {}) | _locales(after),
        **{name: native[name] for name in kept if native.get(name)},
    }


def refuse_twice(what: str, values: Sequence[str]) -> None:
    """Refuse what has to be there once only. Raises `InvalidRequestException`."""
    for value in values:
        if values.count(value) > 1:
            raise invalid(f'The {what} "{value}" is there more than once.')


def _type(one: Wanted, kind: str) -> Source:
    return {kind: next(iter(one.type.values())) or {}}


def _data_type(one: Wanted) -> DataType:
    for data_type in VARIANTS:
        if one.data_type == data_type:
            return data_type
    raise invalid(f'The property "{one.name}" is of the type {one.data_type}; supported are {", ".join(VARIANTS)}.')


def _slots(properties: Iterable[Property]) -> list[Source]:
    return [{"name": one.place, "type": MEASURE_TYPES[one.data_type]} for one in properties if not one.is_attribute]


def _locales(definition: Definition) -> Source:
    return {"en": {"friendlyName": definition.name, "description": definition.description or ""}}


def _defaults(attributes: Iterable[Property]) -> Source:
    return {one.place: _default(one) for one in attributes if "defaultValue" in one.type["attribute"]}


def _default(one: Property) -> Any:
    text = one.type["attribute"]["defaultValue"]
    try:
        return DEFAULTS[one.data_type](text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise invalid(f'The defaultValue of "{one.name}" is no {one.data_type}: {text!r}.') from None
