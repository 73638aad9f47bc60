"""Load from prebuilt bytes over plain sockets, cheap enough to keep a server's core full from another one."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
READ_BYTES = 1 << 18
SILENCE = 10.0
"""Seconds without an answer after which a measurement fails."""


@dataclass
class Lane:
    """One connection: what it received of the answer that it waits for."""

    socket: socket.socket
    received: int = 0


def masked_frame(text: bytes) -> bytes:
    """A client's text frame of up to 65,535 bytes, masked with zeros."""
    length = len(text)
    header = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2)
    return header + bytes(4) + text


@contextlib.contextmanager
def connections(port: int, count: int, *, websocket: bool) -> Iterator[list[Lane]]:
    """Open connections, upgraded if asked for."""
    lanes = []
    try:
        for _ in range(count):
            connected = socket.create_connection(("127.0.0.1", port), SILENCE)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lanes.append(Lane(connected))
            if websocket:
                connected.sendall(UPGRADE)
                head = connected.recv(READ_BYTES)
                if not head.startswith(b"HTTP/1.1 101"):
                    raise RuntimeError(f"The upgrade was refused: {head!r}")
        yield lanes
    finally:
        for lane in lanes:
            lane.socket.close()


def receive(lane: Lane, most: int) -> int:
    """Read what is there and count it.

    Raises:
        ConnectionError: the server closed the connection.
        TimeoutError: nothing came for too long.
    """
    size = len(lane.socket.recv(min(most, READ_BYTES)))
    if not size:
        raise ConnectionError("The server closed a connection under load.")
    return size


def answer_size(lane: Lane, request: bytes) -> int:
    """Bytes of one answer; all answers to the same request have to be of this size."""
    lane.socket.sendall(request)
    size = receive(lane, READ_BYTES)
    lane.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            size += receive(lane, READ_BYTES)
    lane.socket.settimeout(SILENCE)
    return size


def keep_in_flight(lanes: list[Lane], request: bytes, size: int, in_flight: int, seconds: float) -> int:
    """Send as many requests as answers come in.

    Args:
        lanes: the connections.
        request: the bytes of one request.
        size: the bytes of one answer.
        in_flight: requests under way on each connection.
        seconds: how long to go on.

    Returns:
        The number of answers; those still under way at the end are read and not counted.
    """
    answered = 0
    with selectors.DefaultSelector() as selector:
        for lane in lanes:
            selector.register(lane.socket, selectors.EVENT_READ, lane)
            lane.socket.sendall(request * in_flight)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select(1.0):
                lane = key.data
                lane.received += receive(lane, READ_BYTES)
                complete, lane.received = divmod(lane.received, size)
                if complete:
                    answered += complete
                    lane.socket.sendall(request * complete)
    for lane in lanes:
        missing = size * in_flight - lane.received
        lane.received = 0
        while missing > 0:
            missing -= receive(lane, missing)
    return answered
