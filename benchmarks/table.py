"""The one table of all measurements, on the terminal and in the documentation."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN = "<!-- benchmarks: begin (written by python -m benchmarks) -->"
END = "<!-- benchmarks: end -->"
HEADINGS = ("measurement", "here", "reference", "ratio", "aim")


@dataclass(frozen=True)
class Row:
    """One line: medians of the runs.

    Attributes:
        measurement: what was measured, and with how much in flight.
        here: our figure with its unit.
        reference: the figure that it is compared with.
        ratio: how many times better than the reference, above 1 is better; None where nothing is compared.
        aim: what the ratio, or the figure, has to reach.
    """

    measurement: str
    here: str
    reference: str = ""
    ratio: float | None = None
    aim: str = ""

    def cells(self) -> tuple[str, ...]:
        """The texts of the line."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.measurement, self.here, self.reference, ratio, self.aim


def render(rows: Sequence[Row]) -> str:
    """A Markdown table whose columns also line up on a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def text(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([text(HEADINGS), rule, *(text(row.cells()) for row in rows)])


def describe_machine(runs: int) -> str:
    """Where and when the table was measured."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    hardware = f"{os.cpu_count()} x {model}, Python {platform.python_version()}"
    return f"Medians of {runs} warm runs in one session, {today}: {hardware}."


def write(rows: Sequence[Row], runs: int, document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers of the document; the text around them is kept by hand."""
    text = document.read_text() if document.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    document.write_text(f"{before}{BEGIN}\n\n{describe_machine(runs)}\n\n{render(rows)}\n\n{END}{after}")
