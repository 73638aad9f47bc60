"""A server for tests, and the calls that tests of plugins make."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from websockets.sync.client import ClientConnection, connect

from device_manager.cli.process import ServerProcess
from device_manager.plugins import ModelDeclaration
from device_manager.settings import PREFIX

MODELS = "device-manager/models"
WRITING = {"asset": "writeAsset", "device": "writeDevice", "measure": "writeMeasure"}
ANSWER_DEADLINE = 30.0
"""Seconds that a call waits for its answer."""

Envelope = dict[str, Any]
Source = dict[str, Any]


class Refused(AssertionError):
    """A call was refused that a test expected to succeed.

    Attributes:
        error: the error object: `message`, `status`, mostly `id`.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['status']} {error.get('id', '')}: {error['message']}")
        self.error = error


class TestServer:
    """The calls that tests make of a server process, which `start` starts.

    Args:
        process: the server.
    """

    __test__ = False  # pytest is not to collect it

    def __init__(self, process: ServerProcess) -> None:
        self._process = process
        self._connection: ClientConnection | None = None
        self._open = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    @classmethod
    def in_folder(
        cls,
        folder: Path,
        plugins: Sequence[str] = (),
        *,
        plugin_settings: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> TestServer:
        """A server that keeps its store and its log in `folder`; no settings file of the working folder concerns it.

        Args:
            folder: exists.
            plugins: files or modules to load beside the installed plugins.
            plugin_settings: the plugins' sections of the settings, by plugin name.
            settings: the server's own settings.
        """
        config = folder / "settings.toml"
        config.touch()
        return cls(
            ServerProcess(
                store=f"sqlite:{folder / 'store'}",
                log=folder / "server.log",
                plugins=plugins,
                settings=settings,
                environment={f"{PREFIX}PLUGINS": json.dumps(plugin_settings)} if plugin_settings else {},
                config=config,
            )
        )

    @property
    def url(self) -> str:
        """Its address for HTTP."""
        return self._process.url

    @property
    def ws_url(self) -> str:
        """Its address for WebSocket."""
        return self._process.ws_url

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._process.log.read_text()

    def start(self) -> None:
        """Start it and wait until it answers. Raises `ServerFailed`, which holds the end of the log."""
        self._process.start()

    def stop(self) -> int:
        """Stop it and wait; its exit status, 0 when it stopped in order. Its store stays for another `start`."""
        self._open.close()
        self._connection = None
        return self._process.stop() if self._process.is_running else 0

    def ask(self, controller: str, action: str, *, body: Any = None, **args: Any) -> Envelope:
        """The whole answer to a call, whether it succeeded or not.

        Args:
            controller: name on the wire, such as `device-manager/devices`.
            action: name on the wire, such as `linkAssets`.
            body: the body, None for none.
            **args: the other members of the request, such as `engineId` and `_id`.
        """
        if self._connection is None:
            connecting = connect(self.ws_url, max_size=None, compression=None, proxy=None)
            self._connection = self._open.enter_context(connecting)
        message = {"controller": controller, "action": action, "requestId": str(next(self._numbers)), **args}
        if body is not None:
            message["body"] = body
        self._connection.send(orjson.dumps(message), text=True)
        while True:
            answer: Envelope = orjson.loads(self._connection.recv(ANSWER_DEADLINE))
            if answer.get("requestId") == message["requestId"]:
                return answer

    def call(self, controller: str, action: str, *, body: Any = None, **args: Any) -> Any:
        """The result of a call that has to succeed; arguments as of `ask`. Raises `Refused`."""
        answer = self.ask(controller, action, body=body, **args)
        if answer["error"] is not None:
            raise Refused(answer["error"])
        return answer["result"]

    def write_models(self, *models: ModelDeclaration) -> None:
        """Write models, measures before the models that use them."""
        for model in models:
            self.call(MODELS, WRITING[model.kind], body=model.body)

    def create_engine(self, index: str, group: str = "commons") -> str:
        """Create an engine; returns its index."""
        self.call("device-manager/engine", "create", index=index, group=group)
        return index

    def create_asset(self, engine: str, model: str, reference: str, **metadata: Any) -> str:
        """Create an asset; returns its id."""
        return self._create("assets", engine, model, reference, metadata)

    def create_device(self, engine: str, model: str, reference: str, **metadata: Any) -> str:
        """Create a device and attach it to the engine; returns its id."""
        return self._create("devices", engine, model, reference, metadata)

    def _create(self, kind: str, engine: str, model: str, reference: str, metadata: Source) -> str:
        body = {"model": model, "reference": reference, "metadata": metadata}
        return str(self.call(f"device-manager/{kind}", "create", engineId=engine, body=body)["_id"])

    def link(self, engine: str, device_id: str, asset_id: str) -> None:
        """Link a device to an asset, their slots paired by type. Raises `Refused`."""
        body = {"linkedMeasures": [{"assetId": asset_id, "implicitMeasuresLinking": True}]}
        self.call("device-manager/devices", "linkAssets", engineId=engine, _id=device_id, body=body)

    def asset(self, engine: str, id: str) -> Source:
        """An asset's content."""
        return cast(Source, self.call("device-manager/assets", "get", engineId=engine, _id=id)["_source"])

    def device(self, engine: str, id: str) -> Source:
        """A device's content."""
        return cast(Source, self.call("device-manager/devices", "get", engineId=engine, _id=id)["_source"])
