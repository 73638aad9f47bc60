"""What an asset model is to these clients, made of the native model and of what only they know of it (facades 1.4)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from device_manager.facades.sitewise.asset_ids import OWN, derived_uuid
from device_manager.plugins.models import ModelDeclaration
from device_manager.storage.stamps import Source, changed_at

DataType = Literal["STRING", "INTEGER", "DOUBLE", "BOOLEAN"]

VARIANTS: dict[DataType, str] = {
    "STRING": "stringValue",
    "INTEGER": "integerValue",
    "DOUBLE": "doubleValue",
    "BOOLEAN": "booleanValue",
}
"""The member in which a value of a type travels, and in which measures of these clients keep it."""
MAPPINGS: dict[DataType, Source] = {
    "STRING": {"type": "keyword"},
    "INTEGER": {"type": "integer"},
    "DOUBLE": {"type": "double"},
    "BOOLEAN": {"type": "boolean"},
}
MEASURE_TYPES: dict[DataType, str] = {data_type: f"sitewise{data_type.capitalize()}" for data_type in VARIANTS}
MEASURE_MODELS = [
    ModelDeclaration(
        "measure", {"type": MEASURE_TYPES[data_type], "valuesMappings": {VARIANTS[data_type]: MAPPINGS[data_type]}}
    )
    for data_type in VARIANTS
]
OWN_MAPPING: Source = {
    OWN: {
        "properties": {
            "name": {"type": "keyword"},
            "description": {"type": "keyword"},
            "externalId": {"type": "keyword"},
        }
    }
}
NATIVE_TYPES: dict[str, DataType] = {
    **dict.fromkeys(("keyword", "text", "date"), "STRING"),
    **dict.fromkeys(("byte", "short", "integer"), "INTEGER"),
    **dict.fromkeys(("long", "float", "half_float", "double", "scaled_float"), "DOUBLE"),
    "boolean": "BOOLEAN",
}
"""What fields of mappings hold; a `long` is more than an integer of these clients."""
LONGEST_NAME = 64


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """A property.

    Attributes:
        id: by which clients know it.
        name: for people.
        data_type: of its values.
        kind: member of `type`: `attribute`, `measurement`, `transform` or `metric`.
        type: as clients said it.
        place: the measure slot, or for an attribute the metadata field.
        member: where measures hold the value.
        unit: of its values.
        external_id: another name.
        is_native: native clients declared it, and only they take it away.
    """

    id: str
    name: str
    data_type: DataType
    kind: str
    type: Source
    place: str
    member: tuple[str, ...] = ()
    unit: str | None = None
    external_id: str | None = None
    is_native: bool = False

    @property
    def is_attribute(self) -> bool:
        """Whether it is metadata; all else is measured."""
        return self.kind == "attribute"


class Hierarchy(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of children that assets of a model may have."""

    id: str
    name: str
    child_asset_model_id: str
    external_id: str | None = None


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """An asset model.

    Attributes:
        id: by which clients know it.
        model: name of the native model.
        name: for people.
        description: for people.
        external_id: another name.
        properties: those that clients declared, then what the native model has beside them.
        hierarchies: kinds of children.
        version: 1 for a new one, one more with every change by these clients.
        created_at: milliseconds since 1970.
        updated_at: milliseconds since 1970.
    """

    id: str
    model: str
    name: str
    description: str | None = None
    external_id: str | None = None
    properties: tuple[Property, ...] = ()
    hierarchies: tuple[Hierarchy, ...] = ()
    version: int = 1
    created_at: int = 0
    updated_at: int = 0


def define(engine: str, native: Source, measures: Mapping[str, Source], known: Source | None) -> Definition:
    """The definition of a native model.

    Args:
        engine: for which it is.
        native: the content of the native model's document.
        measures: measure type -> mappings of its values.
        known: what these clients declared, None when it was made by others.
    """
    content = native["asset"]
    model = content["model"]
    if known is None:
        definition = Definition(id=derived_uuid(engine, "asset-models", model), model=model, name=model)
    else:
        definition = msgspec.convert(known, Definition)
    taken = {(one.is_attribute, one.place) for one in definition.properties}
    more = [one for one in _native_properties(engine, content, measures) if (one.is_attribute, one.place) not in taken]
    info = native.get("_kuzzle_info") or {}
    return msgspec.structs.replace(
        definition,
        properties=(*definition.properties, *more),
        created_at=info.get("createdAt") or 0,
        updated_at=changed_at(native),
    )


def pascal_case(name: str) -> str:
    """A name as native models may have it: its words, of ASCII letters and digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z]+|\d+", plain)
    return "".join(word[:1].upper() + word[1:] for word in words)[:LONGEST_NAME] or "Model"


def model_name(name: str, engine: str, id: str) -> str:
    """The name of the native model: that of the model, and six digits by which models of one name differ."""
    digits = hashlib.sha256(f"{engine}/{id}".encode()).hexdigest()[:6]
    return pascal_case(name) + digits.upper()


def field_name(name: str, taken: Iterable[str], suffix: str = "") -> str:
    """A slot or metadata field for a property: its name without what paths cannot hold, and not one of `taken`."""
    plain = re.sub(r"\W+", "_", name).strip("_") or "property"
    wanted = plain + suffix
    number = 1
    while wanted in taken:
        number += 1
        wanted = f"{plain}{suffix}_{number}"
    return wanted


def _native_properties(engine: str, content: Source, measures: Mapping[str, Source]) -> Iterator[Property]:
    model = content["model"]
    defaults = content.get("defaultMetadata") or {}
    for slot in content.get("measures") or ():
        member = _member(slot["type"], measures.get(slot["type"], {}))
        if member is not None:
            path, data_type = member
            yield Property(
                id=derived_uuid(engine, "asset-models", model, "measures", slot["name"]),
                name=slot["name"],
                data_type=data_type,
                kind="measurement",
                type={"measurement": {}},
                place=slot["name"],
                member=path,
                is_native=True,
            )
    for field, mapping in (content.get("metadataMappings") or {}).items():
        native_type = NATIVE_TYPES.get(mapping.get("type", ""))
        if native_type is not None:
            default = defaults.get(field)
            yield Property(
                id=derived_uuid(engine, "asset-models", model, "metadata", field),
                name=field,
                data_type=native_type,
                kind="attribute",
                type={"attribute": {} if default is None else {"defaultValue": str(default)}},
                place=field,
                is_native=True,
            )


def _member(type: str, mappings: Source) -> tuple[tuple[str, ...], DataType] | None:
    """Where measures of a type hold their value: the member of the type's name, or else the first one."""
    members = dict(_leaves(mappings))
    if not members:
        return None
    path = (type,) if (type,) in members else next(iter(members))
    return path, members[path]


def _leaves(mappings: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], DataType]]:
    for name, mapping in mappings.items():
        if "properties" in mapping:
            yield from _leaves(mapping["properties"], (*above, name))
        elif (data_type := NATIVE_TYPES.get(mapping.get("type", ""))) is not None:
            yield (*above, name), data_type
