"""The query options of a request, and the pages that they make (facades 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from device_manager.facades.teos.errors import unusable
from device_manager.facades.teos.odata.evaluate import Filter, canonical
from device_manager.facades.teos.odata.parser import parse_filter
from device_manager.facades.teos.odata.schema import EntityType
from device_manager.facades.teos.odata.tree import Node

UNSUPPORTED = ("$apply", "$compute", "$search", "$deltatoken")
EXPANDABLE = frozenset({"CustomDefinitionItems", "Translations"})


class Order(NamedTuple):
    """One key of an order."""

    path: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What a client wants to see of a set.

    Attributes:
        node: the filter's tree, None for everything.
        filter: the filter.
        select: names of members, None for all; with each the members of its objects that are wanted, none for all.
        order: keys; none for the usual order.
        skip: entities to leave out.
        top: the most entities, None for all of them.
        counted: whether to tell how many match.
        given: the options as they came, for the link to the next page.
    """

    node: Node | None
    filter: Filter | None
    select: dict[str, tuple[str, ...]] | None
    order: tuple[Order, ...]
    skip: int
    top: int | None
    counted: bool
    given: tuple[tuple[str, str], ...]

    def matching(self, entities: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The entities that match."""
        wanted = self.filter
        return [entity for entity in entities if wanted is None or wanted.matches(entity)]

    def ordered(self, entities: Iterable[dict[str, Any]], kind: EntityType) -> list[dict[str, Any]]:
        """Entities in order; equal ones stay as they are."""
        found = list(entities)
        for key in reversed(self.order):
            found.sort(key=lambda entity, key=key: _sortable(entity, key, kind), reverse=key.descending)  # type: ignore[misc]
        return found

    def size(self, page: int) -> int:
        """How many entities the page shows at most."""
        return page if self.top is None else min(page, self.top)

    def shown(self, entity: dict[str, Any]) -> dict[str, Any]:
        """The members of an entity that were selected."""
        if self.select is None:
            return entity
        return {name: _part(entity[name], paths) for name, paths in self.select.items() if name in entity}

    def next_link(self, url: str, shown: int, total: int) -> str | None:
        """Where the next page is, None behind the last one.

        Args:
            url: of the set.
            shown: entities of this page.
            total: entities that match.
        """
        left = None if self.top is None else self.top - shown
        if left == 0 or shown == 0 or self.skip + shown >= total:
            return None
        kept = [(name, value) for name, value in self.given if name not in ("$skip", "$top", "$skiptoken")]
        kept += [("$skip", str(self.skip + shown))] + ([] if left is None else [("$top", str(left))])
        return f"{url}?{urlencode(kept, safe='$')}"


def read_options(query: bytes, kind: EntityType) -> Options:
    """The options of a request for a set of `kind`; what does not begin with `$` is ignored.

    Raises:
        TeosError: 12001 that names what cannot be used.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = tuple((name.lower(), value) for name, value in pairs if name.startswith("$"))
    options = dict(given)
    for name in UNSUPPORTED:
        if name in options:
            raise unusable(f"The query option '{name}' is not supported.", name)
    _check_format(options.get("$format", "json"))
    _check_expand(options.get("$expand", ""), kind)
    node = parse_filter(options["$filter"]) if options.get("$filter", "").strip() else None
    return Options(
        node,
        None if node is None else Filter(node, kind),
        _selected(options.get("$select", ""), kind),
        _order(options.get("$orderby", ""), kind),
        _number(options, "$skip") or _number(options, "$skiptoken") or 0,
        _number(options, "$top"),
        options.get("$count", "").lower() == "true",
        given,
    )


def _number(options: dict[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise unusable(f"The query option '{name}' has to be a number, not '{text}'.", name)
    return int(text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _selected(text: str, kind: EntityType) -> dict[str, tuple[str, ...]] | None:
    names = _names(text)
    for name in names:
        if name != "*":
            _check_property(name, kind)
    if not names or "*" in names:
        return None
    whole = {name for name in names if "/" not in name}
    selected: dict[str, tuple[str, ...]] = {}
    for name, _, part in (name.partition("/") for name in names):
        selected[name] = () if name in whole else (*selected.get(name, ()), part)
    return selected


def _part(value: Any, names: tuple[str, ...]) -> Any:
    """An object, or a list of objects, with some of its members."""
    if not names or value is None:
        return value
    if isinstance(value, list):
        return [_part(element, names) for element in value]
    return {name: value[name] for name in names if name in value}


def _order(text: str, kind: EntityType) -> tuple[Order, ...]:
    order = []
    for key in _names(text):
        name, _, direction = key.partition(" ")
        _check_property(name, kind)
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise unusable(f"The order '{key}' is neither asc nor desc.", "$orderby")
        order.append(Order(tuple(name.split("/")), direction.strip().lower() == "desc"))
    return tuple(order)


def _check_property(name: str, kind: EntityType) -> None:
    if kind.find(tuple(name.split("/"))) is None:
        raise unusable(f"Could not find a property named '{name}' on type '{kind.name}'.", name)


def _check_format(text: str) -> None:
    """JSON is all there is, under its short name or as a media type with parameters."""
    name = text.partition(";")[0].strip().lower()
    if name not in ("", "json", "application/json"):
        raise unusable(f"The format '{text}' is not supported; answers are JSON.", "$format")


def _check_expand(text: str, kind: EntityType) -> None:
    for name in _names(text):
        if name not in EXPANDABLE or kind.find((name,)) is None:
            raise unusable(f"The property '{name}' cannot be used in $expand.", name)


def _sortable(entity: dict[str, Any], order: Order, kind: EntityType) -> tuple[bool, str, Any]:
    """Nothing comes first; values of different kinds do not mix."""
    value: Any = entity
    for name in order.path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return (False, "", 0)
    value = canonical(kind.find(order.path), value)
    if isinstance(value, list | dict):
        value = str(value)
    is_number = isinstance(value, int | float)
    return (True, "number" if is_number else type(value).__name__, value)


def page_of(entities: Sequence[dict[str, Any]], options: Options, page: int) -> Sequence[dict[str, Any]]:
    """The entities of one page, of all that match."""
    return entities[options.skip : options.skip + options.size(page)]
