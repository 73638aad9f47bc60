"""What cannot be kept for a client is not lost without a word (router-protocol 5.7, design 8)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

PLUGIN = """
import asyncio

from device_manager.plugins import hook, pipe

enough = asyncio.Event()
heard = 0


@pipe("realtime:afterSubscribe")
async def wait(request):
    await enough.wait()


@hook("realtime:afterPublish")
def count(request):
    global heard
    heard += 1
    if heard == 3:
        enough.set()
"""
"""Keeps the answer to a subscription back until three messages were published."""


async def test_a_client_that_missed_something_before_its_answer_is_cut(
    start_server: Any, connect_to: Any, tmp_path: Path
) -> None:
    plugin = tmp_path / "patient.py"
    plugin.write_text(PLUGIN)
    server = start_server(plugins=[str(plugin)])
    writer, follower = await connect_to(server), await connect_to(server)
    await writer.do("index:create", index="home")
    subscribing = asyncio.create_task(follower.subscribe("home", "rooms"))
    while not (await writer.do("realtime:list")).get("home"):
        await asyncio.sleep(0.01)
    for _ in range(3):
        await writer.do("realtime:publish", index="home", collection="rooms", body={"text": "x" * 500_000})
    answer = await subscribing
    assert answer["channel"]
    await follower.connection.wait_closed()
    assert follower.connection.close_code == 1013
    assert follower.connection.close_reason == "notifications were lost before the answer to a subscription"
    assert [message for message in follower.log if isinstance(message, dict)] == []
    figures: str = await writer.do("server:prometheus")
    assert "device_manager_lossy_clients_cut_total 1.0" in figures
    again = await connect_to(server)
    since = await again.subscribe("home", "rooms", since=answer["number"])
    assert since["resumed"] is True
    assert len(await again.news(3)) == 3
