"""All measurements by name; each takes the number of runs and gives lines of the table."""

from __future__ import annotations

import functools
from collections.abc import Callable

from benchmarks import documents, ingestion, links, rights, server_now
from benchmarks.table import Row


def benchmarks(payloads: int = ingestion.PAYLOADS) -> dict[str, Callable[[int], list[Row]]]:
    """The measurements; those of ingestion send that many payloads in each run."""
    return {
        "server-now": server_now.measure,
        "rights": rights.measure,
        "documents-sqlite": documents.measure_sqlite,
        "documents-elasticsearch": documents.measure_elasticsearch,
        "links-sqlite": links.measure_sqlite,
        "links-elasticsearch": links.measure_elasticsearch,
        "ingestion-sqlite": functools.partial(ingestion.measure_sqlite, payloads=payloads),
        "ingestion-elasticsearch": functools.partial(ingestion.measure_elasticsearch, payloads=payloads),
    }
