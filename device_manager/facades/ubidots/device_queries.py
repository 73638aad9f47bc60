"""Filters, search and order of device lists as queries, as far as the documents hold what they are about (facades 4.5).

Label and name of a device are in its metadata if somebody gave them; else they follow from its model and reference. So
a query on them has a branch for each model that devices without a label are of, which a survey of the engine finds.
Pure.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.facades.ubidots.content import MEMBER, model_name
from device_manager.facades.ubidots.filters import Filter, Selection, boolean, milliseconds
from device_manager.facades.ubidots.reading import CREATED, ORDER
from device_manager.facades.ubidots.texts import Place, all_of, any_of, none_of, text_query
from device_manager.query.dsl import to_dsl
from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Bool, Exists, Ids, Query, Range, Regexp, Term
from device_manager.storage.stamps import Source

NAME, LABEL, DESCRIPTION, TAGS, ACTIVE = (
    f"metadata.{MEMBER}.{name}" for name in ("name", "label", "description", "tags", "isActive")
)
MODEL, REFERENCE = "model", "reference"
CHANGED_BY_SLUG = Regexp(REFERENCE, "(.*[^A-Za-z0-9_.:\\-].*)|(.*-)")
"""References that do not stand in labels as they are."""
MOST_MODELS = 100
"""Branches of a query."""
DAY = 86_400_000
END_OF_TIME = 8_640_000_000_000_000
"""Milliseconds since 1970 that no date reaches."""


class Survey(NamedTuple):
    """What is known of the devices of an engine.

    Attributes:
        total: how many there are.
        models: of those that have no label in their metadata; None when these are too many, or when there are devices
            whose label is not simply made of model and reference.
        unlabelled: how many have no label in their metadata.
        unnamed: how many have no name in theirs.
    """

    total: int
    models: tuple[str, ...] | None
    unlabelled: int
    unnamed: int


class Listing(NamedTuple):
    """How a list is read.

    Attributes:
        query: what is on it, or more than that.
        sort: its order, such as `{field: direction}`; None when it has to be sorted in memory.
        rest: what the query does not say; None for nothing.
    """

    query: Query
    sort: tuple[Source, ...] | None
    rest: Selection | None


def survey_body(engine: str) -> Source:
    """The search that finds what a survey tells."""
    unlabelled = none_of(_has(LABEL))
    of_others = all_of(none_of(Term(MODEL, model_name(engine))), CHANGED_BY_SLUG)
    counts = {
        "models": {"terms": {"field": MODEL, "size": MOST_MODELS}},
        "changed": {"filter": to_dsl(of_others)},
    }
    return {
        "size": 0,
        "aggs": {
            "unlabelled": {"filter": to_dsl(unlabelled), "aggs": counts},
            "unnamed": {"filter": to_dsl(none_of(_has(NAME)))},
        },
    }


def read_survey(found: Mapping[str, Any]) -> Survey:
    """The survey that the result of its search tells."""
    unlabelled, unnamed = (found["aggregations"][name] for name in ("unlabelled", "unnamed"))
    buckets = unlabelled["models"]["buckets"]
    is_simple = not unlabelled["changed"]["doc_count"] and not unlabelled["models"]["sum_other_doc_count"]
    models = tuple(bucket["key"] for bucket in buckets) if is_simple else None
    return Survey(found["total"], models, unlabelled["doc_count"], unnamed["doc_count"])


def needs_survey(selection: Selection) -> bool:
    """Whether a list depends on labels or names."""
    return bool(selection.search) or bool(selection.attributes & {"label", "name"})


def plan(engine: str, selection: Selection, twins: Mapping[str, str], survey: Survey | None) -> Listing:
    """How to read a list.

    Args:
        engine: of the devices.
        selection: what is to be on the list.
        twins: the core ids of devices by their ids, of those that the filters name.
        survey: of the engine; None where `needs_survey` says so.
    """
    places = _places(engine, survey)
    queries: list[Query] = []
    rest = []
    for one in selection.filters:
        query = _query(one, places, twins)
        if query is None:
            rest.append(one)
        else:
            queries.append(none_of(query) if one.is_negated else query)
    search = _search(selection.search, places) if selection.search else MATCH_ALL
    if search is not None:
        queries.append(search)
    sort = _sort(engine, selection, survey)
    is_whole = not rest and search is not None and sort is not None
    left = selection._replace(filters=tuple(rest), search=selection.search if search is None else "")
    return Listing(all_of(*queries), sort, None if is_whole else left)


def _has(field: str) -> Query:
    return Bool(filter=(Exists(field),), must_not=(Term(field, ""),))


class _Branch(NamedTuple):
    """Devices that have a text at one place."""

    devices: Query
    place: Place


def _places(engine: str, survey: Survey | None) -> dict[str, list[_Branch]]:
    """Where the texts of devices are, by attribute; none for those of which it is not known."""
    described = _has(DESCRIPTION)
    places = {"description": [_Branch(described, Place(DESCRIPTION)), _Branch(none_of(described), Place(""))]}
    if survey is None or survey.models is None:
        return places
    own, labelled, named = model_name(engine), _has(LABEL), _has(NAME)
    labels = [_Branch(labelled, Place(LABEL))]
    for model in survey.models:
        devices = all_of(none_of(labelled), Term(MODEL, model))
        labels.append(_Branch(devices, Place(REFERENCE, "" if model == own else f"{model}-")))
    unnamed = [_Branch(all_of(none_of(named), devices), place) for devices, place in labels]
    return places | {"label": labels, "name": [_Branch(named, Place(NAME)), *unnamed]}


def _search(text: str, places: Mapping[str, list[_Branch]]) -> Query | None:
    found = [_text(places.get(attribute), "icontains", text) for attribute in ("label", "name")]
    queries = [query for query in found if query is not None]
    return any_of(queries) if len(queries) == len(found) else None


def _text(branches: list[_Branch] | None, operator: str, wanted: str) -> Query | None:
    if branches is None:
        return None
    queries = []
    for devices, place in branches:
        query = text_query(place, operator, wanted)
        if query is None:
            return None
        queries.append(all_of(devices, query) if query != MATCH_NONE else query)
    return any_of(queries)


def _query(one: Filter, places: Mapping[str, list[_Branch]], twins: Mapping[str, str]) -> Query | None:
    """Devices that pass a filter but for its negation; None when no query says the same."""
    operator, text = one.operators[0], one.text
    match one.attribute:
        case "label" | "name" | "description" if operator != "isnull":
            return _text(places.get(one.attribute), operator, text)
        case "label" | "name" | "createdAt" | "isActive" if operator == "isnull":
            return MATCH_NONE if boolean(text) else MATCH_ALL
        case "description":
            return none_of(_has(DESCRIPTION)) if boolean(text) else _has(DESCRIPTION)
        case "organization":
            return MATCH_ALL if boolean(text) else MATCH_NONE
        case "id":
            wanted = [text] if operator == "exact" else [part.strip() for part in text.split(",")]
            found = tuple(sorted({twins[id] for id in wanted if id in twins}))
            return Ids(found) if found else MATCH_NONE
        case "tags":
            return all_of(*(Term(TAGS, part.strip()) for part in text.split(",")))
        case "isActive":
            return none_of(Term(ACTIVE, False)) if boolean(text) else Term(ACTIVE, False)
        case "createdAt":
            return _created(one.operators, text)
    return None


def _created(operators: tuple[str, ...], text: str) -> Query | None:
    """Devices created at a moment, or on a day or in a year, given by the operators behind it."""
    part, *more = operators
    try:
        if part == "date":
            return _between(more[0] if more else "exact", [_day(one) for one in text.split(",")])
        if part == "year":
            return _between(more[0] if more else "exact", [_year(one) for one in text.split(",")])
        values = [milliseconds(one) for one in text.split(",")]
        return _between(part, [(math.ceil(value), math.floor(value) + 1) for value in values])
    except (KeyError, ValueError, OverflowError):
        return None  # other parts of dates, and what is no date


def _day(text: str) -> tuple[int, int]:
    begin = datetime.datetime.combine(datetime.datetime.fromisoformat(text).date(), datetime.time.min, datetime.UTC)
    start = int(begin.timestamp()) * 1000
    return start, start + DAY


def _year(text: str) -> tuple[int, int]:
    year = float(text)
    if year != int(year):
        raise ValueError("no year")
    first, next_first = (datetime.datetime(int(year) + more, 1, 1, tzinfo=datetime.UTC) for more in (0, 1))
    return int(first.timestamp()) * 1000, int(next_first.timestamp()) * 1000


def _between(operator: str, spans: list[tuple[int, int]]) -> Query:
    """Devices created where an operator says, relative to spans of milliseconds: from the first one, before the other.

    Raises:
        KeyError: for an operator that is none.
    """
    (start, end), (_, last) = spans[0], spans[-1]
    bounds: dict[str, dict[str, int]] = {
        "exact": {"gte": start, "lt": end},
        "gt": {"gte": end},
        "gte": {"gte": start},
        "lt": {"lt": start},
        "lte": {"lt": end},
        "range": {"gte": start, "lt": last},
    }
    inside = {name: max(-END_OF_TIME, min(END_OF_TIME, at)) for name, at in bounds[operator].items()}
    return Range(CREATED, gte=inside.get("gte"), lt=inside.get("lt"), format="epoch_millis")


def _sort(engine: str, selection: Selection, survey: Survey | None) -> tuple[Source, ...] | None:
    """The order of a list; devices that are equal come in the order of their creation."""
    direction = "desc" if selection.descending else "asc"
    if selection.sort_by == "createdAt":
        return tuple({field: direction} for field in ORDER)
    if survey is None:
        return None
    fields = _sort_fields(engine, selection.sort_by, survey)
    if fields is None:
        return None
    ties = [field for field in ORDER if field not in fields]
    by_value = [{field: {"order": direction, "unmapped_type": "keyword"}} for field in fields]
    return (*by_value, *({field: "asc"} for field in ties))


def _sort_fields(engine: str, attribute: str, survey: Survey) -> tuple[str, ...] | None:
    """What orders devices by their label or name; None when these are at several places."""
    if attribute == "name" and survey.unnamed < survey.total:
        return None if survey.unnamed else (NAME,)
    if attribute not in ("name", "label") or survey.models is None:
        return None
    if not survey.unlabelled:
        return (LABEL,)
    if survey.unlabelled < survey.total:
        return None
    own = model_name(engine)
    if survey.models == (own,):
        return (REFERENCE,)
    return None if own in survey.models else (MODEL, REFERENCE)


def named_ids(selection: Selection) -> list[str]:
    """The ids of devices that filters name."""
    texts = [one.text for one in selection.filters if one.attribute == "id"]
    return list(dict.fromkeys(part.strip() for text in texts for part in text.split(",")))
