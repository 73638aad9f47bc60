"""The registry of figures, each read where it is counted at the moment somebody asks (design 10).

Nothing is counted here. Parts of the product keep plain integers, which cost nothing worth mentioning, and say with a
function how they are read; only a scrape makes Prometheus metrics of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from device_manager.metrics.timings import BOUNDS, Timings

PREFIX = "device_manager_"
"""Begins the name of every figure of ours."""
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LIMITS = (*map(str, BOUNDS), "+Inf")

T = TypeVar("T")
Labelled = Mapping[tuple[str, ...], T]
"""A figure for each combination of label values."""
Read = Callable[[], float | Labelled[float]]


class Described(NamedTuple):
    """A figure as the page about operations lists it: name without prefix, kind, labels, meaning."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class Metrics:
    """All figures of one application, in a registry of its own.

    Names are given without `PREFIX`; those of counters end in `_total` on the page that Prometheus reads.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.described: list[Described] = []
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self._registry)

    def counter(self, name: str, text: str, read: Read, labels: Sequence[str] = ()) -> None:
        """Add a number that only grows.

        Args:
            name: what is counted.
            text: what it means, a sentence.
            read: the number now, or with labels a mapping from their values to numbers.
            labels: names of the labels.
        """
        self._add("counter", name, text, labels, lambda: [_numbers(CounterMetricFamily, name, text, labels, read())])

    def gauge(self, name: str, text: str, read: Read, labels: Sequence[str] = ()) -> None:
        """Add a number that goes up and down; arguments as for `counter`."""
        self._add("gauge", name, text, labels, lambda: [_numbers(GaugeMetricFamily, name, text, labels, read())])

    def histogram(self, name: str, text: str, read: Callable[[], Labelled[Timings]], labels: Sequence[str]) -> None:
        """Add durations by bucket, in seconds; `read` gives them by label values."""
        self._add("histogram", name, text, labels, lambda: [_histogram(name, text, labels, read())])

    def text(self) -> bytes:
        """Every figure as of now, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _add(
        self, kind: str, name: str, text: str, labels: Sequence[str], collect: Callable[[], Iterable[Metric]]
    ) -> None:
        self.described.append(Described(name, kind, tuple(labels), text))
        self._registry.register(_Source(collect))


class _Source(Collector):
    """What the registry asks for one figure."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _numbers(
    family: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    text: str,
    labels: Sequence[str],
    read: float | Labelled[float],
) -> Metric:
    metric = family(PREFIX + name, text, labels=labels)
    figures: Labelled[float] = read if isinstance(read, Mapping) else {(): read}
    for values, number in figures.items():
        metric.add_metric(values, number)
    return metric


def _histogram(name: str, text: str, labels: Sequence[str], figures: Labelled[Timings]) -> Metric:
    metric = HistogramMetricFamily(PREFIX + name, text, labels=labels)
    for values, timings in figures.items():
        buckets, reached = [], 0
        for limit, count in zip(LIMITS, timings.counts, strict=True):
            reached += count
            buckets.append((limit, float(reached)))
        metric.add_metric(values, buckets, timings.total)
    return metric
