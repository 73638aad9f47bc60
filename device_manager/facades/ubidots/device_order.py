"""The order of device lists as searches (facades 4.5). Pure.

Where devices have what a list is sorted by at different places, each place is a part of the list that is sorted by the
store. The first entries of the whole list are among the first ones of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from device_manager.facades.ubidots.content import COUNT, content_of, is_own, label_of, model_name
from device_manager.facades.ubidots.reading import CREATED, ORDER, Twin
from device_manager.facades.ubidots.survey import (
    LABEL,
    MODEL,
    NAME,
    REFERENCE,
    VARIABLES_COUNT,
    Counts,
    Survey,
    changed,
    has,
    own,
)
from device_manager.facades.ubidots.texts import all_of, none_of
from device_manager.query.tree import MATCH_ALL, Query, Terms
from device_manager.storage.stamps import Source

SortedBy = Callable[[Twin], Any]


class Part(NamedTuple):
    """A part of a list.

    Attributes:
        devices: which ones, of those on the list.
        fields: what orders them, other than their creation; None when they have to be sorted in memory.
    """

    devices: Query
    fields: tuple[str, ...] | None


class Order(NamedTuple):
    """How a list is sorted.

    Attributes:
        parts: of it.
        sorted_by: what a device is sorted by, of its members in `MEMBERS`.
    """

    parts: tuple[Part, ...]
    sorted_by: SortedBy


MEMBERS = (*ORDER, NAME, LABEL, VARIABLES_COUNT)
"""What of devices has to be known to sort them."""


def order_of(engine: str, attribute: str, survey: Survey | None) -> Order | None:
    """How a list is sorted by an attribute; None when no searches do that."""
    if attribute == "createdAt":
        return Order((Part(MATCH_ALL, (CREATED,)),), _created)
    if survey is None:
        return None
    if attribute == "label":
        parts = list(_by_label(engine, MATCH_ALL, survey))
        return Order(tuple(parts), lambda twin: label_of(engine, twin.id, twin.source))
    if attribute == "name":
        parts = [Part(has(NAME), (NAME,))] if survey.unnamed < survey.total else []
        if survey.unnamed:
            parts += _by_label(engine, none_of(has(NAME)) if parts else MATCH_ALL, survey)
        return Order(tuple(parts), lambda twin: _name(engine, twin))
    if attribute == "variablesCount" and survey.counts is not None:
        counts = survey.counts
        return Order(tuple(_by_count(engine, counts)), lambda twin: _count(engine, counts, twin))
    return None


def search_sort(fields: Sequence[str], *, descending: bool) -> tuple[Source, ...]:
    """The order of a part; devices that are equal come in the order of their creation."""
    direction = "desc" if descending else "asc"
    by_value = [{field: {"order": direction, "unmapped_type": "keyword"}} for field in fields]
    return (*by_value, *({field: "asc"} for field in ORDER if field not in fields))


def merged(twins: Iterable[Twin], sorted_by: SortedBy, *, descending: bool) -> list[Twin]:
    """Devices of several parts in the order of the list."""
    return sorted(sorted(twins, key=_creation), key=sorted_by, reverse=descending)


def _by_label(engine: str, devices: Query, survey: Survey) -> Iterable[Part]:
    """The parts of some devices that differ in where their labels are."""
    labelled, is_own_model, odd = has(LABEL), own(engine), changed(engine)
    models, own_model = survey.models, model_name(engine)
    has_labelled, has_own = survey.unlabelled < survey.total, models is None or own_model in models
    has_others = models is None or any(model != own_model for model in models)
    if has_labelled:
        yield Part(all_of(devices, labelled), (LABEL,))
    rest = all_of(devices, none_of(labelled)) if has_labelled else devices
    if has_own:
        yield Part(all_of(rest, is_own_model) if has_others else rest, (REFERENCE,))
    if has_others:
        others = all_of(rest, none_of(is_own_model)) if has_own else rest
        yield Part(all_of(others, none_of(odd)) if survey.changed else others, (MODEL, REFERENCE))
    if survey.changed:
        yield Part(all_of(devices, odd), None)


def _by_count(engine: str, counts: Counts) -> Iterable[Part]:
    """The parts of a list that differ in where the numbers of variables are."""
    if counts.own:
        yield Part(own(engine) if counts.others else MATCH_ALL, (VARIABLES_COUNT,))
    for number in sorted(set(counts.others.values())):
        yield Part(Terms(MODEL, tuple(model for model, slots in counts.others.items() if slots == number)), ())


def _name(engine: str, twin: Twin) -> str:
    return str(content_of(twin.source).get("name") or label_of(engine, twin.id, twin.source))


def _count(engine: str, counts: Counts, twin: Twin) -> int:
    if is_own(engine, twin.source):
        return int(content_of(twin.source).get(COUNT) or 0)
    return counts.others.get(twin.source["model"], 0)


def _creation(twin: Twin) -> tuple[Any, ...]:
    return _created(twin), twin.source["reference"], twin.source["model"]


def _created(twin: Twin) -> int:
    return int(twin.source["_kuzzle_info"]["createdAt"])
