"""The engine without a server: bounds, order, pipes, what waits and what is forgotten (router-protocol 5.7, 9)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.plugins import PluginContext
from device_manager.realtime.bus import Entry, EntryLog
from device_manager.realtime.bus.entries import encode_entry
from device_manager.realtime.channels import Interest
from device_manager.realtime.inside import InsideSubscriptions
from device_manager.realtime.notifications import changed_paths
from device_manager.realtime.seats import LOST, MOST_HELD, Seat
from device_manager.storage.contract import Change, ChangeKind, Document, Key, Put, PutKind

Message = dict[str, Any]


def ids(heard: list[Message]) -> list[str | None]:
    return [message["result"].get("_id") for message in heard]


async def test_rooms_are_bounded_by_connection_and_by_server(open_home: Any) -> None:
    home = await open_home(realtime_rooms=5, realtime_connection_rooms=3, realtime_subscriptions=7)
    first = await home.follow("first")

    async def more(listener: Any, value: int, **options: Any) -> None:
        filter = {"equals": {"n": value}}
        (await home.realtime.subscribe(listener.connection, "home", "first", filter, **options)).hold.release()

    async def refused(listener: Any, value: int) -> str:
        with pytest.raises(ApiError, match="Too many rooms") as caught:
            await more(listener, value)
        return f"{caught.value.status} {caught.value.message.split()[-3]}"

    await more(first, 1)
    await more(first, 2)
    assert await refused(first, 3) == "413 3"
    await more(first, 2, interest=Interest("in"))  # another channel of the same room
    second = await home.follow("first")
    await more(second, 3)
    await more(second, 4)
    third = home.listener()
    assert await refused(third, 9) == "413 5"
    await more(third, 1)
    assert await refused(third, 2) == "413 7"
    home.realtime.drop(first.connection)
    assert (len(home.realtime.rooms), home.realtime.rooms.subscriptions) == (4, 4)
    await more(third, 2)
    for listener in (second, third):
        listener.connection.close()
    assert (len(home.realtime.rooms), home.realtime.rooms.subscriptions) == (0, 0)
    assert await home.realtime.list_rooms() == {} and await home.realtime.collections("home") == []


async def test_rooms_of_servers_of_another_version_are_left_out(open_home: Any) -> None:
    home = await open_home(realtime_log_entries=0)
    await home.follow("first")
    home.bus.set_count("foreign", 3, b"\xc1")
    listed = await home.realtime.list_rooms()
    assert list(listed) == ["home"] and list(listed["home"]) == ["first"]
    assert await home.realtime.collections("home") == ["first"]
    assert await home.realtime.count("foreign") == 0
    assert home.realtime.delivery._most_waiting == 1


async def test_what_is_too_old_cannot_be_resumed_from(open_home: Any) -> None:
    home = await open_home(realtime_log_entries=4, realtime_log_age=100.0)
    follower = await home.follow("first")
    for number in range(6):
        await home.write("first", f"d{number}")
    assert ids(follower.heard) == [f"d{number}" for number in range(6)]
    numbers = [message["number"] for message in follower.heard]
    assert numbers == list(range(numbers[0], numbers[0] + 6))
    client = home.listener()

    async def resumed(since: int, **options: Any) -> bool | None:
        subscribed = await home.realtime.subscribe(client.connection, "home", "first", {}, since=since, **options)
        subscribed.hold.release()
        answer: bool | None = subscribed.resumed
        return answer

    assert await resumed(numbers[0]) is False and client.heard == []
    assert await resumed(numbers[1]) is True and ids(client.heard) == ["d2", "d3", "d4", "d5"]
    client.heard.clear()
    # What happens elsewhere pushes entries out, but only theirs count as missing.
    await home.follow("second")
    for number in range(6):
        await home.write("second", f"s{number}")
    assert await resumed(numbers[4]) is False
    assert await resumed(numbers[5]) is True and client.heard == []
    assert await resumed(home.bus.number + 1) is False
    # A collection that everybody left is watched for a while.
    home.realtime.drop(client.connection)
    home.realtime.drop(follower.connection)
    await home.write("first", "meanwhile")
    assert await resumed(numbers[5]) is True and ids(client.heard) == ["meanwhile"]
    home.realtime.drop(client.connection)
    home.clock += 101.0
    await home.write("first", "unseen")
    assert await resumed(numbers[5]) is False
    assert not home.bus.is_followed("home", "nowhere")


async def test_bytes_of_the_log_are_bounded() -> None:
    entry = Entry("home", "first", "create", "a", None, {"text": "x" * 1000}, 1, None, None, None, None, None, 0, "n")
    data, place = encode_entry(entry), ("home", "first")
    log = EntryLog(1000, 3 * len(data), 100.0, 10)
    log.follow(place)
    for _ in range(5):
        log.append(place, data)
    assert log.since(place, 11) is None
    kept = log.since(place, 12)
    assert kept is not None and [number for number, _ in kept] == [13, 14, 15] and kept[0].entry == entry
    many = EntryLog(10_000, 1 << 30, 100.0, 0)
    many.follow(place)
    for _ in range(2001):
        many.append(place, data)
    assert many.since(place, 0) is None and len(many.since(place, 1) or ()) == 2000
    log.forget()
    assert log.since(place, 14) is None and log.since(place, 15) == []


async def test_notifications_wait_for_the_answer(open_home: Any) -> None:
    home = await open_home()
    listener = home.listener()
    held = await home.realtime.subscribe(listener.connection, "home", "first", {})
    again = await home.realtime.subscribe(listener.connection, "home", "first", {})
    await home.write("first", "a")
    again.hold.release()
    again.hold.release()
    assert listener.heard == []
    held.hold.release()
    await home.write("first", "b")
    assert ids(listener.heard) == ["a", "b"]
    # A request that fails after all leaves what there was before.
    failed = await home.realtime.subscribe(listener.connection, "home", "first", {}, Interest("out"))
    home.realtime.undo(failed)
    assert [channel.name[-3:] for room in home.realtime.rooms for channel in room.channels.values()] == ["311"]
    failed = await home.realtime.subscribe(listener.connection, "home", "second", {})
    home.realtime.undo(failed)
    assert len(home.realtime.rooms) == 1


class SlowRights:
    """Says who may subscribe when the test lets it."""

    version = 0

    def __init__(self) -> None:
        self.turn = asyncio.Event()

    async def may_subscribe(self, user_id: str | None, index: str, collection: str) -> bool:
        await self.turn.wait()
        return True


async def test_token_that_ends_while_its_client_subscribes_takes_the_subscription(open_home: Any) -> None:
    rights = SlowRights()
    home = await open_home(rights=rights)
    clients = [home.listener() for _ in range(3)]
    asked = [
        asyncio.create_task(home.realtime.subscribe(client.connection, "home", "first", {}, user_id=user))
        for client, user in zip(clients, ("ada", "bob", "ada"), strict=True)
    ]
    await asyncio.sleep(0)
    home.realtime.drop(clients[0].connection, "ada")
    home.realtime.drop(clients[1].connection, "ada")
    rights.turn.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(outcomes[0], ApiError) and outcomes[0].id == "security.token.invalid"
    assert [isinstance(outcome, ApiError) for outcome in outcomes] == [True, False, False]
    (room,) = home.realtime.rooms
    assert room.subscriptions.keys() == {client.connection.id for client in clients[1:]}


def test_what_waits_is_bounded() -> None:
    sent: list[bytes] = []
    cut: list[str] = []

    class Client:
        id, protocol = "c", "websocket"

        def __init__(self) -> None:
            self.push: Callable[[bytes], None] | None = sent.append
            self.cut: Callable[[str], None] | None = cut.append

        def on_close(self, listener: Any) -> None: ...

    seat = Seat(Client(), 5)
    seat.hold()
    seat.send(b"old", 5)
    seat.send(b"a", 6)
    seat.release()
    assert sent == [b"a"]
    # Who knows the channel is sent what would be too much to keep.
    seat.hold()
    seat.send(b"x" * MOST_HELD, 7)
    assert len(sent) == 1
    seat.send(b"y", 8)
    seat.send(b"z", 9)
    assert [frame[:1] for frame in sent] == [b"a", b"x", b"y", b"z"]
    seat.release()
    assert len(sent) == 4 and not seat.is_broken
    # Who does not is sent nothing of it: the subscription fails, or its client is cut.
    for ends, told in ((Seat.abandon, []), (Seat.release, [LOST])):
        stranger = Seat(Client(), 5)
        stranger.hold()
        for letter in (b"x", b"y", b"z"):
            stranger.send(letter * (MOST_HELD // 2), 6)
        ends(stranger)
        assert stranger.is_broken and len(sent) == 4 and cut == told


async def test_pipes_see_notifications_before_they_are_sent_in_order(open_home: Any, eventually: Any) -> None:
    home = await open_home()
    hidden, seen = asyncio.Event(), []

    async def redact(notification: Message) -> Message:
        if notification["result"].get("_id") == "a":
            await hidden.wait()
        if notification["result"].get("_id") == "refused":
            raise RuntimeError("no")
        return {**notification, "result": {**notification["result"], "_source": "hidden"}}

    def look(payload: Message) -> Message:
        seen.append((payload["channels"], payload["connectionId"]))
        return payload

    home.events.add_pipe("notify:document", redact, owner="test")
    home.events.add_pipe("core:realtime:notification:dispatch:before", look, owner="test", inline=True)
    home.events.compile()
    listener = await home.follow("first")
    for id in ("a", "refused", "b"):
        await home.write("first", id)
    late = await home.follow("first", interest=Interest("in"))
    hidden.set()
    await home.write("first", "c")
    await eventually(lambda: len(listener.heard) == 3 and late.heard)
    assert ids(listener.heard) == ["a", "b", "c"] and ids(late.heard) == ["c"]
    assert {message["result"]["_source"] for message in listener.heard} == {"hidden"}
    assert all(connection is None for _, connection in seen)
    assert sorted(name[-3:] for name in seen[-1][0]) == ["311", "312"]


async def test_pipes_see_who_comes_and_goes(open_home: Any, eventually: Any) -> None:
    home = await open_home()
    told: list[str] = []
    events = ("core:hotelClerk:addSubscription", "room:remove", "core:realtime:user:unsubscribe:after", "room:new")
    for event in events:
        home.events.add_hook(event, lambda about, event=event: told.append(f"{event} {about['collection']}"), owner="t")
    home.events.add_pipe("notify:user", lambda notification: {**notification, "seen": True}, owner="test")
    home.events.compile()
    first = await home.follow("first", interest=Interest("all", "all"))
    second = await home.follow("first", volatile={"name": "second"})
    await eventually(lambda: first.heard)
    assert first.heard[0]["seen"] and first.heard[0]["volatile"] == {"name": "second"}
    home.realtime.drop(second.connection)
    await eventually(lambda: len(first.heard) == 2)
    home.realtime.drop(first.connection)
    await eventually(lambda: "room:remove first" in told)
    assert sorted(told) == sorted(
        [f"{event} first" for event in events] + [f"{event} first" for event in (events[0], events[2])]
    )


async def test_plugins_hear_of_changes_and_subscribe_for_clients(open_home: Any, eventually: Any) -> None:
    home = await open_home()
    offered = {"router": None, "store": home.store, "events": home.events, "questions": None, "settings": {}}
    context: Any = PluginContext("watcher", **offered, subscriptions=InsideSubscriptions(home.realtime))
    heard: list[Message] = []
    turn = asyncio.Event()

    async def note(notification: Message) -> None:
        if notification["result"]["_id"] == "bad":
            raise RuntimeError("this one is not understood")
        await turn.wait()
        heard.append(notification)

    end = await context.subscribe("home", "first", note, {"equals": {"n": 1}})
    for id, value in (("a", 1), ("b", 2), ("bad", 1), ("c", 1)):
        await home.write("first", id, n=value)
    assert heard == []
    turn.set()
    await eventually(lambda: len(heard) == 2)
    assert ids(heard) == ["a", "c"]
    end()
    client = home.listener()
    room, channel = await context.subscribe_client(client.connection, "home", "first", {}, scope="in")
    await home.write("first", "d", n=1)
    assert ids(client.heard) == ["d"] and client.heard[0]["room"] == channel == f"{room}-312" and len(heard) == 2
    context.unsubscribe_client(client.connection, room)
    assert len(home.realtime.rooms) == 0
    with pytest.raises(ApiError, match="not subscribed"):
        context.unsubscribe_client(client.connection, room)
    with pytest.raises(ApiError, match="not available"):
        await PluginContext("without", **offered).subscribe("home", "first", note)


async def test_what_puts_remove_is_not_told(open_home: Any) -> None:
    home = await open_home()
    listener = await home.follow("first")
    key = Key("home", "first", "p")
    await home.store.put([Put(PutKind.INDEX, key, {"n": 1})])
    await home.store.put([Put(PutKind.REMOVE, key, {})])
    assert ids(listener.heard) == ["p"]
    assert listener.heard[0]["requestId"] is None and listener.heard[0]["controller"] is None


def test_paths_of_what_changed() -> None:
    before = {"a": 1, "same": {"x": [1]}, "gone": {"deep": 1}, "kind": {"b": 1}, "_kuzzle_info": {"updatedAt": 1}}
    after = {"a": 1.5, "same": {"x": [1]}, "new": {"deep": {"er": 1}}, "kind": 7, "_kuzzle_info": {"updatedAt": 2}}
    assert list(changed_paths(before, after)) == ["a", "new.deep.er", "kind", "gone.deep"]
    assert list(changed_paths({"n": 1}, {"n": True})) == ["n"]


@pytest.mark.alone
async def test_rooms_that_cannot_match_cost_nothing(open_home: Any) -> None:
    costs = {}
    for rooms in (10, 10_000):
        home = await open_home(realtime_connection_rooms=rooms)
        listener = home.listener()
        for number in range(rooms):
            filter = {"and": [{"equals": {"name": f"n{number}"}}, {"range": {"level": {"gt": number}}}]}
            (await home.realtime.subscribe(listener.connection, "home", "first", filter)).hold.release()
        source = {"name": "n7", "level": 12, "note": "x" * 100}
        change = Change(ChangeKind.CREATE, Key("home", "first", "d"), None, Document("d", source, 1))
        times = []
        for _ in range(7):
            started = time.process_time()
            for _ in range(200):
                home.realtime._on_commit([change])
            times.append(time.process_time() - started)
        assert len(listener.heard) == 1400
        costs[rooms] = min(times)
    assert costs[10_000] < 3 * costs[10]
