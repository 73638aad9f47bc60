"""Write the pages that follow from the code: settings, errors, events; `--check` finds out if they are current."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from pathlib import Path

from device_manager import settings
from device_manager.errors import CATALOGUE, ErrorKind
from device_manager.events.catalogue import EVENTS

FOLDER = Path(__file__).parent
SETTINGS_TEXT = """# Settings

Each can be given by a flag of `device-manager serve` (`--store-deadline 2`), by the environment
(`DEVICE_MANAGER_STORE_DEADLINE=2`) or in the settings file (`store_deadline = 2` in the table `[serve]`); the first of
these wins. Times are in seconds, sizes in bytes. This page is written by `make docs`.

| setting | default | what it is |
|---|---|---|
"""
ERRORS_TEXT = """# Errors

What the member `error` of an answer can be. `{0}`, `{1}` ... stand for the values that `props` holds. `code` goes with
the id. This page is written by `make docs`.
"""
EVENTS_TEXT = """# Events

What pipes and hooks can listen to, beside `<controller>:before<Action>`, `after<Action>` and `error<Action>` of every
action; [plugins.md](plugins.md) tells how. Listeners get what stands in the brackets. This page is written by
`make docs`.

| event | what listeners get |
|---|---|
"""


def events_page() -> str:
    """Every declared event with its payload."""
    return EVENTS_TEXT + "".join(f"| `{event.pattern}` | {_cell(event.payload)} |\n" for event in EVENTS)


def settings_page() -> str:
    """Every setting with its default and the docstring below it."""
    tree = ast.parse(inspect.getsource(settings))
    [struct] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    lines = []
    defaults = dict(zip(settings.Settings.__struct_fields__, settings.Settings.__struct_defaults__, strict=True))
    for field, following in zip(struct.body, [*struct.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None:
            text = ""
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                text = " ".join(str(following.value.value).split())
            lines.append(f"| `{field.target.id}` | `{defaults[field.target.id]!r}` | {text} |")
    return SETTINGS_TEXT + "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every error of the catalogue, by area."""
    areas: dict[str, list[ErrorKind]] = defaultdict(list)
    for kind in CATALOGUE.values():
        areas[kind.id.rpartition(".")[0]].append(kind)
    parts = [ERRORS_TEXT]
    for area in sorted(areas):
        parts.append(f"\n## {area}\n\n| id | status | code | text |\n|---|---|---|---|\n")
        parts += [f"| `{kind.id}` | {kind.status} | {kind.code} | {_cell(kind.text)} |\n" for kind in areas[area]]
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write or check the pages; 1 when one is not current."""
    stale = 0
    pages = {"settings.md": settings_page(), "errors.md": errors_page(), "events.md": events_page()}
    for name, text in pages.items():
        page = FOLDER / name
        if page.exists() and page.read_text() == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"docs/{name} is not current: run `make docs`", file=sys.stderr)
        else:
            page.write_text(text)
            print(f"wrote docs/{name}")
    return int(stale > 0 and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
