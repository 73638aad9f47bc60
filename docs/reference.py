"""Write the pages that follow from the code, `settings.md` and `errors.md`; `--check` finds out if they are current."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from pathlib import Path

from device_manager import settings
from device_manager.errors import CATALOGUE, ErrorKind

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
    """Write or check both pages; 1 when a page is not current."""
    stale = 0
    for name, text in (("settings.md", settings_page()), ("errors.md", errors_page())):
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
