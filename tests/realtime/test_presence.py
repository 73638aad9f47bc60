"""What is told of who comes and goes has bounds, and words of other versions do no harm (router-protocol 5.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from device_manager.realtime import presence
from device_manager.realtime.channels import Interest
from device_manager.realtime.inside import InsideSubscriptions

Message = dict[str, Any]


async def test_those_who_wait_to_be_told_of_are_bounded(
    open_home: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(presence, "MOST_WAITING", 3)
    home = await open_home()
    turn = asyncio.Event()

    async def wait(notification: Message) -> Message:
        await turn.wait()
        return notification

    home.events.add_pipe("notify:user", wait, owner="test")
    home.events.compile()
    first = await home.follow("first", interest=Interest("none", "all"))
    visitors = [await home.follow("first") for _ in range(10)]
    turn.set()
    # The first three of all who came, and that is the one who listens with the first two visitors.
    await eventually(lambda: len(first.heard) == 2)
    home.realtime.drop(visitors[0].connection)
    await eventually(lambda: len(first.heard) > 2)
    assert [message["user"] for message in first.heard] == ["in", "in", "out"]
    assert capsys.readouterr().out.count("nobody is told who comes and goes") == 3


async def test_a_signal_of_another_version_is_passed_over(open_home: Any, capsys: pytest.CaptureFixture[str]) -> None:
    home = await open_home()
    first = await home.follow("first", interest=Interest("all", "all"))
    for signal in (b"\xc1", msgspec.msgpack.encode(["room", "sideways", {}, None])):
        home.realtime.on_signal(signal)
    assert capsys.readouterr().out.count("in words that this one cannot read") == 2
    await home.follow("first")
    assert [message["user"] for message in first.heard] == ["in"]


async def test_a_listener_that_has_ended_hears_no_more(open_home: Any, eventually: Callable[..., Any]) -> None:
    home = await open_home()
    turn, heard, begun = asyncio.Event(), [], asyncio.Event()

    async def note(notification: Message) -> None:
        begun.set()
        await turn.wait()
        heard.append(notification["result"]["_id"])

    end = await InsideSubscriptions(home.realtime).listen("test", "home", "first", {}, note, "all", "none")
    for id in ("a", "b", "c"):
        await home.write("first", id)
    await begun.wait()
    end()
    turn.set()
    await eventually(lambda: heard)
    # A second one hears what happens afterwards in turns after those of the first.
    other = await home.follow("first")
    await home.write("first", "d")
    await eventually(lambda: other.heard)
    assert heard == ["a"]
