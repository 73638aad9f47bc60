"""How far a run is, on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINE_EVERY = 2.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Tells people how many of `total` steps are done. `total` may be a guess."""

    def __init__(self, label: str, total: int) -> None:
        console = Console(stderr=True)
        self._label = label
        self._total = total
        self._done = 0
        self._told = time.monotonic()
        self._bar: Bar | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=console, transient=True)
            self._task = self._bar.add_task(label, total=total)
        self._console = console

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def expect(self, total: int) -> None:
        """Note that there are `total` steps in all."""
        self._total = total
        if self._bar is not None:
            self._bar.update(self._task, total=total)

    def advance(self, steps: int) -> None:
        """Note that `steps` more are done."""
        self._done += steps
        if self._bar is not None:
            self._bar.advance(self._task, steps)
        elif time.monotonic() - self._told > LINE_EVERY:
            self._told = time.monotonic()
            self._console.print(f"{self._label}: {self._done} of about {self._total}", highlight=False)
