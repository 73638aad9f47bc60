"""`python -m benchmarks [NAME ...]`: measure, print the table, and keep it in docs/benchmarks.md after a full run."""

from __future__ import annotations

import argparse
import os

from benchmarks.catalogue import benchmarks
from benchmarks.ingestion import PAYLOADS
from benchmarks.processes import cores
from benchmarks.table import Row, describe_machine, render, write

RUNS = 5


def main() -> None:
    """Run all measurements, or those named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(benchmarks())}; all when none is given"
    )
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="warm runs of which the median counts (default %(default)s)"
    )
    parser.add_argument("--payloads", type=int, default=PAYLOADS, help="of each run of ingestion (default %(default)s)")
    options = parser.parse_args()
    known = benchmarks(options.payloads)
    unknown = set(options.names) - known.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    os.sched_setaffinity(0, {cores()[1]})
    rows: list[Row] = []
    for name in options.names or known:
        measured = known[name](options.runs)
        print(f"\n{render(measured)}", flush=True)
        rows += measured
    print(f"\n{describe_machine(options.runs)}\n\n{render(rows)}")
    if not options.names:
        write(rows, options.runs)


if __name__ == "__main__":
    main()
