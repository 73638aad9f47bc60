"""`GET /_ready` for load balancers (router-protocol 3.2)."""

from __future__ import annotations

from pathlib import Path

import httpx

from device_manager.app import Application
from device_manager.settings import Settings


async def test_a_server_with_nothing_left_to_give_is_not_ready(tmp_path: Path) -> None:
    application = Application(Settings(store=f"sqlite:{tmp_path}", port=0, requests_running=2))
    await application.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{application.gateway.port}") as client:
            admission = application.router.admission
            assert (await client.get("/_ready")).status_code == 200
            slots = [admission.enter(), admission.enter()]
            assert (await client.get("/_ready")).status_code == 503
            assert (await client.get("/_healthcheck")).status_code == 200
            for slot in slots:
                assert slot is not None
                slot.release()
            assert (await client.get("/_ready")).status_code == 200
    finally:
        await application.stop()
