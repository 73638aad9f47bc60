"""All measurements by name; each takes the number of runs and gives lines of the table."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import links, rights, server_now
from benchmarks.table import Row

BENCHMARKS: dict[str, Callable[[int], list[Row]]] = {
    "server-now": server_now.measure,
    "rights": rights.measure,
    "links-sqlite": links.measure_sqlite,
    "links-elasticsearch": links.measure_elasticsearch,
}
