"""The results of aggregations in the form that Elasticsearch gives them (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from device_manager.query.date_texts import Write, date_writer
from device_manager.query.fields import FieldRef
from device_manager.query.search import DateHistogram, Metric

Result = dict[str, Any]
Row = Sequence[Any]


def writer_of(field: FieldRef) -> Callable[[float], str]:
    """How dates and truths show in `key_as_string` and `value_as_string`."""
    if field.type != "date":
        return lambda value: "true" if value else "false"
    write = date_writer(field.format)
    return lambda value: write(int(value))


def measured(metric: Metric, row: Row, write: Callable[[float], Any] | None) -> Result:
    """A metric from count, least, greatest, sum and number of distinct values."""
    count, least, most, total, distinct = row
    if metric.kind in ("value_count", "cardinality"):
        return {"value": count if metric.kind == "value_count" else distinct}
    values = {
        "min": None if least is None else float(least),
        "max": None if most is None else float(most),
        "avg": total / count if count else None,
        "sum": total,
    }
    if metric.kind != "stats":
        return _shown("value", values[metric.kind], write)
    stats: Result = {"count": count}
    for name, value in values.items():
        stats |= _shown(name, value, write if count else None)
    return stats


def _shown(name: str, value: float | None, write: Callable[[float], Any] | None) -> Result:
    return {name: value} if write is None or value is None else {name: value, f"{name}_as_string": write(value)}


def terms_result(buckets: list[Result], whole: int) -> Result:
    """The buckets of a terms aggregation as Elasticsearch shows them."""
    counted = sum(bucket["doc_count"] for bucket in buckets)
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": whole - counted, "buckets": buckets}


def histogram_result(histogram: DateHistogram, buckets: dict[int, Result], write: Write) -> Result:
    """The buckets of a date histogram in their order."""
    key, direction = histogram.order
    found = sorted(buckets.values(), key=lambda bucket: bucket["key"])
    sign = 1 if direction == "asc" else -1
    found.sort(key=lambda bucket: sign * int(bucket["key" if key == "_key" else "doc_count"]))
    named = [{"key_as_string": write(bucket["key"]), **bucket} for bucket in found]
    return {"buckets": {bucket["key_as_string"]: bucket for bucket in named} if histogram.keyed else named}


def hits_result(count: int, hits: list[Result], scored: bool) -> Result:
    """The first documents of a bucket that holds `count`."""
    total = {"value": count, "relation": "eq"}
    return {"hits": {"total": total, "max_score": 1.0 if scored and hits else None, "hits": hits}}
