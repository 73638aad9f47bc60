"""Servers with twins and measures in them, and a client that sees chunks as they come."""

from __future__ import annotations

import csv
import io
import json
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from device_manager.cli.process import ServerProcess

FLOAT = {"type": "float"}
DAY = 86_400_000
START = 1_772_323_200_000
"""2026-03-01T00:00:00Z."""

VALUES = {
    "temperature": {"temperature": FLOAT},
    "position": {"position": {"type": "geo_point"}, "accuracy": FLOAT},
    "acceleration": {"acceleration": {"properties": {"x": FLOAT, "y": FLOAT}}, "sure": {"type": "boolean"}},
    "remark": {"remark": {"type": "keyword"}, "count": {"type": "integer"}, "writtenAt": {"type": "date"}},
}


def slots(**types: str) -> list[dict[str, str]]:
    return [{"name": name, "type": type} for name, type in types.items()]


ASSET_SLOTS = slots(temperatureExt="temperature", temperatureInt="temperature", position="position")
DEVICE_SLOTS = slots(outside="temperature", inside="temperature", place="position", shake="acceleration", note="remark")


class Answer(NamedTuple):
    """An HTTP answer as it came over the socket."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]


class Place:
    """One server, with engines of one test module.

    Attributes:
        engine, other: two engines; the twins are in the first one.
        http: a client of the server.
    """

    def __init__(self, server: ServerProcess, store: str, answers: Any) -> None:
        self.server = server
        self.store = store
        self._answers = answers
        self.engine = f"harbour{uuid.uuid4().hex[:6]}"
        self.other = f"airfield{uuid.uuid4().hex[:6]}"
        self.http = httpx.Client(base_url=server.url, timeout=60)

    def ask(self, action: str, body: Any = None, *, jwt: str | None = None, **args: Any) -> dict[str, Any]:
        """The envelope of an answer."""
        controller, _, name = action.rpartition(":")
        message = {"controller": controller, "action": name, "body": body, "engineId": self.engine, **args}
        message = {name: value for name, value in message.items() if value is not None}
        headers = {"Authorization": f"Bearer {jwt}"} if jwt else {}
        envelope: dict[str, Any] = self.http.post("/_query", json=message, headers=headers).json()
        return envelope

    def do(self, action: str, body: Any = None, **args: Any) -> Any:
        """The result of a call that has to succeed."""
        envelope = self.ask(action, body, **args)
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    def link(self, action: str = "assets:export", body: Any = None, **args: Any) -> str:
        """The link to a prepared export."""
        return str(self.do(f"device-manager/{action}", body, **args)["link"])

    def rows(self, link: str) -> list[list[str]]:
        """The cells of an exported CSV."""
        answer = self.http.get(link)
        assert answer.status_code == 200, answer.text
        return list(csv.reader(io.StringIO(answer.content.decode(), newline=""), strict=True))

    def refusal(self, link: str) -> tuple[int, str]:
        """Status and text of a download that is refused before its first row: plain text, without an envelope."""
        answer = self.http.get(link)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert "content-disposition" not in answer.headers
        if answer.status_code == 404:
            self._note(link, "device_manager.exports.not_found")
        return answer.status_code, answer.text

    def _note(self, link: str, id: str) -> None:
        """Plain text does not say to the collector of answers which action it is of."""
        controller = "device-manager/assets" if "/assets/" in link else "device-manager/devices"
        action = "exportMeasures" if "/measures/" in link else "export"
        envelope = {"controller": controller, "action": action, "error": {"id": id}}
        self._answers.note(self.store, envelope)

    def raw(self, link: str, *, port: int | None = None) -> Answer:
        """An answer with its chunks as they were sent."""
        with socket.create_connection(("127.0.0.1", port or self.server.port), timeout=30) as connection:
            connection.sendall(f"GET {link} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
            with connection.makefile("rb") as stream:
                return read_answer(stream)

    def fill(self) -> None:
        """Models, engines, linked twins and measures."""
        for type, mappings in VALUES.items():
            self.do("device-manager/models:writeMeasure", {"type": type, "valuesMappings": mappings})
        crate = {"engineGroup": "commons", "model": "Crate", "measures": ASSET_SLOTS}
        self.do("device-manager/models:writeAsset", crate | {"metadataMappings": {"weight": {"type": "integer"}}})
        far = {"engineGroup": "elsewhere", "model": "Far", "measures": slots(far="temperature")}
        self.do("device-manager/models:writeAsset", far)
        self.do("device-manager/models:writeDevice", {"model": "Probe", "measures": DEVICE_SLOTS})
        for engine in (self.engine, self.other):
            self.do("device-manager/engine:create", index=engine)
        for number in (1, 2, 3):
            body = {"model": "Crate", "reference": f"c {number}", "metadata": {"weight": number}}
            self.do("device-manager/assets:create", body)
            self.do("device-manager/devices:create", {"model": "Probe", "reference": str(number)})
        self.do("device-manager/assets:create", {"model": "Crate", "reference": "c 1"}, engineId=self.other)
        pairs = [
            {"asset": "temperatureExt", "device": "outside"},
            {"asset": "temperatureInt", "device": "inside"},
            {"asset": "position", "device": "place"},
        ]
        entry = {"assetId": "Crate-c 1", "measureSlots": pairs}
        self.do("device-manager/devices:linkAssets", {"linkedMeasures": [entry]}, _id="Probe-1")
        self.measure(
            (0, "outside", {"temperature": 10}),
            (0, "inside", {"temperature": 20.5}),
            (DAY, "outside", {"temperature": 11.25}),
            (2 * DAY, "place", {"position": {"lat": 47.5, "lon": -122.25}, "accuracy": 3}),
            (3 * DAY, "shake", {"acceleration": {"x": 0.5, "y": -1}, "sure": True}),
            (4 * DAY, "note", {"remark": 'a "quoted", long\nremark', "count": 3, "writtenAt": "2026-03-02"}),
        )

    def measure(self, *measures: tuple[int, str, dict[str, Any]], device: str = "Probe-1") -> None:
        """Store measures of a device: time since START, slot, values."""
        types = {slot["name"]: slot["type"] for slot in DEVICE_SLOTS}
        body = [
            {"measureName": slot, "type": types[slot], "measuredAt": START + at, "values": values}
            for at, slot, values in measures
        ]
        self.do("device-manager/devices:receiveMeasures", {"measures": body}, _id=device)


def read_answer(stream: Any) -> Answer:
    """Read one answer, which is chunked or has a length. Raises EOFError when it breaks off."""
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    if "content-length" in headers:
        return Answer(status, headers, [stream.read(int(headers["content-length"]))])
    chunks: list[bytes] = []
    while True:
        size = int(stream.readline() or b"-1", 16)
        if size < 0:
            raise EOFError(chunks)
        chunk = stream.read(size)
        stream.readline()
        if not size:
            return Answer(status, headers, chunks)
        chunks.append(chunk)


@pytest.fixture(scope="module")
def place(server: ServerProcess, answers: Any) -> Iterator[Place]:
    """A server with twins and measures, on each store in turn."""
    place = Place(server, answers.stores[server.port], answers)
    place.fill()
    yield place
    place.http.close()


@pytest.fixture(scope="session")
def as_json() -> Callable[[bytes], list[dict[str, Any]]]:
    """Reads JSON lines."""
    return lambda data: [json.loads(line) for line in data.decode().splitlines()]
