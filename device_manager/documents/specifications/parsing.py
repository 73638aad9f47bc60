"""From specifications as clients write them to what documents are held against (router-protocol 5.4). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from device_manager.documents.specifications.types import KINDS, Check
from device_manager.errors import ApiError
from device_manager.storage.stamps import Source

MOST_FIELDS = 1000
"""Fields of one specification."""

_MEMBERS = frozenset({"strict", "fields", "validators"})
_FIELD_MEMBERS = frozenset({"type", "mandatory", "defaultValue", "description", "multivalued", "typeOptions"})
_ABSENT: Any = object()


class DocumentFilter(Protocol):
    """A filter on documents."""

    def matches(self, id: str | None, source: Source) -> bool:
        """Whether a document matches."""


ReadFilter = Callable[[Any], DocumentFilter]
"""Reads a Koncorde filter. Raises ApiError, 400, for what is none."""


class Count(NamedTuple):
    """How many values a field holds that may hold several."""

    least: float = 0
    most: float = float("inf")


@dataclass(slots=True)
class Field:
    """One field, or all of a document.

    Attributes:
        check: of one value.
        mandatory: it has to be there.
        default: what a missing value becomes; see `has_default`.
        has_default: whether there is one.
        count: of its values; None for one value.
        is_strict: it holds no other fields than `children`.
        is_object: it has fields of its own.
        children: its fields by name.
    """

    check: Check
    mandatory: bool = False
    default: Any = None
    has_default: bool = False
    count: Count | None = None
    is_strict: bool = False
    is_object: bool = False
    children: dict[str, Field] = field(default_factory=dict)


class Rules(NamedTuple):
    """What a specification asks of documents.

    Attributes:
        root: the document itself.
        validators: filters that each document has to match.
    """

    root: Field
    validators: tuple[DocumentFilter, ...] = ()


class Parsed(NamedTuple):
    """A specification: what it asks, and what is wrong with it, as texts; with faults the rules are not to be used."""

    rules: Rules
    faults: list[str]


def parse_specification(specification: Any, read_filter: ReadFilter) -> Parsed:
    """Read a specification, and find everything that is wrong with it.

    Args:
        specification: `{strict?, fields?, validators?}`.
        read_filter: reads the validators.
    """
    root = Field(lambda value: None, is_object=True)
    if not isinstance(specification, dict):
        return Parsed(Rules(root), ["a specification is an object"])
    faults = [
        f'unknown member "{name}", expected {", ".join(sorted(_MEMBERS))}' for name in specification.keys() - _MEMBERS
    ]
    strict = specification.get("strict", False)
    if not isinstance(strict, bool):
        faults.append("strict has to be a boolean")
    root.is_strict = strict is True
    faults += _read_fields(specification.get("fields", {}), root)
    validators, wrong = _read_validators(specification.get("validators") or [], read_filter)
    return Parsed(Rules(root, validators), faults + wrong)


def _read_validators(validators: Any, read_filter: ReadFilter) -> tuple[tuple[DocumentFilter, ...], list[str]]:
    if not isinstance(validators, list):
        return (), ["validators has to be an array of filters"]
    filters = []
    for place, validator in enumerate(validators):
        try:
            filters.append(read_filter(validator))
        except ApiError as error:
            return (), [f"validators[{place}]: {error.message}"]
    return tuple(filters), []


def _read_fields(fields: Any, root: Field) -> Iterator[str]:
    """Put the fields below `root`; what is wrong with them."""
    if not isinstance(fields, dict):
        yield "fields has to be an object"
        return
    if len(fields) > MOST_FIELDS:
        yield f"fields holds more than {MOST_FIELDS} fields"
        return
    for path, definition in sorted(fields.items(), key=lambda item: item[0].count("/")):
        names = path.split("/")
        if not all(names):
            yield f'the path "{path}" has an empty part'
            continue
        parent: Field | None = root
        for name in names[:-1]:
            parent = parent.children.get(name) if parent is not None else None
        if parent is None:
            yield f'the parent of "{path}" is not specified'
        elif not parent.is_object:
            yield f'the parent of "{path}" is no object'
        faults = list(_field_faults(definition))
        yield from (f'"{path}": {fault}' for fault in faults)
        if parent is not None and not faults:
            parent.children[names[-1]] = _field(definition)


def _field_faults(definition: Any) -> Iterator[str]:
    if not isinstance(definition, dict):
        yield "a field is an object"
        return
    for name in sorted(definition.keys() - _FIELD_MEMBERS):
        yield f'unknown member "{name}", expected {", ".join(sorted(_FIELD_MEMBERS))}'
    if not isinstance(definition.get("mandatory", False), bool):
        yield "mandatory has to be a boolean"
    yield from _count_faults(definition.get("multivalued"))
    type = definition.get("type")
    if type is None:
        yield "it has no type"
        return
    kind = KINDS.get(type) if isinstance(type, str) else None
    if kind is None:
        yield f"unknown type {type!r}, expected {', '.join(KINDS)}"
        return
    options = definition.get("typeOptions") or {}
    if not isinstance(options, dict):
        yield "typeOptions has to be an object"
        return
    for name in sorted(options.keys() - kind.options):
        yield f'the type {type} has no option "{name}"'
    yield from kind.faults(options)


def _count_faults(multivalued: Any) -> Iterator[str]:
    if multivalued is None:
        return
    if not isinstance(multivalued, dict) or not isinstance(multivalued.get("value"), bool):
        yield "multivalued has to be an object whose value is a boolean"
        return
    counts = {name: multivalued[name] for name in ("minCount", "maxCount") if name in multivalued}
    if multivalued.keys() - counts.keys() - {"value"}:
        yield "multivalued takes value, minCount and maxCount"
    elif counts and not multivalued["value"]:
        yield "multivalued has counts, but its value is false"
    elif not all(type(count) is int and count >= 0 for count in counts.values()):
        yield "minCount and maxCount have to be whole numbers, 0 or more"
    elif counts.get("minCount", 0) > counts.get("maxCount", float("inf")):
        yield "minCount is above maxCount"


def _field(definition: Source) -> Field:
    """A field without faults."""
    options = definition.get("typeOptions") or {}
    type = definition["type"]
    several = definition.get("multivalued") or {}
    default = definition.get("defaultValue", _ABSENT)
    return Field(
        check=KINDS[type].check(options),
        mandatory=definition.get("mandatory", False),
        default=None if default is _ABSENT else default,
        has_default=default is not _ABSENT and default is not None,
        count=_count(several) if several.get("value") else None,
        is_strict=options.get("strict", False),
        is_object=type == "object",
    )


def _count(several: Source) -> Count:
    return Count(several.get("minCount", 0), several.get("maxCount", float("inf")))
