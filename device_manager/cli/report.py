"""The summary of a bulk run: a table for people, one JSON object for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from device_manager.cli.bulk import Summary


def as_json(command: str, path: Path, errors: Path | None, summary: Summary, *, dry_run: bool) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "command": command,
        "file": str(path),
        "dryRun": dry_run,
        "rows": summary.rows,
        "applied": summary.changed + summary.unchanged,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "refused": summary.refused,
        "unknown": summary.unknown,
        "notSent": summary.not_sent,
        "calls": summary.calls,
        "seconds": round(summary.seconds, 3),
        "endedEarly": summary.ended_early,
        "reasons": dict(summary.reasons.most_common()),
        "errorsFile": None if errors is None else str(errors),
        "exit": int(summary.exit),
    }


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(command: str, path: Path, errors: Path | None, summary: Summary, *, dry_run: bool) -> None:
    """The same for people."""
    console = Console()
    table = Table(title=f"{command} {path}" + (" (dry run, nothing stored)" if dry_run else ""), show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    figures = {
        "rows": summary.rows,
        "changed": summary.changed,
        "already so": summary.unchanged,
        "refused": summary.refused,
        "no answer": summary.unknown,
        "not sent": summary.not_sent,
    }
    for name, figure in figures.items():
        if figure or name in {"rows", "changed", "refused"}:
            table.add_row(name, f"{figure:,}")
    table.add_row("seconds", f"{summary.seconds:.1f}")
    console.print(table)
    for reason, count in summary.reasons.most_common():
        console.print(f"  {count:,} x {reason}", highlight=False, markup=False)
    if summary.ended_early is not None:
        console.print(f"Ended early: {summary.ended_early}", highlight=False, markup=False)
    if errors is not None:
        console.print(f"Rows that were not applied: {errors}", highlight=False, markup=False)
