"""Form bodies and compressed bodies (router-protocol 1.8)."""

from __future__ import annotations

import asyncio
import base64
import gzip
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest


@pytest.fixture
async def client(server: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"a=1&b=x+y%C3%A9&a=2&flag&empty=", {"a": ["1", "2"], "b": "x yé", "flag": "", "empty": ""}),
        ("name=é".encode(), {"name": "é"}),
        (b"a%26b=c%3Dd", {"a&b": "c=d"}),
        (b"&&", {}),
    ],
)
async def test_urlencoded_bodies(client: httpx.AsyncClient, body: bytes, value: Any) -> None:
    for content_type in (FORM, FORM.upper(), f"{FORM}; charset=utf-8"):
        response = await client.post("/_echo/e/d", content=body, headers={"Content-Type": content_type})
        assert response.json()["result"]["body"] == value


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"a=%00", b"a&" * 2000])
async def test_unreadable_urlencoded_bodies(server: Any, client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/_echo/e/d", content=body, headers={"Content-Type": FORM})
    assert (response.status_code, response.json()["error"]["id"]) == (400, "network.http.body_parse_failed")
    assert server.router.requests == []


async def test_multipart_texts_and_files(client: httpx.AsyncClient) -> None:
    content = bytes(range(256)) * 300
    response = await client.post(
        "/_echo/e/d",
        data={"title": "Größe", "tag": ["a", "b"], "empty": ""},
        files={"photo": ("ö.png", content, "image/png"), "plain": ("x", b"")},
    )
    assert response.json()["result"]["body"] == {
        "title": "Größe",
        "tag": ["a", "b"],
        "empty": "",
        "photo": {"encoding": "image/png", "file": base64.b64encode(content).decode(), "filename": "ö.png"},
        "plain": {"encoding": "application/octet-stream", "file": "", "filename": "x"},
    }


async def test_compressed_multipart(client: httpx.AsyncClient) -> None:
    body = gzip.compress(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n')
    headers = {"Content-Type": 'multipart/form-data; boundary="x"', "Content-Encoding": "gzip"}
    response = await client.post("/_echo/e/d", content=body, headers=headers)
    assert response.json()["result"]["body"] == {"a": "1"}


PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", PART + b"--x--"),
        ("multipart/form-data; boundary=", PART + b"--x--"),
        ("multipart/form-data; boundary=" + "x" * 71, PART + b"--x--"),
        ("multipart/form-data; boundary=y", PART + b"--x--"),
        ("multipart/form-data; boundary=x", PART),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", PART.replace(b"form-data", b"attachment") + b"--x--"),
        ("multipart/form-data; boundary=x", PART.replace(b"\r\n1", b"\r\n\xff") + b"--x--"),
        ("multipart/form-data; boundary=x", PART.replace(b'"a"', b'"\xff"') + b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nA" * 10_000),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"X: y\r\n" * 1000 + b"\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", PART * 1001 + b"--x--"),
    ],
    ids=range(14),
)
async def test_malformed_multipart(server: Any, client: httpx.AsyncClient, content_type: str, body: bytes) -> None:
    response = await client.post("/_echo/e/d", content=body, headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["error"]["id"]) == (400, "network.http.body_parse_failed")
    assert server.router.requests == []


async def test_files_have_a_limit_of_their_own(start: Any) -> None:
    server = await start(max_form_file_bytes=1000)
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.post("/_echo/e/d", files={"f": ("n", b"x" * 1000)})).status_code == 200
        response = await client.post("/_echo/e/d", files={"f": ("n", b"x" * 1001)})
        assert (response.status_code, response.json()["error"]["id"]) == (413, "network.http.file_too_large")
        assert (await client.post("/_echo/e/d", data={"f": "x" * 2000}, files={"a": b""})).status_code == 200


async def test_curl_sends_forms(server: Any, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    (tmp_path / "data.csv").write_text("a,b\n")
    for options, value in (
        (("-d", "a=1", "-d", "b=2"), {"a": "1", "b": "2"}),
        (
            ("-F", "a=1", "-F", f"f=@{tmp_path}/data.csv;type=text/csv"),
            {"a": "1", "f": {"encoding": "text/csv", "file": "YSxiCg==", "filename": "data.csv"}},
        ),
    ):
        process = await asyncio.create_subprocess_exec(
            curl, "-s", *options, f"{server.url}/_echo/e/d", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert orjson.loads(output)["result"]["body"] == value


async def test_compression_can_be_switched_off(start: Any) -> None:
    server = await start(compression=False)
    server.router.answer_with = {"result": "x" * 10_000}
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.post("/_echo/e/d", content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
        assert (response.status_code, response.json()["error"]["id"]) == (400, "network.http.compression_disabled")
        response = await client.get("/_given", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in response.headers
        assert "accept-encoding" not in response.headers


async def test_additional_content_types_are_read_as_json(start: Any) -> None:
    server = await start(additional_content_types=("application/vnd.iot+json",))
    async with httpx.AsyncClient(base_url=server.url) as client:
        headers = {"Content-Type": "application/vnd.iot+JSON; charset=utf-8"}
        response = await client.post("/_echo/e/d", content=b"[1]", headers=headers)
        assert response.json()["result"]["body"] == [1]
        assert (await client.post("/_echo/e/d", content=b"x", headers=headers)).status_code == 400
