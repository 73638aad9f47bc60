"""What has to be known of an engine's devices before lists of them can be searches (facades 4.5). Pure.

Label and name of a device are in its metadata if somebody gave them; else they follow from its model and reference.
The number of its variables is in its metadata if clients created it; else its model says how many slots it has. One
search counts which devices are of which kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.facades.ubidots.content import COUNT, MEMBER, model_name
from device_manager.facades.ubidots.filters import Selection
from device_manager.facades.ubidots.moments import can_count, stretch_of
from device_manager.facades.ubidots.reading import CREATED
from device_manager.facades.ubidots.texts import all_of, none_of
from device_manager.query.dsl import to_dsl
from device_manager.query.tree import Bool, Exists, Query, Regexp, Term
from device_manager.storage.stamps import Source

NAME, LABEL, VARIABLES_COUNT = (f"metadata.{MEMBER}.{name}" for name in ("name", "label", COUNT))
MODEL, REFERENCE, SLOT = "model", "reference", "measureSlots.name"
CHANGED_BY_SLUG = Regexp(REFERENCE, "(.*[^A-Za-z0-9_.:\\-].*)|(.*-)")
"""References that do not stand in labels as they are."""
MOST_MODELS = 100
"""Branches of a query."""
MOST_SLOTS = 500
"""Slots of a model, or different numbers of variables."""


class Counts(NamedTuple):
    """How many variables devices have.

    Attributes:
        own: the numbers that devices of the engine's own model have.
        others: of each further model, how many slots its devices have.
    """

    own: tuple[int, ...]
    others: Mapping[str, int]


class Survey(NamedTuple):
    """What is known of the devices of an engine; see `Needs` for what is looked at.

    Attributes:
        total: how many there are.
        models: of those that have no label in their metadata; None when these are too many.
        unlabelled: how many have no label in their metadata.
        unnamed: how many have no name in theirs.
        changed: how many have a label that is not simply made of their model and reference.
        counts: how many variables they have; None when the documents do not say.
        first: when the first one was created, in milliseconds since 1970; 0 without any.
        last: when the last one was.
    """

    total: int
    models: tuple[str, ...] | None = ()
    unlabelled: int = 0
    unnamed: int = 0
    changed: int = 0
    counts: Counts | None = None
    first: float = 0
    last: float = 0

    def stretches(self, selection: Selection) -> list[int]:
        """The lengths of the stretches of time that are to be counted for a list, of those that can be."""
        lengths = {length for one in selection.filters if (length := stretch_of(one)) is not None}
        return sorted(length for length in lengths if can_count(length, self.first, self.last, self.total))


class Needs(NamedTuple):
    """What a list depends on.

    Attributes:
        texts: labels or names.
        counts: numbers of variables.
        moments: when devices were created.
    """

    texts: bool
    counts: bool
    moments: bool


def needs_of(selection: Selection) -> Needs:
    """What has to be known of the devices before a list can be read."""
    attributes = selection.attributes
    return Needs(
        bool(selection.search) or bool(attributes & {"label", "name"}),
        "variablesCount" in attributes,
        any(stretch_of(one) is not None for one in selection.filters),
    )


def has(field: str) -> Query:
    """Devices with a text in a field that is not empty."""
    return Bool(filter=(Exists(field),), must_not=(Term(field, ""),))


def own(engine: str) -> Query:
    """Devices that clients created."""
    return Term(MODEL, model_name(engine))


def changed(engine: str) -> Query:
    """Devices with a label that is not simply made of their model and reference, nor in their metadata."""
    return all_of(none_of(has(LABEL)), none_of(own(engine)), CHANGED_BY_SLUG)


def survey_body(engine: str, needs: Needs) -> Source:
    """The search that finds what a survey tells."""
    aggregations: Source = {}
    if needs.texts:
        models = {"models": {"terms": {"field": MODEL, "size": MOST_MODELS}}}
        aggregations["unlabelled"] = {"filter": to_dsl(none_of(has(LABEL))), "aggs": models}
        aggregations["unnamed"] = {"filter": to_dsl(none_of(has(NAME)))}
        aggregations["changed"] = {"filter": to_dsl(changed(engine))}
    if needs.counts:
        aggregations["own"] = {
            "filter": to_dsl(own(engine)),
            "aggs": {"counts": {"terms": {"field": VARIABLES_COUNT, "size": MOST_SLOTS}}},
        }
        slots = {"slots": {"terms": {"field": SLOT, "size": MOST_SLOTS}}}
        aggregations["others"] = {
            "filter": to_dsl(none_of(own(engine))),
            "aggs": {"models": {"terms": {"field": MODEL, "size": MOST_MODELS}, "aggs": slots}},
        }
    if needs.moments:
        aggregations |= {"first": {"min": {"field": CREATED}}, "last": {"max": {"field": CREATED}}}
    return {"size": 0, "aggs": aggregations}


def read_survey(found: Mapping[str, Any], needs: Needs) -> Survey:
    """The survey that the result of its search tells."""
    survey, told = Survey(found["total"]), found["aggregations"]
    if needs.texts:
        models = told["unlabelled"]["models"]
        survey = survey._replace(
            models=None if models["sum_other_doc_count"] else tuple(bucket["key"] for bucket in models["buckets"]),
            unlabelled=told["unlabelled"]["doc_count"],
            unnamed=told["unnamed"]["doc_count"],
            changed=told["changed"]["doc_count"],
        )
    if needs.counts:
        survey = survey._replace(counts=_read_counts(told["own"], told["others"]["models"]))
    if needs.moments:
        survey = survey._replace(first=told["first"]["value"] or 0, last=told["last"]["value"] or 0)
    return survey


def _read_counts(own: Mapping[str, Any], models: Mapping[str, Any]) -> Counts | None:
    """The counts, if every device says how many variables it has, or all of its model have the same slots."""
    counted = own["counts"]["buckets"]
    if sum(bucket["doc_count"] for bucket in counted) < own["doc_count"] or models["sum_other_doc_count"]:
        return None
    others = {}
    for bucket in models["buckets"]:
        slots = bucket["slots"]
        differ = any(slot["doc_count"] < bucket["doc_count"] for slot in slots["buckets"])
        if differ or slots["sum_other_doc_count"]:
            return None
        others[bucket["key"]] = len(slots["buckets"])
    return Counts(tuple(int(bucket["key"]) for bucket in counted), others)
