"""Operators see what clients of other systems ask for: in the figures, the statistics and the log (design 10)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

ENGINE = "factory"
CONNECTIONS = 8
"""More than anything else has open here."""
PROJECT = "9b520ebf-5906-4272-b4f7-c805b2a50f60"


def sitewise(url: str, keys: dict[str, Any]) -> Any:
    return boto3.session.Session().client(
        "iotsitewise",
        endpoint_url=url,
        region_name=keys["region"],
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )


def log_of(server: ServerProcess) -> list[dict[str, Any]]:
    """The lines of a server's log."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def ask_as_others(url: str, made: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Ask by each interface what there is and what there is not; the id of one answer of each, by interface."""
    ids: dict[str, str] = {}
    client = sitewise(f"{url}/sitewise", made["sitewise"])
    with pytest.raises(ClientError) as caught:
        client.describe_project(projectId=PROJECT)
    ids["sitewise"] = caught.value.response["ResponseMetadata"]["RequestId"]
    client.list_portals()
    client.close()
    with httpx.Client(base_url=url, timeout=60) as http:
        answer = http.get("/api/v2.0/devices/", headers={"X-Auth-Token": made["ubidots"]["token"]})
        assert answer.status_code == 200
        ids["ubidots"] = answer.headers["x-kuzzle-request-id"]
        assert http.get("/api/v2.0/devices/", headers={"X-Auth-Token": "wrong"}).status_code == 401
        bearer = {"Authorization": f"Bearer {made['teos']['token']}"}
        answer = http.get("/odata/v1.1/Assets('0x7')", headers=bearer)
        assert answer.status_code == 404
        ids["teos"] = answer.json()["clTraceId"]
        assert http.get("/odata/v1.1/Assets", headers=bearer).status_code == 200
        assert http.get("/version").status_code == 200
    return ids


async def check_that_its_own_port_counts(client: Client, port: int, read_figures: Any) -> None:
    """What comes in at a port that is for SiteWise alone stands in the same figures."""
    refused = "device_manager_messages_refused_total", frozenset({("error", "network.http.unsupported_verb")})
    opened = "device_manager_connections", frozenset({("protocol", "http")})
    before = read_figures(await client.call("server", "prometheus"))
    assert before[opened] < CONNECTIONS
    async with contextlib.AsyncExitStack() as connections:
        for _ in range(CONNECTIONS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connections.callback(writer.close)
            writer.write(b"BREW /portals HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        after = read_figures(await client.call("server", "prometheus"))
        metrics = await client.call("server", "metrics")
    assert after[refused] == before.get(refused, 0) + CONNECTIONS
    assert after[opened] >= CONNECTIONS
    assert metrics["network"]["connections"]["http"] >= CONNECTIONS


async def check_the_statistics(client: Client, *, completed: int, failed: int) -> None:
    """Wait until they tell of so many requests by HTTP: frames that are over, or the first one as far as it is."""

    def count(frames: list[dict[str, Any]], outcome: str) -> int:
        return sum(frame[outcome].get("http", 0) for frame in frames)

    async with asyncio.timeout(30):
        while True:
            frames = (await client.call("server", "getAllStats"))["hits"] or [
                await client.call("server", "getLastStats")
            ]
            if count(frames, "completedRequests") >= completed and count(frames, "failedRequests") >= failed:
                return
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_figures_statistics_and_log(start_server: Any, read_figures: Any, store: str) -> None:
    settings = {"access_log": True, "log_level": "info", "log_format": "json", "sitewise_port": 0}
    server = start_server(store=store, settings=settings)
    made: dict[str, dict[str, Any]] = {}
    async with Client(server.url) as client:
        await client.call("device-manager/engine", "create", index=ENGINE)
        for interface in ("sitewise", "ubidots", "teos"):
            about = {"engineId": ENGINE, "interface": interface}
            made[interface] = await client.call("device-manager/credentials", "create", **about)
        ids = ask_as_others(server.url, made)
        figures = read_figures(await client.call("server", "prometheus"))
        await check_the_statistics(client, completed=4, failed=3)
        [port] = [line["port"] for line in log_of(server) if line["event"].startswith("serving clients of AWS")]
        await check_that_its_own_port_counts(client, port, read_figures)
    expected = [
        ("sitewise", "DescribeProject", 404),
        ("sitewise", "ListPortals", 200),
        ("ubidots", "GET /api/v2.0/devices", 200),
        ("ubidots", "", 401),
        ("teos", "GET assets(key)", 404),
        ("teos", "GET assets", 200),
        ("teos", "/version", 200),
    ]
    for interface, operation, status in expected:
        labels = {"controller": interface, "action": operation}
        asked = frozenset({**labels, "protocol": "http", "status": str(status)}.items())
        assert figures["device_manager_requests_total", asked] == 1, labels
        assert figures["device_manager_request_seconds_count", frozenset(labels.items())] == 1, labels
    assert figures["device_manager_requests_running", frozenset()] <= 1
    server.stop()
    access = {line["request"]: line for line in log_of(server) if line["event"] == "request"}
    noted = {(line["controller"], line["action"], line["status"]) for line in access.values()}
    assert noted.issuperset(expected)
    for interface, error in (("sitewise", "ResourceNotFoundException"), ("ubidots", None), ("teos", "21000")):
        line = access[ids[interface]]
        assert (line["controller"], line["protocol"], line["error"]) == (interface, "http", error)
        assert line["user"] == made[interface]["userId"]
        assert line["address"] == "127.0.0.1"
