"""Fixtures that every area of the tests shares: the real Elasticsearch, and servers as processes of their own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import hypothesis
import pytest

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

ROOT = Path(__file__).parent.parent
STORES = ("sqlite", "elasticsearch")
REDIS_BUILDER = Path(__file__).parent / "redis_server" / "build.py"
NODE_STARTER = Path(__file__).parent / "elasticsearch_node" / "start.py"
SHARED_CLUSTER = pytest.StashKey[str]()
"""Its address, once a test has asked for it."""


def pytest_configure(config: pytest.Config) -> None:
    """Choose the examples that hypothesis tries, and refuse what cannot work."""
    if os.environ.get("ELASTICSEARCH_URL") and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        raise pytest.UsageError("Tests that share one cluster cannot run side by side: leave out -n, or WORKERS=0.")
    # The same examples in every run of the tests; `make soak` looks for new ones.
    hypothesis.settings.register_profile("repeatable", derandomize=True, database=None)
    hypothesis.settings.register_profile("searching", derandomize=False)
    hypothesis.settings.load_profile(config.getoption("--hypothesis-profile") or "repeatable")


@dataclass(frozen=True)
class ElasticsearchNode:
    """A running node of the tests' own, which can be stopped and continued."""

    url: str
    pid: int

    def pause(self) -> None:
        """Stop the process where it is: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextlib.contextmanager
def _started_node() -> Iterator[ElasticsearchNode]:
    starter = subprocess.Popen(
        [sys.executable, str(NODE_STARTER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert starter.stdout is not None
        line = starter.stdout.readline()
        assert line, "the Elasticsearch node did not come up: see standard error"
        node = ElasticsearchNode(**json.loads(line))
        httpx.put(f"{node.url}/_cluster/settings", json=MOST_SHARDS, timeout=60).raise_for_status()
        yield node
    finally:
        starter.communicate()


@pytest.fixture(scope="session")
def elasticsearch_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The cluster that tests share: `ELASTICSEARCH_URL` when set, otherwise a node started for this session."""
    with contextlib.ExitStack() as stack:
        given = os.environ.get("ELASTICSEARCH_URL")
        pytestconfig.stash[SHARED_CLUSTER] = url = given or stack.enter_context(_started_node()).url
        yield url


@pytest.fixture(scope="module", autouse=True)
def strangers_stay_welcome(pytestconfig: pytest.Config) -> Iterator[None]:
    """Wipes the cluster that tests share after a module that left users there: servers with users refuse strangers."""
    yield
    url = pytestconfig.stash.get(SHARED_CLUSTER, None)
    if url is not None and _has_users(url):
        wipe_cluster(url)


@pytest.fixture(scope="session")
def lasting_elasticsearch_url() -> Iterator[str]:
    """A second cluster, for servers that last for the session: nobody wipes it or takes everybody's rights away."""
    with _started_node() as node:
        yield node.url


@pytest.fixture(scope="module")
def elasticsearch_node() -> Iterator[ElasticsearchNode]:
    """A node of one test module's own, to pause and resume; it is resumed at the end whatever happened."""
    with _started_node() as node:
        try:
            yield node
        finally:
            node.resume()


class RedisServer:
    """A redis-server of the tests' own, which can be killed and started again on its port. It keeps nothing on disk.

    Attributes:
        url: what the setting `redis` takes.
    """

    def __init__(self, folder: Path) -> None:
        built = subprocess.run([sys.executable, str(REDIS_BUILDER)], stdout=subprocess.PIPE, text=True, check=True)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}"
        self._command = [*built.stdout.split("\n")[:-1], "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, and return when it answers."""
        self._process = process = subprocess.Popen(self._command, cwd=self._folder, stdout=subprocess.DEVNULL)
        address = urlsplit(self.url)
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), 1) as peer:
                peer.sendall(b"PING\r\n")
                if peer.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.02)
        raise AssertionError(f"redis-server ended with {process.returncode}")

    def kill(self) -> None:
        """End it as a crash does; nothing happens if it does not run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop the process where it is: connections stay open, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis that tests share, empty at first; who stops it starts it again."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


class Servers:
    """Starts servers for tests and ends them with the fixture.

    A store is named `sqlite` for a fresh folder, `elasticsearch` for the cluster after it was wiped, or in full
    as the setting takes it, to open one that is in use.
    """

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._numbers = itertools.count(1)
        self._started: list[ServerProcess] = []
        self._answers = request.getfixturevalue("answers")

    def __call__(
        self,
        *,
        store: str = "sqlite",
        plugins: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        port: int | None = None,
    ) -> ServerProcess:
        """A server that answers."""
        number = next(self._numbers)
        if store == "sqlite":
            store = f"sqlite:{self._folder / f'store-{number}'}"
        elif store == "elasticsearch":
            url: str = self._request.getfixturevalue("elasticsearch_url")
            wipe_cluster(url)
            store = f"elasticsearch:{url}"
        server = ServerProcess(
            store=store, log=self._folder / f"server-{number}.log", plugins=plugins, settings=settings, port=port
        )
        self._started.append(server)
        self._answers.stores[server.port] = store.partition(":")[0]
        server.start()
        return server

    def end(self) -> None:
        """End all servers, those that are paused too."""
        for server in self._started:
            if server.is_running:
                server.resume()
                server.kill()


OF_ENGINES = tuple(f"%device-manager-internal.{kind}-" for kind in ("last-measures", "facade-ids"))
"""Private collections that each engine has."""
PRIVATE = "/%25*"
USERS = "/%25kuzzle.users*"
MOST_SHARDS = {"persistent": {"cluster.max_shards_per_node": 10_000}}
"""Of one node, for the engines of all tests of a session together."""


def wipe_cluster(url: str) -> None:
    """Delete what the product keeps in the cluster; what every server makes is emptied, since making it takes long."""
    with httpx.Client(base_url=url, timeout=60) as client:
        listed = client.get("/_cat/indices", params={"format": "json", "expand_wildcards": "all"}).raise_for_status()
        names = [entry["index"] for entry in listed.json()]
        for name in names:
            if name.startswith("&") or name.startswith(OF_ENGINES):
                client.delete(f"/{quote(name)}").raise_for_status()
        has_private = any(name.startswith("%") for name in names)
        while has_private and (hits := _some_documents(client)):
            lines = [json.dumps({"delete": {"_index": hit["_index"], "_id": hit["_id"]}}) + "\n" for hit in hits]
            client.post("/_bulk", content="".join(lines), headers={"Content-Type": "application/x-ndjson"})


def _has_users(url: str) -> bool:
    with httpx.Client(base_url=url, timeout=60) as client:
        client.post(USERS + "/_refresh").raise_for_status()
        found = client.post(USERS + "/_count").raise_for_status()
    return int(found.json()["count"]) > 0


def _some_documents(client: httpx.Client) -> list[dict[str, str]]:
    """Documents of private collections; a pattern names them, because all their names may be too long for a URL."""
    client.post(PRIVATE + "/_refresh").raise_for_status()
    found = client.post(PRIVATE + "/_search", json={"size": 10_000, "_source": False}).raise_for_status()
    hits: list[dict[str, str]] = found.json()["hits"]["hits"]
    return hits


@pytest.fixture(scope="session")
def emptied_cluster(elasticsearch_url: str) -> Callable[[], str]:
    """Wipes the cluster that tests share, for a fixture of a module's own, and tells its address."""

    def wipe() -> str:
        wipe_cluster(elasticsearch_url)
        return elasticsearch_url

    return wipe


@pytest.fixture
def empty_cluster(elasticsearch_url: str) -> Iterator[str]:
    """The cluster that tests share, without what the product keeps there, before the test and after it."""
    wipe_cluster(elasticsearch_url)
    yield elasticsearch_url
    wipe_cluster(elasticsearch_url)


@pytest.fixture
def start_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """Starts any number of servers for one test."""
    servers = Servers(request, tmp_path)
    yield servers
    servers.end()


@pytest.fixture(scope="session")
def open_servers() -> type[Servers]:
    """What starts servers for a fixture of one's own, which has to end them: `open_servers(request, folder)`."""
    return Servers


@pytest.fixture(scope="module")
def start_module_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts servers that all tests of a module share."""
    servers = Servers(request, tmp_path_factory.mktemp("servers"))
    yield servers
    servers.end()


@pytest.fixture(scope="module", params=STORES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for a module, on each store in turn, empty at first."""
    servers = Servers(request, tmp_path_factory.mktemp("server"))
    yield servers(store=request.param)
    servers.end()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the product built from a copy of the tree, so that nothing is left in it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("device_manager", "controllers", "pipes", "examples"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True)
    [built] = folder.glob("*.whl")
    return built


CreateFleet = Callable[..., Awaitable[list[tuple[str, str]]]]
AT_ONCE = 200
"""Twins that one call imports: few enough for a cluster on a busy machine to answer in time."""


@pytest.fixture(scope="session")
def create_fleet() -> CreateFleet:
    """Fills a server: `await create_fleet(client, engine, count, slots=1)` returns pairs of asset and device ids.

    Assets `Container-<engine>-<n>` and devices `Thermometer-<engine>-<n>` have the slots `t1`, `t2`, ... of one type.
    """

    async def create(client: Client, engine: str, count: int, *, slots: int = 1) -> list[tuple[str, str]]:
        models = "device-manager/models"
        measures = [{"name": f"t{number}", "type": "temperature"} for number in range(1, slots + 1)]
        mapping = {"temperature": {"type": "float"}}
        await client.call(models, "writeMeasure", body={"type": "temperature", "valuesMappings": mapping})
        asset_model = {"engineGroup": "commons", "model": "Container", "measures": measures}
        await client.call(
            models, "writeAsset", body=asset_model | {"metadataMappings": {"weight": {"type": "integer"}}}
        )
        await client.call(models, "writeDevice", body={"model": "Thermometer", "measures": measures})
        await client.call("device-manager/engine", "create", index=engine)
        for controller, model in (("assets", "Container"), ("devices", "Thermometer")):
            action = f"import{controller.title()}"
            for start in range(0, count, AT_ONCE):
                numbers = range(start, min(start + AT_ONCE, count))
                body = {"records": [{"model": model, "reference": f"{engine}-{number}"} for number in numbers]}
                made = await client.call(f"device-manager/{controller}", action, engineId=engine, body=body)
                assert not made["errors"], made["errors"][0]["reason"]
        return [(f"Container-{engine}-{number}", f"Thermometer-{engine}-{number}") for number in range(count)]

    return create
