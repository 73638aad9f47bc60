"""Start a real Elasticsearch node for tests and benchmarks, building its home folder when it is missing (design 11).

`python start.py` prints one JSON line `{"url", "pid"}` once the node answers, then keeps it running until its standard
input ends. `python start.py --build` only builds.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("DEVICE_MANAGER_ELASTICSEARCH_HOME") or FOLDER.parent.parent / ".cache" / "elasticsearch")
READY_DEADLINE = 90.0
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 << 30
MODULE = "transport-netty4"
BUILT = "built"


def say(text: str) -> None:
    """Progress goes to standard error, where pytest and make leave it visible."""
    print(f"elasticsearch: {text}", file=sys.stderr, flush=True)


def fingerprint() -> str:
    """What the home folder was built from; it is built anew when this changes."""
    return (FOLDER / "pom.xml").read_text() + (FOLDER / "src" / "NodeLauncher.java").read_text()


def build() -> Path:
    """The home folder of the node, built once; concurrent callers wait for the one that builds."""
    CACHE.mkdir(parents=True, exist_ok=True)
    home = CACHE / "home"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = home / BUILT
        if not stamp.exists() or stamp.read_text() != fingerprint():
            shutil.rmtree(home, ignore_errors=True)
            fill(home)
            stamp.write_text(fingerprint())
    return home


def fill(home: Path) -> None:
    """Fetch the libraries with Maven, lay them out as Elasticsearch wants them, compile the launcher."""
    say("fetching the server from Maven Central (41 MB, once) ...")
    libraries = home / "lib"
    subprocess.run(
        [
            "mvn",
            "-q",
            "-B",
            "-f",
            str(FOLDER / "pom.xml"),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={libraries}",
        ],
        check=True,
        stdout=sys.stderr,
    )
    module = home / "modules" / MODULE
    module.mkdir(parents=True)
    for jar in [*libraries.glob("netty-*.jar"), *libraries.glob(f"{MODULE}-*.jar")]:
        jar.rename(module / jar.name)
    (module / "plugin-descriptor.properties").write_text(descriptor(next(module.glob(f"{MODULE}-*.jar"))))
    (home / "config").mkdir()
    (home / "classes").mkdir()
    subprocess.run(
        ["javac", "-cp", f"{libraries}/*", "-d", str(home / "classes"), str(FOLDER / "src" / "NodeLauncher.java")],
        check=True,
        stdout=sys.stderr,
    )


def descriptor(jar: Path) -> str:
    """The module's own descriptor without `modulename`: the libraries are on the class path, not on the module path."""
    with zipfile.ZipFile(jar) as content:
        name = next(name for name in content.namelist() if name.endswith("plugin-descriptor.properties"))
        lines = content.read(name).decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith(("modulename", "#"))) + "\n"


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def command(home: Path, data: Path, port: int, heap: str, *, optimise: bool) -> list[str]:
    """The command line of the node; without the optimising compiler it costs half the CPU in its first minutes."""
    settings = {
        "path.home": home,
        "path.data": data / "data",
        "path.logs": data / "logs",
        "cluster.name": "device-manager",
        "node.name": "node",
        "discovery.type": "single-node",
        "http.port": port,
        "transport.port": free_port(),
        "network.host": "127.0.0.1",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "action.destructive_requires_name": "false",
        "cluster.max_shards_per_node": 20000,
        "node.processors": 2,
    }
    return [
        "java",
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        *(() if optimise else ("-XX:TieredStopAtLevel=1",)),
        "-Dlog4j2.disable.jmx=true",
        "--add-opens=java.base/java.nio.channels=ALL-UNNAMED",
        "-cp",
        f"{home / 'classes'}:{home / 'lib'}/*",
        "NodeLauncher",
        *(f"{name}={value}" for name, value in settings.items()),
    ]


def answers(url: str) -> bool:
    """Whether the node answers `url` with a success."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the cluster to answer with a master; complain with the end of the log when it does not come up."""
    started = told = time.monotonic()
    while True:
        if answers(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s"):
            return
        now = time.monotonic()
        if process.poll() is not None or now - started > READY_DEADLINE:
            raise SystemExit(f"The Elasticsearch node did not come up.\n{log.read_text()[-4000:]}")
        if now - told > 5:
            told = now
            say(f"still starting after {now - started:.0f} s ...")
        time.sleep(0.1)


def folder_in_memory() -> Path | None:
    """A folder whose files live in memory, if there is one with room: making an index waits for the disk many times."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        return MEMORY
    return None


@contextlib.contextmanager
def running_node(
    port: int | None = None, data: Path | None = None, heap: str = "1g", *, optimise: bool = False
) -> Iterator[tuple[str, int]]:
    """A node that answers, as its URL and its process id; stopped, and its temporary data removed, at the end."""
    home = build()
    place = None if optimise else folder_in_memory()
    with tempfile.TemporaryDirectory(prefix="elasticsearch-", ignore_cleanup_errors=True, dir=place) as temporary:
        folder = data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        log = folder / "node.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(home, folder, port, heap, optimise=optimise),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield url, process.pid
        finally:
            process.kill()
            process.communicate()


def main() -> None:
    """Build and start as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", action="store_true", help="only build the home folder")
    parser.add_argument("--port", type=int, help="HTTP port; a free one otherwise")
    parser.add_argument("--data", type=Path, help="data folder to keep; a temporary one otherwise")
    parser.add_argument("--heap", default="1g", help="size of the Java heap")
    parser.add_argument(
        "--optimise", action="store_true", help="let the node compile itself for speed, which takes minutes"
    )
    options = parser.parse_args()
    if options.build:
        say(f"ready in {build()}")
        return
    with running_node(options.port, options.data, options.heap, optimise=options.optimise) as (url, pid):
        print(json.dumps({"url": url, "pid": pid}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()


if __name__ == "__main__":
    main()
