"""A server that cannot start leaves nothing open behind (router-protocol 3.4)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from device_manager.app import Application
from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX
from device_manager.storage.opening import open_store
from device_manager.storage.servers import SERVERS


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_a_pipe_that_fails_at_the_end_of_the_start(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:{tmp_path}"
    if store == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    application = Application(Settings(store=url, port=0))

    async def fail(nothing: Any) -> None:
        raise ApiError("not today", status=500)

    application.events.add_pipe("kuzzle:state:ready", fail, owner="test")
    application.events.compile()
    with pytest.raises(ApiError, match="not today"):
        await application.start()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", application.gateway.port)
    if application.store.shared:
        again = open_store(application.settings)
        await again.start()
        await again.refresh(INTERNAL_INDEX, SERVERS)
        found = [server.id async for page in again.scan(INTERNAL_INDEX, SERVERS) for server in page]
        assert application.servers.id not in found
        await again.close()
