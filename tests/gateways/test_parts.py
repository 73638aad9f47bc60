"""The socket-free parts: frames, JSON, the way out, the gate, the log filter."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_manager.gateways.frames import FrameCutter
from device_manager.gateways.gate import FairGate
from device_manager.gateways.http_request import split_target
from device_manager.gateways.json_text import UnreadableJson, find_request_id, read_json
from device_manager.gateways.listener import SEND_BUFFER, listen
from device_manager.gateways.log_limit import PASSED_PER_PERIOD, RepeatFilter

payloads = st.one_of(st.binary(max_size=40), st.integers(120, 130).map(bytes), st.just(bytes(66_000)))


def client_frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((first, 0xFE)) + length.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + length.to_bytes(8)
    return head + bytes(4) + payload


@given(
    st.lists(st.tuples(st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80, 0x89]), payloads), max_size=6),
    st.lists(st.integers(1, 70_000), max_size=30),
)
def test_any_segmentation_gives_the_same_frames(frames: list[tuple[int, bytes]], sizes: list[int]) -> None:
    stream = b"".join(client_frame(first, payload) for first, payload in frames)
    cutter = FrameCutter(1 << 20)
    cuts = []
    offset = 0
    for size in [*sizes, len(stream) + 1]:
        cuts += list(cutter.feed(stream[offset : offset + size]))
        offset += size
    assert cutter.held_bytes == 0
    assert cuts == [
        ("text", payload) if first == 0x81 else ("frame", client_frame(first, payload)) for first, payload in frames
    ]


def test_an_oversized_frame_is_recognised_by_its_header() -> None:
    cutter = FrameCutter(1000)
    header = b"\x81\xfe" + (1001).to_bytes(2)
    assert list(cutter.feed(header[:3])) == []
    assert list(cutter.feed(header[3:])) == [("oversized", header)]


@pytest.mark.parametrize("text", ["[" * 5 + "]" * 5, '{"a":{"a":{"a":{"a":{}}}}}', '[[],[[]],{"a":[{"b":[]}]}]'])
def test_depth_is_counted_exactly(text: str) -> None:
    depth = 5
    assert read_json(text.encode(), depth) is not None
    with pytest.raises(UnreadableJson, match="deeper"):
        read_json(text.encode(), depth - 1)


def test_brackets_in_text_are_not_depth() -> None:
    assert read_json(b'{"a":"' + b"[{" * 100 + b'"}', 3) is not None


def test_the_id_is_found_in_the_ends_of_large_messages() -> None:
    filler = b"x" * 1_000_000
    assert find_request_id(b'{"requestId":"a","b":"' + filler) == "a"
    assert find_request_id(b'{"b":"' + filler + b'","requestId" : "z"') == "z"
    assert find_request_id(filler) is None


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/a/b?c=d", (b"/a/b", b"c=d")),
        (b"http://host:1/a?b", (b"/a", b"b")),
        (b"http://host", (b"/", b"")),
        (b"//a//?", (b"//a//", b"")),
        (b"/a#b?c", (b"/a", b"")),
        (b"*", (b"*", b"")),
        (b"/a?b=http://c/d", (b"/a", b"b=http://c/d")),
    ],
)
def test_targets(target: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split_target(target) == parts


def test_accepted_sockets_inherit_the_bounds() -> None:
    with listen("127.0.0.1", 0, 3.0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 3000
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class Recorder:
    """Starts messages; those that begin with `w` wait until released."""

    def __init__(self, **bounds: int) -> None:
        self.order: list[bytes] = []
        self.release = asyncio.Event()
        limits = {"most_running": 2, "most_waiting": 3, "most_waiting_bytes": 100} | bounds
        self.gate = FairGate(self.start, loop=asyncio.get_running_loop(), tasks=set(), **limits)

    def start(self, message: bytes) -> Any:
        self.order.append(message)
        return self.wait() if message.startswith(b"w") else None

    async def wait(self) -> None:
        await self.release.wait()


async def test_gate_keeps_the_order_and_its_bounds(eventually: Any) -> None:
    recorder = Recorder()
    admitted = [recorder.gate.admit(message) for message in (b"a", b"w1", b"w2", b"b", b"w3", b"c", b"refused")]
    assert admitted == [True] * 6 + [False]
    assert recorder.order == [b"a", b"w1", b"w2"]
    recorder.release.set()
    await eventually(lambda: recorder.gate.idle)
    assert recorder.order == [b"a", b"w1", b"w2", b"b", b"w3", b"c"]


async def test_gate_starts_many_in_several_turns(eventually: Any) -> None:
    recorder = Recorder(most_waiting=10_000, most_waiting_bytes=1 << 20)
    recorder.gate.hold()
    assert all(recorder.gate.admit(b"%d" % number) for number in range(2000))
    recorder.gate.resume()
    assert 0 < len(recorder.order) < 2000
    await eventually(lambda: recorder.gate.idle)
    assert recorder.order == [b"%d" % number for number in range(2000)]


async def test_gate_survives_a_failing_task(eventually: Any) -> None:
    recorder = Recorder(most_running=1)

    async def fail() -> None:
        raise asyncio.CancelledError

    recorder.wait = fail  # type: ignore[method-assign]
    assert recorder.gate.admit(b"w1")
    assert recorder.gate.admit(b"after")
    await eventually(lambda: recorder.gate.idle)
    assert recorder.order == [b"w1", b"after"]


def test_repeated_log_messages_are_counted() -> None:
    keep = RepeatFilter()
    records = [logging.LogRecord("x", logging.ERROR, "", 0, "Request %s broke", (n,), None) for n in range(20)]
    assert [keep.filter(record) for record in records].count(True) == PASSED_PER_PERIOD
    keep._period_end = 0.0
    other = logging.LogRecord("x", logging.ERROR, "", 0, "other", None, None)
    assert keep.filter(other)
    assert "15 similar" in other.getMessage()
