"""Signatures of AWS, with botocore as the oracle (facades 2.11)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.facades.sitewise.signature import Unreadable, canonical_request, expected_signature, read_proof
from device_manager.router.request import HttpMessage

KEY, SECRET, REGION = "AKIDEXAMPLE", "secret", "us-east-1"
PROJECT = "11111111-2222-3333-4444-555555555555"
ID_PATH = "/assets/externalId%3Apump.01"
JSON = {"content-type": "application/json"}


def signed(
    verb: str,
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    in_query: bool = False,
    session: str | None = None,
) -> HttpMessage:
    """A message as botocore signs it."""
    parts = urlsplit(url)
    given_headers = {"host": parts.netloc, **(headers or {})}
    request = AWSRequest(method=verb, url=url, data=body, headers=given_headers)
    credentials = Credentials(KEY, SECRET, session)
    auth = SigV4QueryAuth(credentials, "iotsitewise", REGION, 60) if in_query else None
    (auth or SigV4Auth(credentials, "iotsitewise", REGION)).add_auth(request)
    parts = urlsplit(request.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    raw = tuple((name.lower().encode(), str(value).encode()) for name, value in request.headers.items())
    return HttpMessage(verb, target.encode(), raw, body)


def is_right(message: HttpMessage) -> bool:
    """Whether the signature of a message is what it has to be."""
    path, _, query = message.target.partition(b"?")
    proof = read_proof(message, query)
    assert proof is not None
    return expected_signature(message, path, query, proof, SECRET) == proof.signature


def test_the_published_vector() -> None:
    body = f'{{"assetIds": ["{PROJECT}"], "clientToken": "5b9d270a-0032-4926-b053-4d3816c1feba"}}'.encode()
    assert len(body) == 109
    scope = f"{KEY}/20261122/{REGION}/iotsitewise/aws4_request"
    expected = "89273488ba491c7c48d30148070f1c174227957f129f4cf3206a962f37bb41ad"
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host;x-amz-date, Signature={expected}"
    )
    headers = (
        (b"host", b"127.0.0.1:34309"),
        (b"content-type", b"application/json"),
        (b"x-amz-date", b"20261122T182250Z"),
        (b"authorization", authorization.encode()),
    )
    path = f"/projects/{PROJECT}/assets/disassociate".encode()
    message = HttpMessage("POST", path, headers, body)
    proof = read_proof(message, b"")
    assert proof is not None
    digest = hashlib.sha256(canonical_request(message, path, b"", proof)).hexdigest()
    assert digest.startswith("f1c66f02") and digest.endswith("5f63")
    assert expected_signature(message, path, b"", proof, SECRET) == expected


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@settings(max_examples=60)
@given(
    verb=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments=st.lists(
        st.one_of(TEXT.filter(lambda text: text not in (".", "..")), st.just("externalId:a")), max_size=4
    ),
    pairs=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4),
    body=st.binary(max_size=64),
    session=st.one_of(st.none(), st.text("ab/+=", min_size=1)),
    in_query=st.booleans(),
    slash=st.booleans(),
)
def test_whatever_botocore_signs_is_right(
    verb: str,
    segments: list[str],
    pairs: list[tuple[str, str]],
    body: bytes,
    session: str | None,
    in_query: bool,
    slash: bool,
) -> None:
    path = "/sitewise/" + "/".join(quote(segment, safe="~") for segment in segments) + "/" * slash
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    url = f"http://monitor.plant.example:7512{path}" + (f"?{query}" if query else "")
    headers = {} if in_query else JSON | {"if-match": "  a   b "}
    presigned = in_query and not body  # botocore moves the body of a presigned request into its query
    assert is_right(signed(verb, url, body, headers, session=session, in_query=presigned))


def alter(message: HttpMessage, part: str) -> HttpMessage:
    """The message with one part tampered with."""
    headers = dict(message.headers)
    changes: dict[str, Any] = {
        "verb": {"verb": "PUT"},
        "path": {"target": message.target.replace(b"pump.01", b"pump.02")},
        "path encoding": {"target": message.target.replace(b"%3A", b":")},
        "encoding in lower case": {"target": message.target.replace(b"%3A", b"%3a")},
        "trailing slash": {"target": message.target.replace(b"?", b"/?")},
        "query value": {"target": message.target.replace(b"b%20c", b"b%20d")},
        "query encoding": {"target": message.target.replace(b"b%20c", b"b+c")},
        "query name": {"target": message.target.replace(b"z=1", b"y=1")},
        "query more": {"target": message.target + b"&more=1"},
        "query less": {"target": message.target.replace(b"&z=1", b"")},
        "body": {"body": message.body + b" "},
        "host": {"headers": {**headers, b"host": b"other.example"}},
        "content type": {"headers": {**headers, b"content-type": b"text/plain"}},
        "date": {"headers": {**headers, b"x-amz-date": b"20200101T000000Z"}},
        "session token": {"headers": {**headers, b"x-amz-security-token": b"another"}},
        "content hash": {"headers": {**headers, b"x-amz-content-sha256": b"0" * 64}},
        "unsigned payload": {"headers": {**headers, b"x-amz-content-sha256": b"UNSIGNED-PAYLOAD"}},
        "signed headers": {
            "headers": {**headers, b"authorization": headers[b"authorization"].replace(b"content-type;", b"")}
        },
        "region": {
            "headers": {**headers, b"authorization": headers[b"authorization"].replace(b"us-east-1", b"eu-west-1")}
        },
        "service": {
            "headers": {**headers, b"authorization": headers[b"authorization"].replace(b"/iotsitewise/", b"/iot/")}
        },
    }
    change = changes[part]
    if "headers" in change:
        change = {"headers": tuple(change["headers"].items())}
    altered = replace(message, **change)
    assert altered != message
    return altered


@pytest.mark.parametrize(
    "part",
    [
        *("verb", "path", "path encoding", "encoding in lower case", "trailing slash"),
        *("query value", "query encoding", "query name", "query more", "query less", "body", "host", "content type"),
        *("date", "session token", "content hash", "unsigned payload", "signed headers", "region", "service"),
    ],
)
def test_tampering_shows(part: str) -> None:
    url = f"http://monitor.plant.example:7512/sitewise{ID_PATH}?tagKeys=a&tagKeys=b%20c&z=1"
    message = signed("POST", url, b'{"assetName": "A"}', JSON, session="token")
    assert is_right(message)
    assert not is_right(alter(message, part))


def test_the_order_of_a_query_does_not_matter_to_the_signature() -> None:
    """It is sorted before it is signed; two values of one name are too, so whoever swaps them gains nothing here."""
    message = signed("GET", "http://plant.example/tags?b=2&a=1", b"")
    assert is_right(replace(message, target=b"/tags?a=1&b=2"))
    assert not is_right(replace(message, target=b"/tags?a=2&b=1"))


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/iotsitewise/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/iotsitewise, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/iotsitewise/aws4_request, SignedHeaders=x-amz-date, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=a/20261122/r/iotsitewise/aws4_request, SignedHeaders=host, Signature=00",
    ],
)
def test_what_is_no_proof_says_so(authorization: str) -> None:
    headers = ((b"host", b"h"), (b"x-amz-date", b"20261122T182250Z"), (b"authorization", authorization.encode()))
    with pytest.raises(Unreadable):
        read_proof(HttpMessage("GET", b"/", headers, b""), b"")


def test_nothing_shown_is_no_proof() -> None:
    assert read_proof(HttpMessage("GET", b"/?a=1", ((b"host", b"h"),), b""), b"a=1") is None
