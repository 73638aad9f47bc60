"""What the compilers have to know of the fields of a collection (design 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class FieldType:
    """One leaf of a mapping.

    Attributes:
        type: type of the mapping, such as `keyword`.
        source: path of its values in documents: that of the parent for a multi-field, else its own.
        definition: how the mapping defines it.
        inner: for a nested field, the leaves and nested fields right in it, by their full paths.
    """

    type: str
    source: str
    definition: Mapping[str, Any] = field(default_factory=dict)
    inner: Mapping[str, FieldType] = field(default_factory=dict)

    @property
    def format(self) -> str | None:
        """Date format of the mapping, None for the default."""
        return self.definition.get("format")


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A leaf as the embedded store numbers it.

    Attributes:
        number: what `term.f` holds.
        type: type of the mapping; it says what `term.v` holds.
        format: date format of the mapping, None for the default.
    """

    number: int
    type: str
    format: str | None = None


class FieldResolver(Protocol):
    """How the SQL compiler asks for the fields of the one collection that is searched."""

    @property
    def cid(self) -> int:
        """The number of the collection."""

    @property
    def rids(self) -> tuple[int, int]:
        """The lowest and the highest `rid` that documents of the collection can have."""

    def field(self, path: str) -> FieldRef | None:
        """The leaf at `path` (`model`, `links.deviceId`, the multi-field `model.text`); None when not mapped."""

    @property
    def types(self) -> Mapping[str, FieldType]:
        """All fields of the mapping, see `field_types`."""

    @property
    def revision(self) -> int:
        """The number of the mapping's newest extension; `doc.revision` has that by which a document was indexed."""

    def leaves(self, path: str) -> Sequence[FieldRef]:
        """The leaf at `path`, or all leaves below it when it is an object; empty when not mapped."""


def field_types(mappings: Mapping[str, Any]) -> dict[str, FieldType]:
    """The leaves and the nested fields of a mapping by path; what lies below a nested field is `inner` to it."""
    leaves: dict[str, FieldType] = {}
    _collect(mappings.get("properties") or {}, "", leaves)
    return leaves


def _collect(properties: Mapping[str, Any], prefix: str, leaves: dict[str, FieldType]) -> None:
    for name, mapping in properties.items():
        path = prefix + name
        type = mapping.get("type", "object")
        if type == "object":
            _collect(mapping.get("properties") or {}, f"{path}.", leaves)
        elif type == "nested":
            inner: dict[str, FieldType] = {}
            _collect(mapping.get("properties") or {}, f"{path}.", inner)
            leaves[path] = FieldType(type, path, mapping, inner)
        else:
            leaves[path] = FieldType(type, path, mapping)
            for sub_name, sub in (mapping.get("fields") or {}).items():
                leaves[f"{path}.{sub_name}"] = FieldType(sub["type"], path, sub)
