"""Tokens, and credentials of other systems' clients, on several servers and over restarts (design 6, 8)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import msgspec
import pytest
import pytest_asyncio
from botocore.config import Config
from botocore.exceptions import ClientError

from device_manager.cli.process import free_port
from device_manager.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 10.0
SOON = 2.5
"""Seconds within which a revocation has to reach the other server: a look each second, and a busy machine."""


def new_settings(url: str) -> Settings:
    return Settings(
        store=url, port=free_port(), platform_index=f"p{uuid.uuid4().hex[:10]}", password_memory=8192, password_passes=1
    )


class Pair(NamedTuple):
    """Two servers on one cluster."""

    first: Any
    second: Any


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pair(serve: Any, lasting_elasticsearch_url: str, answers: Any) -> AsyncIterator[Pair]:
    url = f"elasticsearch:{lasting_elasticsearch_url}"
    settings = new_settings(url)
    other = msgspec.structs.replace(settings, port=free_port())
    async with serve(settings, "elasticsearch", answers) as first, serve(other, "elasticsearch", answers) as second:
        yield Pair(first, second)
        await first.application.store.drop_index(settings.platform_index)


async def until_refused(api: Any, token: str) -> float:
    """Seconds until a token is refused."""
    started = time.monotonic()
    while await api.is_good(token):
        assert time.monotonic() - started < PATIENCE
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def foreign_status(api: Any, made: dict[str, Any]) -> int:
    """The status that a server answers to the client of another system, who has the credential `made`."""
    if made["interface"] == "sitewise":
        return await asyncio.to_thread(_sitewise_status, str(api.client.base_url), made)
    path = "/odata/v1.0/Assets" if made["interface"] == "teos" else "/api/v2.0/devices/"
    header = "authorization" if made["interface"] == "teos" else "x-auth-token"
    token = f"Bearer {made['token']}" if header == "authorization" else made["token"]
    return int((await api.client.get(path, headers={header: token})).status_code)


def _sitewise_status(url: str, made: dict[str, Any]) -> int:
    keys = {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
    url = url.rstrip("/") + "/sitewise"
    client = boto3.session.Session().client(
        "iotsitewise", endpoint_url=url, region_name=made["region"], config=config, **keys
    )
    try:
        return int(client.list_portals()["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    finally:
        client.close()


async def new_credentials(api: Any) -> list[dict[str, Any]]:
    """One credential for each interface, in an engine of their own."""
    engine = api.name("engine")
    await api.do("device-manager/engine:create", index=engine)
    create = "device-manager/credentials:create"
    interfaces = ("sitewise", "teos", "ubidots")
    return [await api.do(create, engineId=engine, interface=interface) for interface in interfaces]


async def test_a_revoked_credential_is_refused_at_once(api: Any) -> None:
    """The credentials of other systems' clients, by the server that was asked to revoke them, and only those."""
    for made in await new_credentials(api):
        assert await foreign_status(api, made) == 200, made["interface"]
        spared = await api.do(
            "device-manager/credentials:create", engineId=made["engineId"], interface=made["interface"]
        )
        assert await foreign_status(api, spared) == 200
        await api.do("device-manager/credentials:revoke", _id=made["_id"])
        assert await foreign_status(api, made) in (401, 403), made["interface"]
        assert await foreign_status(api, spared) == 200


async def test_a_revoked_credential_is_refused_by_other_servers(pair: Pair) -> None:
    """Within seconds, as the end of any token is."""
    made = await new_credentials(pair.first)
    for one in made:
        async with asyncio.timeout(PATIENCE):  # until it knows the engine, too
            while await foreign_status(pair.second, one) != 200:
                pass
    for one in made:
        await pair.first.do("device-manager/credentials:revoke", _id=one["_id"])
    started = time.monotonic()
    for one in made:
        while await foreign_status(pair.second, one) == 200:
            assert time.monotonic() - started < PATIENCE


async def test_a_login_on_one_server_counts_on_the_other(pair: Pair) -> None:
    user = await pair.first.new_user()
    assert (await pair.second.do("auth:getCurrentUser", jwt=user.jwt))["_id"] == user.kuid
    assert await pair.first.is_good(await pair.second.login(user.username))


async def test_a_token_that_one_server_ends_is_soon_refused_by_the_other(pair: Pair) -> None:
    stranger = await pair.first.new_user()
    assert await pair.second.is_good(stranger.jwt)
    await asyncio.gather(
        *(is_soon_refused(pair, end) for end in ("logout", "global", "revokeTokens", "deleteUser", "deleteApiKey"))
    )
    assert await pair.second.is_good(stranger.jwt)


async def is_soon_refused(pair: Pair, end: str) -> None:
    """End a token in one way, and wait until the other server knows."""
    first, second = pair
    user = await first.new_user()
    made = await first.do("security:createApiKey", userId=user.kuid, body={"description": "x"})
    token = made["_source"]["token"] if end == "deleteApiKey" else user.jwt
    assert await second.is_good(token)
    if end in ("logout", "global"):
        await first.do("auth:logout", jwt=user.jwt, **{"global": end == "global"})
    elif end == "deleteApiKey":
        await first.do("security:deleteApiKey", userId=user.kuid, _id=made["_id"])
    else:
        await first.do(f"security:{end}", _id=user.kuid)
    assert not await first.is_good(token)
    assert await until_refused(second, token) < SOON, end


async def test_a_single_use_token_works_on_one_server_only(pair: Pair) -> None:
    user = await pair.first.new_user()
    for _ in range(3):
        token = (await pair.first.do("auth:createToken", jwt=user.jwt, singleUse=True))["token"]
        goods = await asyncio.gather(*(api.is_good(token) for api in (*pair, *pair)))
        assert sum(goods) == 1


async def test_a_server_that_missed_many_revocations_forgets_what_it_has_seen(pair: Pair) -> None:
    first, second = pair
    user, other = await first.new_user(), await first.new_user()
    assert await second.is_good(user.jwt)
    await asyncio.gather(
        first.do("security:revokeTokens", _id=user.kuid),
        *(first.do("security:revokeTokens", _id=other.kuid) for _ in range(210)),
    )
    assert await until_refused(second, user.jwt) < PATIENCE


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_what_was_revoked_stays_revoked_after_a_restart(
    serve: Any, answers: Any, request: pytest.FixtureRequest, tmp_path: Path, store: str
) -> None:
    url = f"{store}:{tmp_path if store == 'sqlite' else request.getfixturevalue('lasting_elasticsearch_url')}"
    settings = new_settings(url)
    async with serve(settings, store, answers) as api:
        user, other = await api.new_user(), await api.new_user()
        kept, ended = await api.login(user.username), await api.login(user.username)
        used = (await api.do("auth:createToken", jwt=kept, singleUse=True))["token"]
        unused = (await api.do("auth:createToken", jwt=kept, singleUse=True))["token"]
        await api.do("auth:logout", jwt=ended)
        await api.do("auth:logout", jwt=other.jwt, **{"global": True})
        assert await api.is_good(used)
    async with serve(settings, store, answers) as api:
        goods = {token: await api.is_good(token) for token in (kept, ended, other.jwt, used, unused)}
        assert goods == {kept: True, ended: False, other.jwt: False, used: False, unused: True}
        if store == "elasticsearch":
            await api.application.store.drop_index(settings.platform_index)


async def test_what_a_connection_has_by_a_token_ends_on_every_server(pair: Pair, sockets: Any) -> None:
    user = await pair.first.new_user()
    async with sockets(pair.second) as socket, sockets(pair.second) as refreshing:
        room = await socket.subscribe(user.jwt, pair.first.name())
        other = await pair.first.login(user.username)
        await refreshing.subscribe(other, pair.first.name())
        await pair.first.do("auth:logout", jwt=user.jwt)
        await pair.first.do("auth:refreshToken", jwt=other)
        started = time.monotonic()
        while not (socket.endings and refreshing.endings):
            assert time.monotonic() - started < PATIENCE
            await asyncio.sleep(0.02)
        assert await pair.second.do("realtime:count", body={"roomId": room}) == {"count": 0}
