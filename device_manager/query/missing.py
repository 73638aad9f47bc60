"""What Elasticsearch shows as the sort value of a document without a value, by field type; both stores say the same."""

from __future__ import annotations

from device_manager.query.conversions import INTEGER_BOUNDS
from device_manager.query.search import Sort
from device_manager.query.tree import Scalar


def missing_value(sort: Sort, type: str) -> Scalar:
    """The sort value that stands for "no value": null for keywords, the outermost number in the order for the rest."""
    if type == "keyword":
        return None
    is_high = (sort.order == "asc") == (sort.missing == "_last")
    if type in {"float", "double"}:
        return "Infinity" if is_high else "-Infinity"
    low, high = INTEGER_BOUNDS["integer" if type == "integer" else "long"]
    return high if is_high else low
