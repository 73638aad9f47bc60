"""The page about operations lists every figure, and its alerts name only figures that exist."""

from __future__ import annotations

import re
from pathlib import Path

from device_manager.app import Application
from device_manager.metrics.metrics import PREFIX
from device_manager.settings import Settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "operations.md"


async def test_the_page_is_complete(tmp_path: Path) -> None:
    page = PAGE.read_text()
    application = Application(Settings(store=f"sqlite:{tmp_path}", redis="redis://127.0.0.1:1"))
    names = set()
    for figure in application.metrics.described:
        name = figure.name + ("_total" if figure.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in figure.labels)
        assert f"| `{name}` | {figure.kind} | {labels} | {figure.text} |" in page
        names |= {name, f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    for named in re.findall(rf"{PREFIX}(\w+)", page):
        assert named in names, named
