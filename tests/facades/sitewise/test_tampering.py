"""Requests of boto3 that are changed on their way are refused, and do nothing (facades 2.11)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
Tamper = Callable[[Any], None]
"""Changes a signed request that is about to leave the client."""
WRONG = ("InvalidSignatureException", 403)
CONTACT = {
    "portalContactEmail": "operations@plant.example",
    "roleArn": "arn:aws:iam::123456789012:role/monitor",
}


def replaced(part: str, old: str, new: str) -> Tamper:
    """Replaces a text in the URL or in the body."""

    def tamper(request: Any) -> None:
        content = getattr(request, part)
        is_raw = isinstance(content, bytes)
        text = content.decode() if is_raw else content
        assert old in text, text
        changed = text.replace(old, new, 1)
        setattr(request, part, changed.encode() if is_raw else changed)
        if is_raw:
            header("Content-Length", lambda length: str(len(changed)))(request)

    return tamper


def header(name: str, change: Callable[[str], str | None]) -> Tamper:
    """Changes a header; None takes it away."""

    def tamper(request: Any) -> None:
        present = request.headers.get(name, b"")
        value = change(present.decode() if isinstance(present, bytes) else present)
        request.headers.pop(name, None)
        if value is not None:
            request.headers[name] = value

    return tamper


def credential(old: str, new: str) -> Tamper:
    """Changes a part of the scope or the list of signed headers."""
    return header("Authorization", lambda text: text.replace(old, new, 1))


def verb(name: str) -> Tamper:
    """Another method."""

    def tamper(request: Any) -> None:
        request.method = name

    return tamper


@pytest.fixture
def sent(site: Site, call: Call) -> Iterator[Callable[..., Awaitable[tuple[str, int]]]]:
    """Sends a request that is tampered with: the error that it gets and its status; nothing for a success."""
    client = site.client(max_pool_connections=3)
    tampering: list[Tamper] = []

    def tamper(request: Any, **more: Any) -> None:
        for change in tampering:
            change(request)

    client.meta.events.register("before-send.iotsitewise.*", tamper)

    async def send(change: Tamper, operation: str, **members: Any) -> tuple[str, int]:
        tampering[:] = [change]
        try:
            answer = await call(getattr(client, operation), **members)
        except ClientError as error:
            metadata = error.response["ResponseMetadata"]
            return error.response["Error"]["Code"], metadata["HTTPStatusCode"]
        return "", answer["ResponseMetadata"]["HTTPStatusCode"]

    yield send
    client.meta.events.unregister("before-send.iotsitewise.*", tamper)


async def test_a_changed_body_or_header_is_refused(site: Site, call: Call, sent: Any) -> None:
    client = site.client()
    portal = (await call(client.create_portal, portalName="Plant", **CONTACT))["portalId"]
    project = (await call(client.create_project, portalId=portal, projectName="Hall"))["projectId"]
    kept, other = await site.assets(2)
    await call(client.batch_associate_project_assets, projectId=project, assetIds=[kept])
    batch = {"projectId": project, "assetIds": [other]}

    def shifted(seconds: int) -> Callable[[str], str]:
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return lambda text: moment.strftime("%Y%m%dT%H%M%SZ")

    today = datetime.now(UTC).strftime("/%Y%m%d/")
    tampered: dict[str, Tamper] = {
        "body": replaced("body", other, kept),
        "body, longer": replaced("body", "}", ',"x":1}'),
        "path": replaced("url", project, str(uuid.uuid4())),
        "operation": replaced("url", "/disassociate", "/associate"),
        "more query": replaced("url", "/disassociate", "/disassociate?x=1"),
        "date": header("X-Amz-Date", shifted(-60)),
        "date, of another day": header("X-Amz-Date", shifted(-86_400)),
        "content type": header("Content-Type", lambda text: "text/plain"),
        "host": header("Host", lambda text: "other.example"),
        "content hash": header("X-Amz-Content-SHA256", lambda text: "0" * 64),
        "unsigned content": header("X-Amz-Content-SHA256", lambda text: "UNSIGNED-PAYLOAD"),
        "region": credential("/us-east-1/", "/eu-west-1/"),
        "service": credential("/iotsitewise/", "/iot/"),
        "day of the scope": credential(today, "/20200101/"),
        "signed headers, one less": credential("SignedHeaders=content-type;host", "SignedHeaders=host"),
        "signed headers, another order": credential("content-type;host", "host;content-type"),
        "signature": header("Authorization", lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")),
    }
    for name, change in tampered.items():
        answered = await sent(change, "batch_disassociate_project_assets", **batch)
        assert answered == WRONG, name
    refused = {
        "no signature": (header("Authorization", lambda text: None), ("MissingAuthenticationTokenException", 403)),
        "no date": (header("X-Amz-Date", lambda text: None), ("IncompleteSignatureException", 400)),
        "host not signed": (credential("host;", ""), ("IncompleteSignatureException", 400)),
        "half a signature": (header("Authorization", lambda text: text[:-5]), ("IncompleteSignatureException", 400)),
        "another key": (credential("=AKIA", "=AKIB"), ("UnrecognizedClientException", 403)),
        "a session": (header("X-Amz-Security-Token", lambda text: "x"), ("UnrecognizedClientException", 403)),
    }
    for name, (change, expected) in refused.items():
        assert await sent(change, "batch_disassociate_project_assets", **batch) == expected, name
    assert await sent(verb("PUT"), "delete_project", projectId=project) == WRONG
    assert await sent(verb("DELETE"), "describe_project", projectId=project) == WRONG
    assert (await call(client.list_project_assets, projectId=project))["assetIds"] == [kept]
    assert await sent(lambda request: None, "batch_disassociate_project_assets", **batch) == ("", 200)


async def test_a_changed_path_or_query_is_refused(site: Site, call: Call, sent: Any) -> None:
    client = site.client()
    portal = await call(client.create_portal, portalName="Plant", tags={"a b": "", "c": ""}, **CONTACT)
    gone = {"resourceArn": portal["portalArn"], "tagKeys": ["a b", "c"]}
    for old, new in (
        ("tagKeys=c", "tagKeys=d"),
        ("a%20b", "a+b"),
        ("&tagKeys=c", ""),
        ("tagKeys=c", "tagKeys=c&tagKeys=e"),
        ("tagKeys=c", "tagkeys=c"),
        ("%3A", ":"),
    ):
        assert await sent(replaced("url", old, new), "untag_resource", **gone) == WRONG, (old, new)
    external = {"assetId": "externalId:pump.01"}
    for old, new in (("%3A", ":"), ("pump.01", "pump%2E01"), ("pump.01", "pump.02"), (".01", ".01/")):
        assert await sent(replaced("url", old, new), "describe_asset", **external) == WRONG, (old, new)
    listed = {"portalId": portal["portalId"], "maxResults": 7}
    page = f"portalId={portal['portalId']}"
    size, other = "maxResults=7", f"portalId={uuid.uuid4()}"
    for old, new in ((size, "maxResults=8"), (size, "maxResults=07"), (page, other)):
        assert await sent(replaced("url", old, new), "list_projects", **listed) == WRONG, (old, new)
    assert (await call(client.list_tags_for_resource, resourceArn=portal["portalArn"]))["tags"] == {"a b": "", "c": ""}

    # Parameters are signed sorted, so another order is the same request: it gets the same answer, and no other one.
    first, second = f"maxResults=7&{page}", f"{page}&maxResults=7"

    def swap(request: Any) -> None:
        order = (first, second) if first in request.url else (second, first)
        replaced("url", *order)(request)

    assert await sent(swap, "list_projects", **listed) == ("", 200)
    # So is a doubled slash in the signature, but nothing is there.
    doubled = replaced("url", "/projects?", "//projects?")
    assert await sent(doubled, "list_projects", **listed) == ("UnknownOperationException", 404)
