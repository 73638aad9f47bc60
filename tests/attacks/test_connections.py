"""What clients do to their connections, and to the paths of HTTP, costs only themselves."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import Any

STATIONS = {"index": "ours", "collection": "stations"}
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_thousands_of_subscriptions_on_one_connection(fortress: Any) -> None:
    """They have a bound; what is within it works, and goes with the connection."""
    subscribe = {"controller": "realtime", "action": "subscribe", **STATIONS, "jwt": fortress.tokens["tenant"]}
    async with fortress.line() as line:
        answers = await line.ask_all(subscribe | {"body": {"equals": {"n": n}}} for n in range(2000))
        accepted = [answer["result"]["roomId"] for answer in answers if answer["error"] is None]
        refused = {answer["error"]["id"] for answer in answers if answer["error"]}
        assert len(set(accepted)) == len(accepted) == 1000
        assert refused == {"core.realtime.too_many_rooms"}
        same = await line.ask_all([subscribe | {"body": {"equals": {"n": 1}}}] * 200)
        assert {answer["result"]["roomId"] for answer in same} == {accepted[1]}
        publish = subscribe | {"action": "publish", "body": {"n": 7}}
        assert (await line.ask(publish))["error"] is None
        async with asyncio.timeout(20):
            while not line.notifications:
                await asyncio.sleep(0.01)
        assert [said["result"]["_source"]["n"] for said in line.notifications] == [7]
    async with asyncio.timeout(20):
        while fortress.do("root", "realtime:count", body={"roomId": accepted[1]})["count"]:
            await asyncio.sleep(0.02)


async def test_a_subscriber_who_does_not_read_is_cut(fortress: Any) -> None:
    """What waits for such a client is bounded; others hear everything."""
    subscribe: dict[str, Any] = {"controller": "realtime", "action": "subscribe", "index": "ours", "collection": "loud"}
    subscribe |= {"jwt": fortress.tokens["tenant"], "body": {}}
    with socket.create_connection(("127.0.0.1", fortress.server.port)) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(HANDSHAKE)
        assert lazy.recv(4096).startswith(b"HTTP/1.1 101")
        text = json.dumps(subscribe | {"requestId": "lazy"}).encode()
        lazy.sendall(b"\x81\xfe" + struct.pack(">H", len(text)) + bytes(4) + text)
        async with fortress.line() as reader, fortress.line() as writer:
            answer = await reader.ask(subscribe)
            room = answer["result"]["roomId"]
            async with asyncio.timeout(20):
                while fortress.do("root", "realtime:count", body={"roomId": room})["count"] < 2:
                    await asyncio.sleep(0.02)
            before = fortress.memory
            publish = subscribe | {"action": "publish", "body": {"text": "x" * 100_000}}
            said, started = 0, time.monotonic()
            while fortress.do("root", "realtime:count", body={"roomId": room})["count"] == 2:
                answers = await writer.ask_all([publish] * 8)
                assert [answer["error"] for answer in answers] == [None] * 8
                said += 8
                heard = len(reader.notifications)
                assert time.monotonic() < started + 60, (
                    f"it still waits for the client that does not read; {heard} of {said} were heard"
                )
            async with asyncio.timeout(20):
                while len(reader.notifications) < said:
                    await asyncio.sleep(0.01)
            assert fortress.memory - before < 160 << 10


async def test_messages_that_are_never_finished(fortress: Any) -> None:
    """Half a thousand clients who stop in the middle of a frame, of a header, of a handshake."""
    starts = [
        HANDSHAKE + b"\x81\xff" + struct.pack(">Q", 15 << 20) + b"abcd",
        HANDSHAKE[:60],
        b"POST / HTTP/1.1\r\nX: ",
    ]
    held = []
    for number in range(500):
        client = socket.create_connection(("127.0.0.1", fortress.server.port))
        client.sendall(starts[number % len(starts)])
        held.append(client)
    assert fortress.ask("tenant", {"controller": "auth", "action": "getCurrentUser"})["status"] == 200
    for client in held:
        client.close()


def raw(fortress: Any, path: bytes, user: str = "tenant", verb: bytes = b"GET") -> tuple[int, dict[str, Any]]:
    """Ask for a path just as it is; the answer to one request."""
    token = fortress.tokens[user].encode()
    with socket.create_connection(("127.0.0.1", fortress.server.port), timeout=20) as connection:
        connection.sendall(
            verb
            + b" "
            + path
            + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
            + token
            + b"\r\n\r\n"
        )
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"evil" not in head.lower(), head
    return int(head.split(b" ")[1]), json.loads(body) if body.startswith(b"{") else {}


PATHS = (
    b"/ours/../theirs/stations/s1",
    b"/ours/%2e%2e/theirs/stations/s1",
    b"/ours%2f..%2ftheirs/stations/s1",
    b"//theirs//stations//s1",
    b"/theirs/stations/s1/",
    b"/th%65irs/stations/s1",
    b"/theirs;a=b/stations/s1",
    b"/theirs%00/stations/s1",
    b"/ours/stations/..%2f..%2ftheirs%2fstations%2fs1",
    b"/%c0%ae%c0%ae/theirs/stations/s1",
    b"/%25%6b%75%7a%7a%6c%65/users/root",
    b"/%25kuzzle/users/root",
    b"/device-manager-internal/tokens/x",
    b"/ours,theirs/stations/_search",
    b"/*/stations/_search",
    b"/_all/_all/_search",
    b"/ours/stations/s1?index=theirs",
    b"/ours/stations/s1#/../../theirs/stations/s1",
    b"http://x/theirs/stations/s1",
    b"/_/device-manager/theirs/devices/Thermometer-theirs-1",
    b"/_/device-manager/ours/..%2ftheirs/devices/Thermometer-theirs-1",
    b"/ours/stations/%0d%0aX-Evil:%201",
    b"/ours/stations/s1%0d%0aX-Evil:%201%0d%0a%0d%0a<script>",
    b"/ours/stations/" + b"x" * 20_000,
    b"/" + b"a/" * 5000,
    b"/ours/stations/%",
    b"/ours/stations/%zz",
    b"/ours/stations/\xff\xfe",
)


def test_paths_lead_nowhere_else(fortress: Any) -> None:
    for path in PATHS:
        status, answer = raw(fortress, path)
        assert status in (200, 400, 403, 404, 412, 414, 431), (path, answer)
        assert "nobodyelse" not in json.dumps(answer), path
        if status == 200:
            assert answer["index"] == "ours", path


LITERALS = ["users", "roles", "profiles", "credentials", "ms", "admin", "cluster", "debug", "validations", "api-keys",
            "strategies", "devices", "metrics"]  # fmt: skip


def test_indices_may_be_called_like_routes(fortress: Any) -> None:
    """A name that also starts a route neither hides its documents nor opens the route."""
    name = "users"
    fortress.do("root", "index:create", index=name)
    fortress.do("root", "collection:create", index=name, collection="stations", body={})
    fortress.do("root", "document:create", index=name, collection="stations", _id="s1", body={"name": "x"})
    status, answer = raw(fortress, b"/users/stations/s1", "root")
    assert (status, answer["result"]["_source"]["name"]) == (200, "x")
    for literal in LITERALS:
        status, answer = raw(fortress, f"/{literal}/stations/s1".encode())
        assert status in (403, 404), (literal, answer)
    fortress.do("root", "index:delete", index=name)


def test_one_request_in_another(fortress: Any) -> None:
    """Smuggled requests are refused with the one that carries them."""
    inner = b"GET /theirs/stations/s1 HTTP/1.1\r\nHost: x\r\n\r\n"
    for head in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: -1\r\n",
    ):
        with socket.create_connection(("127.0.0.1", fortress.server.port), timeout=20) as connection:
            connection.sendall(b"POST /_query HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n" + inner)
            answer = b""
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
        assert answer.count(b"x-kuzzle-node:") <= 1, (head, answer)
        assert b" 200 " not in answer.partition(b"\r\n")[0]
