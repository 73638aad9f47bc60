"""Filters and search of device lists as queries, as far as documents hold what they are about (facades 4.5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from device_manager.facades.ubidots.content import MEMBER, model_name
from device_manager.facades.ubidots.filters import Filter, Selection, boolean, text_test
from device_manager.facades.ubidots.moments import created_query
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
from device_manager.facades.ubidots.texts import Place, all_of, any_of, none_of, text_query
from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Ids, Query, Term, Terms

ACTIVITY = "lastActivity"
DESCRIPTION, TAGS, ACTIVE = (f"metadata.{MEMBER}.{name}" for name in ("description", "tags", "isActive"))


class Known(NamedTuple):
    """What was found out for a list.

    Attributes:
        survey: of the engine's devices; None when the list does not depend on it.
        changed: the labels of those that `survey.changed` counts, by their core ids; None when there are too many.
        named: the core ids of the devices that filters name, by their ids.
        active: when devices measured last, by their core ids, in milliseconds since 1970; None when too many did, or
            when the list does not depend on it.
        stretches: when the counted stretches begin in which devices were created, by their length, in milliseconds.
    """

    survey: Survey | None
    changed: Mapping[str, str] | None
    named: Mapping[str, str]
    active: Mapping[str, int] | None
    stretches: Mapping[int, Sequence[int]]


class Queried(NamedTuple):
    """What a query says of a list.

    Attributes:
        query: what is on the list, or more than that.
        rest: what the query does not say; None for nothing.
    """

    query: Query
    rest: Selection | None


class _Branch(NamedTuple):
    """Devices that have a text at one place, or whose texts are known, by core id."""

    devices: Query
    place: Place | Mapping[str, str]


def queried(engine: str, selection: Selection, known: Known) -> Queried:
    """What is on a list, as a query.

    Args:
        engine: of the devices.
        selection: what is to be on the list.
        known: what was found out.
    """
    places = _places(engine, known)
    queries: list[Query] = []
    rest = []
    by_activity = [one for one in selection.filters if one.attribute == ACTIVITY]
    if by_activity and known.active is not None:
        queries.append(_measured(all_pass(by_activity), known.active))
    for one in selection.filters:
        if one.attribute == ACTIVITY and known.active is not None:
            continue
        query = _query(one, engine, places, known)
        if query is None:
            rest.append(one)
        else:
            queries.append(query)
    search = _search(selection.search, places) if selection.search else MATCH_ALL
    if search is not None:
        queries.append(search)
    is_whole = not rest and search is not None
    left = selection._replace(filters=tuple(rest), search=selection.search if search is None else "")
    return Queried(all_of(*queries), None if is_whole else left)


def all_pass(filters: Sequence[Filter]) -> Callable[[int | None], bool]:
    """Whether a moment, or its absence, passes all of some filters."""
    return lambda at: all(one.passes(at) for one in filters)


def named_ids(selection: Selection) -> list[str]:
    """The ids of devices that filters name."""
    texts = [one.text for one in selection.filters if one.attribute == "id"]
    return list(dict.fromkeys(part.strip() for text in texts for part in text.split(",")))


def _places(engine: str, known: Known) -> dict[str, list[_Branch]]:
    """Where the texts of devices are, by attribute; none for those of which it is not known."""
    described, survey = has(DESCRIPTION), known.survey
    places = {"description": [_Branch(described, Place(DESCRIPTION)), _Branch(none_of(described), Place(""))]}
    if survey is None or survey.models is None or known.changed is None:
        return places
    labelled, named, odd = has(LABEL), has(NAME), changed(engine)
    labels = [_Branch(labelled, Place(LABEL))]
    if known.changed:
        labels.append(_Branch(odd, known.changed))
    for model in survey.models:
        devices = all_of(none_of(labelled), Term(MODEL, model), none_of(odd) if known.changed else MATCH_ALL)
        labels.append(_Branch(devices, Place(REFERENCE, "" if model == model_name(engine) else f"{model}-")))
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
        query = _texts(place, operator, wanted)
        if query is None:
            return None
        queries.append(all_of(devices, query) if query != MATCH_NONE else query)
    return any_of(queries)


def _texts(place: Place | Mapping[str, str], operator: str, wanted: str) -> Query | None:
    if isinstance(place, Place):
        return text_query(place, operator, wanted)
    passes = text_test(operator, wanted)
    return _ids(id for id, text in place.items() if passes(text))


def _ids(found: Iterable[str]) -> Query:
    ids = tuple(sorted(found))
    return Ids(ids) if ids else MATCH_NONE


def _query(one: Filter, engine: str, places: Mapping[str, list[_Branch]], known: Known) -> Query | None:
    """Devices that pass a filter; None when no query says the same."""
    match one.attribute:
        case "createdAt" if one.operators[0] != "isnull":
            return created_query(one, known.stretches)
        case "lastActivity":
            return None
        case "variablesCount":
            return None if known.survey is None else _counted(engine, one.passes, known.survey.counts)
    query = _plain(one, places, known.named)
    return none_of(query) if query is not None and one.is_negated else query


def _plain(one: Filter, places: Mapping[str, list[_Branch]], named: Mapping[str, str]) -> Query | None:
    """Devices that pass a filter but for its negation."""
    operator, text = one.operators[0], one.text
    match one.attribute:
        case "label" | "name" | "description" if operator != "isnull":
            return _text(places.get(one.attribute), operator, text)
        case "label" | "name" | "createdAt" | "isActive" | "organization" if operator == "isnull":
            return MATCH_NONE if boolean(text) else MATCH_ALL
        case "description":
            return none_of(has(DESCRIPTION)) if boolean(text) else has(DESCRIPTION)
        case "id":
            wanted = [text] if operator == "exact" else [part.strip() for part in text.split(",")]
            return _ids({named[id] for id in wanted if id in named})
        case "tags":
            return all_of(*(Term(TAGS, part.strip()) for part in text.split(",")))
        case "isActive":
            return none_of(Term(ACTIVE, False)) if boolean(text) else Term(ACTIVE, False)
    return None


def _measured(passes: Callable[[int | None], bool], active: Mapping[str, int]) -> Query:
    """Devices whose last measure passes; those without one are all that are not active."""
    if passes(None):
        return none_of(_ids(id for id, at in active.items() if not passes(at)))
    return _ids(id for id, at in active.items() if passes(at))


def _counted(engine: str, passes: Callable[[int], bool], counts: Counts | None) -> Query | None:
    """Devices whose number of variables passes."""
    if counts is None:
        return None
    numbers = tuple(number for number in counts.own if passes(number))
    models = tuple(model for model, number in counts.others.items() if passes(number))
    of_own = all_of(own(engine), Terms(VARIABLES_COUNT, numbers)) if numbers else MATCH_NONE
    return any_of((of_own, Terms(MODEL, models) if models else MATCH_NONE))
