"""Only who holds the secret of an access key gets in, and into its engine only (facades 2.10, 2.11; cases 6 and 7)."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from device_manager.call import Call as Caller
from device_manager.security.foreign_credentials import Interface, Session

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
PLAIN = False
"""No certificates: reading those of the machine takes a client longer than all that it sends."""
ENGINES = "device-manager/engine"
CONTACT = {
    "portalContactEmail": "operations@plant.example",
    "roleArn": "arn:aws:iam::123456789012:role/monitor",
}


async def code(calling: Awaitable[Any]) -> tuple[str, int]:
    """The error of a call, and its status."""
    with pytest.raises(ClientError) as caught:
        await calling
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"] and response["Error"]["Message"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def altered(secret: str) -> str:
    """Another secret, one character apart."""
    return ("a" if secret[0] != "a" else "b") + secret[1:]


async def test_6_only_the_holder_of_the_secret_gets_in(site: Site, call: Call) -> None:
    keys = site.keys
    wrong = site.client(aws_secret_access_key=altered(keys["secretAccessKey"]))
    assert await code(call(wrong.list_portals)) == ("InvalidSignatureException", 403)
    unknown = site.client(aws_access_key_id="AKIA" + "A" * 16)
    assert await code(call(unknown.list_portals)) == ("UnrecognizedClientException", 403)
    unsigned = site.client(signature_version=UNSIGNED)
    assert await code(call(unsigned.list_portals)) == ("MissingAuthenticationTokenException", 403)
    elsewhere = site.client(region_name="eu-west-1")
    assert await code(call(elsewhere.list_portals)) == ("InvalidSignatureException", 403)
    session = site.client(aws_session_token="made-up")
    assert await code(call(session.list_portals)) == ("UnrecognizedClientException", 403)
    made = call(
        wrong.create_portal,
        portalName="Intruder",
        portalContactEmail="a@plant.example",
        roleArn="arn:aws:iam::123456789012:role/monitor",
    )
    assert await code(made) == ("InvalidSignatureException", 403)
    names = [portal["name"] for portal in (await call(site.client().list_portals))["portalSummaries"]]
    assert "Intruder" not in names


def header_signed(site: Site, url: str, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Headers of a request that is signed at a moment."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None))
    request = AWSRequest(method="GET", url=url, headers={"host": httpx.URL(url).netloc.decode()})
    credentials = Credentials(site.keys["accessKeyId"], site.keys["secretAccessKey"])
    SigV4Auth(credentials, "iotsitewise", site.keys["region"]).add_auth(request)
    return dict(request.headers.items())


async def test_6_the_clock_of_a_client_goes_right(site: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    client, now = site.client(), datetime.now(UTC)
    before = (await call(client.list_portals, maxResults=250))["portalSummaries"]
    for minutes in (-10, 10):
        moved = (now + timedelta(minutes=minutes)).replace(tzinfo=None)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda moved=moved: moved)
        made = call(client.create_portal, portalName="Late", **CONTACT)
        assert await code(made) == ("InvalidSignatureException", 403)
    monkeypatch.undo()
    assert (await call(client.list_portals, maxResults=250))["portalSummaries"] == before


async def test_6_a_signature_ages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{site.own_url}/portals"
    now = datetime.now(UTC)
    async with httpx.AsyncClient(verify=PLAIN) as http:
        for minutes, status in ((0, 200), (-4, 200), (4, 200), (-10, 403), (10, 403)):
            headers = header_signed(site, url, now + timedelta(minutes=minutes), monkeypatch)
            answer = await http.get(url, headers=headers)
            assert answer.status_code == status, (minutes, answer.text)
            if status == 403:
                assert answer.headers["x-amzn-errortype"] == answer.json()["__type"] == "InvalidSignatureException"
        headers = header_signed(site, url, now, monkeypatch)
        scope = headers["Authorization"].replace(now.strftime("/%Y%m%d/"), "/20200101/")
        answer = await http.get(url, headers=headers | {"Authorization": scope})
        assert answer.json()["__type"] == "InvalidSignatureException"
        answer = await http.get(url, headers=headers | {"Authorization": "AWS4-HMAC-SHA256 nonsense"})
        assert (answer.status_code, answer.json()["__type"]) == (400, "IncompleteSignatureException")


async def test_a_query_can_bear_the_signature(site: Site) -> None:
    request = AWSRequest(method="GET", url=f"{site.url}/portals?maxResults=1", headers={})
    credentials = Credentials(site.keys["accessKeyId"], site.keys["secretAccessKey"])
    SigV4QueryAuth(credentials, "iotsitewise", site.keys["region"], 60).add_auth(request)
    async with httpx.AsyncClient(verify=PLAIN) as http:
        assert (await http.get(request.url)).status_code == 200
        tampered = await http.get(request.url.replace("maxResults=1", "maxResults=2"))
        assert (tampered.status_code, tampered.json()["__type"]) == (403, "InvalidSignatureException")
        longer = await http.get(request.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
        assert longer.json()["__type"] == "InvalidSignatureException"


async def test_a_session_is_good_for_a_while(site: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = site.application.security.foreign_credentials
    keys = await foreign.create(Interface.SITEWISE, site.engine, None, Caller(), Session(3600, "*"))
    pair = {"aws_access_key_id": keys["accessKeyId"], "aws_secret_access_key": keys["secretAccessKey"]}
    client = site.client(**pair, aws_session_token=keys["sessionToken"], region_name="eu-central-1")
    assert (await call(client.list_portals))["ResponseMetadata"]["HTTPStatusCode"] == 200
    portal = await call(client.create_portal, portalName="Brief", **CONTACT)
    assert portal["portalArn"].startswith(f"arn:aws:iotsitewise:eu-central-1:{site.keys['accountId']}:")
    without = site.client(**pair)
    assert await code(call(without.list_portals)) == ("UnrecognizedClientException", 403)
    wrong = site.client(**pair, aws_session_token=altered(keys["sessionToken"]))
    assert await code(call(wrong.list_portals)) == ("UnrecognizedClientException", 403)

    url, credentials = f"{site.own_url}/portals", Credentials(*pair.values(), keys["sessionToken"])
    async with httpx.AsyncClient(verify=PLAIN) as http:
        request = AWSRequest(method="GET", url=f"{url}?maxResults=1", headers={})
        SigV4QueryAuth(credentials, "iotsitewise", "eu-central-1", 60).add_auth(request)
        assert (await http.get(request.url)).status_code == 200
        other = keys["sessionToken"] + "A"
        tampered = await http.get(request.url.replace(keys["sessionToken"], other))
        assert tampered.json()["__type"] == "UnrecognizedClientException"
        # The token counts only where it is signed as well.
        request = AWSRequest(method="GET", url=url, headers={"host": httpx.URL(url).netloc.decode()})
        SigV4Auth(Credentials(*pair.values()), "iotsitewise", "us-east-1").add_auth(request)
        added = {**request.headers, "x-amz-security-token": keys["sessionToken"]}
        assert (await http.get(url, headers=added)).json()["__type"] == "InvalidSignatureException"

    authentication = site.application.sitewise_gateway.service.foreign.find(b"/").interface._service.authentication
    monkeypatch.setattr(authentication, "_clock", lambda: keys["expiresAt"] / 1000 + 1)
    monkeypatch.setattr(authentication, "_skew", 7200)
    assert await code(call(client.list_portals)) == ("ExpiredTokenException", 403)
    assert (await call(site.client().list_portals))["ResponseMetadata"]["HTTPStatusCode"] == 200


async def test_7_the_prefix_of_the_host_may_stay(site: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    asked: set[str] = set()

    def local(host: str, *rest: Any, **more: Any) -> Any:
        asked.add(host)
        return resolve("127.0.0.1" if host.endswith("plant.test") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    url = site.own_url.replace("127.0.0.1", "plant.test")
    client = site.client(endpoint_url=url, inject_host_prefix=True)
    portal = await call(
        client.create_portal,
        portalName="By name",
        **CONTACT,
    )
    assert portal["portalStartUrl"].startswith(url.replace("plant.test", "monitor.plant.test"))
    assert (await call(client.list_portals))["portalSummaries"]
    assert (await call(client.list_tags_for_resource, resourceArn=portal["portalArn"]))["tags"] == {}
    level = {"name": "Level", "dataType": "DOUBLE", "type": {"measurement": {}}}
    name = f"Tank {uuid.uuid4().hex[:8]}"
    model = await call(client.create_asset_model, assetModelName=name, assetModelProperties=[level])
    listed = (await call(client.list_asset_models))["assetModelSummaries"]
    assert model["assetModelId"] in [summary["id"] for summary in listed]
    asset = await call(client.create_asset, assetName=name, assetModelId=model["assetModelId"])
    shown = await call(client.describe_asset, assetId=asset["assetId"])
    property_id = shown["assetProperties"][0]["id"]
    value = await call(client.get_asset_property_value, assetId=asset["assetId"], propertyId=property_id)
    assert "propertyValue" not in value
    assert {"monitor.plant.test", "api.plant.test", "data.plant.test"} <= asked


async def test_both_ports_are_one_interface(site: Site, call: Call) -> None:
    by_path = site.client(endpoint_url=f"{site.url}/")
    portal = await call(
        by_path.create_portal,
        portalName="Seen twice",
        **CONTACT,
    )
    described = await call(site.client().describe_portal, portalId=portal["portalId"])
    assert described["portalName"] == "Seen twice"


async def test_a_credential_reaches_its_engine_only(site: Site, call: Call) -> None:
    other = f"plant-{uuid.uuid4().hex[:12]}"
    application = site.application
    await application.router.call(ENGINES, "create", args={"index": other})
    foreign = application.security.foreign_credentials
    keys = await foreign.create(Interface.SITEWISE, other, "admin", Caller())
    client, stranger = (
        site.client(),
        site.client(aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"]),
    )
    portal = await call(
        client.create_portal,
        portalName="Private",
        **CONTACT,
        tags={"team": "north"},
    )
    project = await call(client.create_project, portalId=portal["portalId"], projectName="Private")
    (asset,) = await site.assets(1)
    id = project["projectId"]
    await call(client.batch_associate_project_assets, projectId=id, assetIds=[asset])
    assert (await call(stranger.list_portals))["portalSummaries"] == []
    assert (await call(stranger.list_projects, portalId=portal["portalId"]))["projectSummaries"] == []
    assert (await call(stranger.list_project_assets, projectId=id))["assetIds"] == []
    gone = call(stranger.batch_disassociate_project_assets, projectId=id, assetIds=[asset])
    assert await code(gone) == ("ResourceNotFoundException", 404)
    assert await code(call(stranger.describe_portal, portalId=portal["portalId"])) == ("ResourceNotFoundException", 404)
    arn = portal["portalArn"]
    tags = call(stranger.list_tags_for_resource, resourceArn=arn)
    assert await code(tags) == ("UnauthorizedException", 401)
    tags = call(stranger.list_tags_for_resource, resourceArn=arn.replace(site.keys["accountId"], keys["accountId"]))
    assert await code(tags) == ("ResourceNotFoundException", 404)
    assert (await call(client.list_project_assets, projectId=id))["assetIds"] == [asset]
    await foreign.revoke(keys["_id"], Caller())
    assert await code(call(stranger.list_portals)) == ("UnrecognizedClientException", 403)


async def test_rights_of_the_user_count(site: Site, call: Call) -> None:
    router, name = site.application.router, f"reader-{uuid.uuid4().hex[:8]}"
    may = {"controllers": {"device-manager/groups": {"actions": {"get": True, "search": True}}}}
    await router.call("security", "createRole", args={"_id": name}, body=may)
    await router.call("security", "createProfile", args={"_id": name}, body={"policies": [{"roleId": name}]})
    keys = await site.application.security.foreign_credentials.create(Interface.SITEWISE, site.engine, name, Caller())
    client = site.client()
    reader = site.client(aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"])
    portal = await call(
        client.create_portal,
        portalName="Read",
        **CONTACT,
    )
    project = await call(client.create_project, portalId=portal["portalId"], projectName="Read")
    assert (await call(reader.describe_project, projectId=project["projectId"]))["projectName"] == "Read"
    (asset,) = await site.assets(1)
    made = call(reader.batch_associate_project_assets, projectId=project["projectId"], assetIds=[asset])
    assert await code(made) == ("AccessDeniedException", 403)
    assert await code(call(reader.delete_project, projectId=project["projectId"])) == ("AccessDeniedException", 403)
    assert (await call(reader.describe_portal, portalId=portal["portalId"]))["portalName"] == "Read"
    arn = portal["portalArn"]
    assert (await call(reader.list_tags_for_resource, resourceArn=arn))["tags"] == {}
    assert await code(call(reader.delete_portal, portalId=portal["portalId"])) == ("AccessDeniedException", 403)
    assert await code(call(reader.tag_resource, resourceArn=arn, tags={"a": "b"})) == ("AccessDeniedException", 403)


async def test_one_account_may_ask_so_often_a_second(site: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = site.application.sitewise_gateway
    interface = gateway.service.foreign.find(b"/").interface
    monkeypatch.setattr(interface, "_service", interface._service._replace(rate=2))
    client = site.client()
    began = time.monotonic()
    codes: list[str] = []
    while "ThrottlingException" not in codes and time.monotonic() - began < 30:
        try:
            await call(client.list_portals, maxResults=1)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert codes == ["ThrottlingException"]
    patient = site.client(attempts=9)
    await call(patient.list_portals, maxResults=1)
