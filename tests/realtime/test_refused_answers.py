"""A subscription whose request is refused after all does not stay (router-protocol 5.7)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.realtime import RealtimeController
from device_manager.realtime.channels import Interest
from device_manager.router.request import Request


async def test_a_subscription_goes_with_its_answer(open_home: Any) -> None:
    home = await open_home()
    unneeded: Any = None  # what searches use
    controller = RealtimeController(home.realtime, unneeded, unneeded)
    listener = home.listener()

    async def subscribe(*, succeeds: bool, scope: str = "all") -> None:
        request = Request("realtime", "subscribe", args={}, id="r", connection=listener.connection)
        await controller.subscribe(request, "home", "first", {}, scope)
        assert request.on_answer is not None
        request.on_answer(succeeds)

    def channels() -> list[str]:
        return [name[-3:] for room in home.realtime.rooms for name in room.channels]

    await subscribe(succeeds=False)
    assert channels() == []
    await subscribe(succeeds=True)
    await subscribe(succeeds=False, scope="in")
    await subscribe(succeeds=False)
    assert channels() == ["311"]
    await home.write("first", "a")
    assert [message["result"]["_id"] for message in listener.heard] == ["a"]


async def test_who_came_again_meanwhile_stays(open_home: Any) -> None:
    home = await open_home()
    other, listener = await home.follow("first"), home.listener()
    client = listener.connection

    async def subscribe() -> Any:
        return await home.realtime.subscribe(client, "home", "first", {})

    (await home.realtime.subscribe(client, "home", "first", {}, Interest("in"))).hold.release()
    failing = await subscribe()
    home.realtime.unsubscribe(client, failing.room)
    (await subscribe()).hold.release()
    home.realtime.undo(failing)
    await home.write("first", "a")
    assert len(listener.heard) == len(other.heard) == 1
