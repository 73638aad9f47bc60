"""Payloads of many devices: the fleet that they come from, their bytes, and the load that sends each of them once."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator, Sequence

import orjson

from benchmarks.load import READ_BYTES, Lane, connections
from device_manager.cli.client import Client

ENGINE = "fleet"
DEVICES = 1000
CONNECTIONS = 32
SLOTS = ("temperature", "humidity")
FIRST_INSTANT = 1_700_000_000_000
INTERVAL = 1
"""Milliseconds between two payloads of one device."""
ROUTE = "/_/device-manager/payload/json"

_DECODER = "device-manager/models"


async def create_linked_devices(client: Client, count: int = DEVICES) -> None:
    """An engine with `count` devices of the shipped JSON decoder, each linked to two slots of an asset of its own."""
    slots = [{"name": slot, "type": slot} for slot in SLOTS]
    await client.call(_DECODER, "writeAsset", body={"engineGroup": "commons", "model": "Room", "measures": slots})
    await client.call("device-manager/engine", "create", index=ENGINE)
    for controller, action, model in (("assets", "importAssets", "Room"), ("devices", "importDevices", "JsonDevice")):
        records = [{"model": model, "reference": str(number)} for number in range(count)]
        await _expect_all(client, controller, action, {"records": records})
    csv = "assetId,deviceId\n" + "".join(f"Room-{number},JsonDevice-{number}\n" for number in range(count))
    await _expect_all(client, "devices", "mLinkAssets", {"csv": csv})


async def _expect_all(client: Client, controller: str, action: str, body: dict[str, object]) -> None:
    result = await client.call(f"device-manager/{controller}", action, engineId=ENGINE, body=body)
    if result["errors"]:
        raise RuntimeError(f"refused: {result['errors'][:3]}")


def payload(run: str, number: int, devices: int = DEVICES, since: int = FIRST_INSTANT) -> dict[str, object]:
    """The payload of that number: devices send in turn, each at later and later instants from `since` on."""
    device, turn = number % devices, number // devices
    return {
        "reference": str(device),
        "measuredAt": since + turn * INTERVAL,
        "uuid": f"{run}-{number}",
        "measures": {"temperature": 20 + number % 97 / 8, "humidity": 40 + number % 53 / 4},
    }


def request(body: dict[str, object]) -> bytes:
    """The bytes of the request that sends a payload."""
    text = orjson.dumps(body)
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


def send_all(
    port: int,
    requests: Sequence[bytes],
    in_flight: int = CONNECTIONS,
    on_answer: Callable[[int, int], None] | None = None,
) -> float:
    """Send each request once, one after the other on each connection; the seconds it took.

    Args:
        port: of the server.
        requests: what to send.
        in_flight: connections.
        on_answer: told the place of a request and the status of its answer.

    Raises:
        RuntimeError: an answer is not 200, and nobody is told.
        ConnectionError: the server closed a connection.
    """
    waiting = iter(enumerate(requests))
    with connections(port, in_flight, websocket=False) as lanes, selectors.DefaultSelector() as selector:
        begin = time.perf_counter()
        sending = {id(lane): place for lane in lanes if (place := _send_next(lane, waiting)) is not None}
        answers = {id(lane): b"" for lane in lanes}
        for lane in lanes:
            selector.register(lane.socket, selectors.EVENT_READ, lane)
        while sending:
            events = selector.select(30.0)
            if not events:
                raise TimeoutError("No answer for 30 s.")
            for key, _ in events:
                lane = key.data
                answers[id(lane)] += _received(lane)
                status = _complete(answers[id(lane)])
                if status is None:
                    continue
                if on_answer is not None:
                    on_answer(sending[id(lane)], status)
                elif status != 200:
                    raise RuntimeError(f"refused: {answers[id(lane)]!r}")
                answers[id(lane)] = b""
                place = _send_next(lane, waiting)
                if place is None:
                    del sending[id(lane)]
                else:
                    sending[id(lane)] = place
        return time.perf_counter() - begin


def _send_next(lane: Lane, waiting: Iterator[tuple[int, bytes]]) -> int | None:
    for place, content in waiting:
        lane.socket.sendall(content)
        return place
    return None


def _received(lane: Lane) -> bytes:
    data = lane.socket.recv(READ_BYTES)
    if not data:
        raise ConnectionError("The server closed a connection under load.")
    return data


def _complete(answer: bytes) -> int | None:
    """The status of an answer, None as long as some of it is missing."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return None
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]) if len(body) >= length else None
