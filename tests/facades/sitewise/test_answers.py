"""What goes over the wire: bodies and headers of answers, whatever is wrong with a request (facades 2.2, 2.3, 2.10)."""

from __future__ import annotations

import json
import socket
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from device_manager.app import Application
from device_manager.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

Site = Any
PLAIN = False
"""No certificates: reading those of the machine takes a client longer than all that it sends."""
PROJECT = "9b520ebf-5906-4272-b4f7-c805b2a50f60"
PORTAL = {
    "portalName": "Plant",
    "portalContactEmail": "operations@plant.example",
    "roleArn": "arn:aws:iam::123456789012:role/monitor",
}


async def send(site: Site, verb: str, path: str, body: bytes = b"", mount: str = "") -> httpx.Response:
    """The answer to a signed request, however odd its body."""
    url = f"{site.own_url if not mount else site.url}{path}"
    headers = {"host": httpx.URL(url).netloc.decode()} | ({"content-type": "application/json"} if body else {})
    request = AWSRequest(method=verb, url=url, data=body, headers=headers)
    keys = site.keys
    SigV4Auth(Credentials(keys["accessKeyId"], keys["secretAccessKey"]), "iotsitewise", keys["region"]).add_auth(
        request
    )
    async with httpx.AsyncClient(verify=PLAIN) as http:
        return await http.request(verb, url, headers=dict(request.headers.items()), content=body)


async def test_an_error_says_its_name_twice(site: Site) -> None:
    answer = await send(site, "GET", f"/projects/{PROJECT}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert uuid.UUID(answer.headers["x-amzn-requestid"]) and answer.headers["date"]
    assert answer.json() == {"__type": "ResourceNotFoundException", "message": f"There is no project {PROJECT}."}


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/gateways"),
        ("GET", "/"),
        ("PATCH", f"/projects/{PROJECT}"),
        ("GET", f"/projects/{PROJECT}/"),
        ("POST", f"/projects/{PROJECT}/assets/disassociate/"),
        ("GET", "//projects"),
    ],
)
async def test_no_such_operation(site: Site, verb: str, path: str) -> None:
    for mount in ("", "/sitewise"):
        answer = await send(site, verb, path, mount=mount)
        assert (answer.status_code, answer.json()["__type"]) == (404, "UnknownOperationException"), answer.text


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{", "InvalidRequestException"),
        (b"\xff", "InvalidRequestException"),
        (b"[]", "SerializationException"),
        (b'"text"', "SerializationException"),
        (b"", "InvalidRequestException"),
        (b"{}", "InvalidRequestException"),
    ],
)
async def test_a_body_that_is_none(site: Site, body: bytes, name: str) -> None:
    answer = await send(site, "POST", f"/projects/{PROJECT}/assets/associate", body)
    assert (answer.status_code, answer.json()["__type"]) == (400, name)


@pytest.mark.parametrize(
    "change",
    [
        {"portalName": ""},
        {"portalName": "x" * 257},
        {"portalName": "a\nb"},
        {"portalName": 5},
        {"portalName": None},
        {"portalContactEmail": "nobody"},
        {"portalContactEmail": "a@b.c"},
        {"roleArn": "role"},
        {"roleArn": "arn:aws:" + "x" * 1600},
        {"portalDescription": "x" * 2049},
        {"portalAuthMode": "OTHER"},
        {"portalLogoImageFile": {"data": "AAAA", "type": "GIF"}},
        {"portalLogoImageFile": {"data": "not base64!", "type": "PNG"}},
        {"tags": {}},
        {"tags": {"x" * 129: ""}},
        {"tags": {"x": "y" * 257}},
        {"tags": {str(number): "" for number in range(51)}},
        {"clientToken": "short"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_every_constraint_is_checked(site: Site, change: dict[str, Any]) -> None:
    answer = await send(site, "POST", "/portals", json.dumps(PORTAL | change).encode())
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidRequestException")
    assert "CreatePortal" in answer.json()["message"]


async def test_members_that_nobody_knows_do_not_matter(site: Site) -> None:
    answer = await send(site, "POST", "/portals", json.dumps(PORTAL | {"unknown": 1, "tags": None}).encode())
    assert answer.status_code == 202
    assert answer.json()["portalStatus"] == {"state": "CREATING"}
    portal = answer.json()["portalId"]
    for wrong in ("maxResults=0", "maxResults=251", "maxResults=many", "nextToken=%20", "portalId=x"):
        refused = await send(site, "GET", f"/projects?portalId={portal}&{wrong}")
        assert (refused.status_code, refused.json()["__type"]) == (400, "InvalidRequestException"), wrong
    listed = await send(site, "GET", f"/projects?unknown=1&portalId={portal}&maxResults=250")
    assert listed.json() == {"projectSummaries": []}
    gone = await send(site, "DELETE", f"/portals/{portal}")
    assert (gone.status_code, gone.json()) == (202, {"portalStatus": {"state": "DELETING"}})


async def test_nothing_comes_before_the_signature(site: Site) -> None:
    async with httpx.AsyncClient(verify=PLAIN) as http:
        for url in (f"{site.own_url}/portals", f"{site.url}/portals", f"{site.own_url}/_/server/now"):
            answer = await http.get(url)
            assert (answer.status_code, answer.json()["__type"]) == (403, "MissingAuthenticationTokenException"), url

    with pytest.raises(InvalidStatus) as refused:
        await connect(site.own_url.replace("http:", "ws:"))
    assert refused.value.response.status_code == 403


async def test_no_port_of_its_own_without_the_interface(tmp_path: Path) -> None:
    application = Application(Settings(store=f"sqlite:{tmp_path}", sitewise=False, sitewise_port=0))
    assert application.sitewise_gateway is None


async def test_a_port_that_is_taken_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        application = Application(Settings(store=f"sqlite:{tmp_path}", port=0, sitewise_port=port))
        with pytest.raises(OSError, match="in use"):
            await application.start()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", application.gateway.port))
