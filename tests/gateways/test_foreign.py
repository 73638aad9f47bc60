"""Foreign interfaces get messages as they came, and answer in their own words whatever happens."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from device_manager.errors import ApiError
from device_manager.events import EventBus
from device_manager.gateways.server import Gateway
from device_manager.router.foreign import ForeignAnswer, ForeignInterface, ForeignInterfaces, ForeignRequest
from device_manager.router.response import HeaderValue
from device_manager.router.router import Router
from device_manager.settings import Settings

TEXT: dict[str, HeaderValue] = {"content-type": "text/plain", "x-cookies": ["a", "b"]}


class Parrot(ForeignInterface):
    """Keeps what it hears and answers when the gate is open."""

    def __init__(self, name: str, *mounts: str) -> None:
        self.name = name
        self.mounts: Sequence[str] = mounts
        self.heard: list[ForeignRequest] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        self.heard.append(request)
        await self.gate.wait()
        if request.rest == b"/broken":
            raise RuntimeError("the parrot is no more")
        return ForeignAnswer(207, self.name.encode(), TEXT)

    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        return ForeignAnswer(error.status, f"NO {error.id}".encode(), TEXT)


class Cage:
    """Two parrots behind a gateway whose router runs one request at a time and lets none wait."""

    def __init__(self) -> None:
        self.polly = Parrot("polly", "/polly", "/odata/v1.0")
        self.jack = Parrot("jack", "/polly/jack")
        bus = EventBus()
        self.router = Router(bus, running=1, waiting=0)
        self.router.compile()
        foreign = ForeignInterfaces(self.router, [self.polly, self.jack])
        self.gateway = Gateway(self.router, Settings(port=0), ready=lambda: True, events=bus, foreign=foreign)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage()
    await cage.gateway.start()
    yield cage
    await cage.gateway.stop()


async def test_a_message_arrives_as_it_was_sent(cage: Cage) -> None:
    body = gzip.compress(b"{}")
    async with httpx.AsyncClient(base_url=cage.url) as http:
        headers = [("x-twice", "1"), ("X-Twice", "2"), ("content-encoding", "gzip"), ("content-type", "odd/type")]
        answer = await http.put("/polly/a%3Ab//c/?k=%2F&k=&%6b", headers=headers, content=body)
    assert (answer.status_code, answer.text) == (207, "polly")
    assert (answer.headers["content-type"], answer.headers["x-cookies"]) == ("text/plain", "a, b")
    [request] = cage.polly.heard
    assert (request.path, request.rest, request.query) == (b"/polly/a%3Ab//c/", b"/a%3Ab//c/", b"k=%2F&k=&%6b")
    message = request.message
    assert (message.verb, message.target) == ("PUT", b"/polly/a%3Ab//c/?k=%2F&k=&%6b")
    assert [value for name, value in message.headers if name == b"x-twice"] == [b"1", b"2"]
    assert message.body == body
    assert request.connection.ips == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/polly", "polly"),
        ("/polly/", "polly"),
        ("/polly/jack", "jack"),
        ("/polly/jack/x", "jack"),
        ("/polly/jacky", "polly"),
        ("/odata/v1.0/Assets('0x1')", "polly"),
        ("/odata/v1.00", None),
        ("/odata", None),
        ("/pollyanna", None),
        ("/", None),
    ],
)
async def test_the_longest_mount_wins(cage: Cage, path: str, who: str | None) -> None:
    async with httpx.AsyncClient(base_url=cage.url) as http:
        answer = await http.get(path)
    if who is None:
        assert answer.json()["error"]["id"] == "network.http.url_not_found"
    else:
        assert answer.text == who


async def test_refusals_are_in_its_own_words(cage: Cage) -> None:
    async with httpx.AsyncClient(base_url=cage.url) as http:
        broken = await http.get("/polly/broken")
        assert (broken.status_code, broken.text) == (500, "NO plugin.runtime.unexpected_error")
        cage.polly.gate.clear()
        first = asyncio.create_task(http.get("/polly"))
        while len(cage.polly.heard) < 2:
            await asyncio.sleep(0.01)
        second = await http.get("/polly/jack")
        assert (second.status_code, second.text) == (503, "NO api.process.overloaded")
        cage.polly.gate.set()
        assert (await first).status_code == 207
        assert (await http.get("/polly/jack")).status_code == 207
        cage.router.draining = True
        late = await http.get("/polly")
        assert (late.status_code, late.text) == (503, "NO network.entrypoint.shutting_down")


async def test_a_mount_belongs_to_one(cage: Cage) -> None:
    with pytest.raises(ApiError, match="/polly"):
        ForeignInterfaces(cage.router, [cage.polly, Parrot("third", "/polly/")])


async def test_one_that_is_mounted_at_the_root_gets_everything(cage: Cage) -> None:
    root = Parrot("root", "/")
    gateway = Gateway(cage.router, Settings(port=0), ready=lambda: True, foreign=ForeignInterfaces(cage.router, [root]))
    await gateway.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as http:
        for path in ("/", "/assets", "/polly/x"):
            assert (await http.get(path)).text == "root"
    await gateway.stop()
    assert [request.rest for request in root.heard] == [b"/", b"/assets", b"/polly/x"]
