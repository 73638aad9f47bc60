"""Find a redis-server for tests, or unpack Debian's below `.cache/redis`, which takes no rights (design 11).

`python build.py` prints the command that starts it, one word a line.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("DEVICE_MANAGER_REDIS_HOME") or Path(__file__).resolve().parents[2] / ".cache" / "redis")
PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1", "libssl3")
"""The server and those of its libraries that a system without it may not have."""
BUILT = "built"


def say(text: str) -> None:
    """Progress goes to standard error, where pytest and make leave it visible."""
    print(f"redis: {text}", file=sys.stderr, flush=True)


def command() -> list[str]:
    """The words that start a redis-server: the one on the PATH, otherwise Debian's with its libraries."""
    installed = shutil.which("redis-server")
    if installed:
        return [installed]
    root = build() / "root"
    libraries = ":".join(sorted({str(file.parent) for file in root.rglob("*.so*")}))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(root / "usr" / "bin" / "redis-server")]


def build() -> Path:
    """The folder with the unpacked packages, made once; concurrent callers wait for the one that makes it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = CACHE / BUILT
        if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
            unpack()
            stamp.write_text(" ".join(PACKAGES))
    return CACHE


def unpack() -> None:
    """Fetch the packages with lists of packages of our own: those of the system may be missing or out of date."""
    say("fetching Debian's redis-server (4 MB, and the lists of packages, once) ...")
    lists, archives, packages = CACHE / "state" / "lists", CACHE / "archives", CACHE / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    for folder in (lists / "partial", archives / "partial", packages):
        folder.mkdir(parents=True, exist_ok=True)
    places = ["-o", f"Dir::State={CACHE / 'state'}", "-o", f"Dir::Cache={archives}", "-o", "APT::Sandbox::User="]
    run(["apt-get", "-qq", *places, "update"])
    run(["apt-get", "-qq", *places, "download", *PACKAGES], packages)
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(CACHE / "root")])
    shutil.rmtree(lists.parent)
    shutil.rmtree(archives)


def run(words: list[str], folder: Path = CACHE) -> None:
    """Run a command; what it prints goes to standard error."""
    subprocess.run(words, cwd=folder, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    print("\n".join(command()))
