"""A wheel holds exactly what the tree holds, controllers and pipes included; from it the command works."""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "device_manager"
DATA = ("py.typed", "airports.csv", "temperatures.csv", "models.json", "README.md")


def test_it_holds_what_the_tree_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        packed = {name for name in content.namelist() if not name.split("/")[0].endswith(".dist-info")}
    folders = {PACKAGE: "", PACKAGE / "controllers": "controllers/", PACKAGE / "pipes": "pipes/"}
    folders[PACKAGE / "cli" / "airports"] = "cli/airports/"
    expected = set()
    for folder, prefix in folders.items():
        for path in folder.resolve().rglob("*"):
            if path.suffix in {".py", ".sql"} or path.name in DATA:
                expected.add(f"device_manager/{prefix}{path.relative_to(folder.resolve())}")
    assert packed == expected


def test_every_package_has_an_init(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    for name in names:
        folder = name.rpartition("/")[0]
        if name.endswith(".py"):
            assert f"{folder}/__init__.py" in names, name
