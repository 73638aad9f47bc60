"""Tokens that travel as cookies (router-protocol 5.2)."""

from __future__ import annotations

import time
import uuid
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import free_port
from device_manager.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")


def cookie_in(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """The token in the cookie that an answer sets, and the attributes of the cookie."""
    [line] = answer.headers.get_list("set-cookie")
    pair, *attributes = line.split("; ")
    name, _, token = pair.partition("=")
    assert name == "authToken"
    return token, dict((attribute + "=").split("=")[:2] for attribute in attributes)


async def login(api: Any, user: Any, **payload: Any) -> httpx.Response:
    body = {"username": user.username, "password": user.password}
    answer: httpx.Response = await api.send("auth:login", strategy="local", body=body, cookieAuth=True, **payload)
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_login_sets_a_cookie_that_scripts_cannot_read(api: Any) -> None:
    user = await api.new_user()
    answer = await login(api, user)
    envelope = answer.json()
    assert set(envelope["result"]) == {"_id", "expiresAt", "ttl"}
    assert envelope["headers"] == {}
    token, attributes = cookie_in(answer)
    assert token not in answer.text
    assert set(attributes) == {"Path", "Expires", "HttpOnly", "SameSite"}
    assert (attributes["Path"], attributes["SameSite"]) == ("/", "Strict")
    expiry = parsedate_to_datetime(attributes["Expires"]).timestamp() * 1000
    assert abs(expiry - envelope["result"]["expiresAt"]) <= 1000
    assert (await api.do("auth:getCurrentUser", cookie=token))["_id"] == user.kuid


async def test_the_cookie_is_checked_refreshed_and_cleared(api: Any) -> None:
    user = await api.new_user()
    token, _ = cookie_in(await login(api, user))
    assert (await api.do("auth:checkToken", cookie=token, cookieAuth=True))["kuid"] == user.kuid

    answer = await api.send("auth:refreshToken", cookie=token, cookieAuth=True)
    assert "jwt" not in answer.json()["result"]
    fresh, _ = cookie_in(answer)
    assert fresh != token

    answer = await api.send("auth:logout", cookie=fresh, cookieAuth=True)
    assert answer.json()["result"] == {"acknowledged": True}
    cleared, attributes = cookie_in(answer)
    assert cleared == "null"
    assert parsedate_to_datetime(attributes["Expires"]).timestamp() < time.time()
    assert not await api.is_good(fresh)
    assert (await api.do("auth:getCurrentUser", cookie="null"))["_id"] == "-1"


async def test_a_cookie_that_is_not_good_any_more_can_be_cleared_and_replaced(api: Any) -> None:
    user = await api.new_user()
    token, _ = cookie_in(await login(api, user))
    await api.do("security:revokeTokens", _id=user.kuid)
    assert await api.refused("auth:getCurrentUser", cookie=token) == "security.token.invalid"
    assert (await api.do("auth:checkToken", cookie=token, cookieAuth=True))["valid"] is False
    assert cookie_in(await api.send("auth:logout", cookie=token, cookieAuth=True))[0] == "null"
    assert cookie_in(await api.send("auth:logout", cookieAuth=True))[0] == "null"
    fresh, _ = cookie_in(await login(api, user, cookie=token))
    assert await api.is_good(fresh)


async def test_a_global_logout_by_cookie_ends_every_token(api: Any) -> None:
    user = await api.new_user()
    token, _ = cookie_in(await login(api, user))
    await api.do("auth:logout", cookie=token, cookieAuth=True, **{"global": True})
    assert not await api.is_good(user.jwt)


async def test_wrong_cookies(api: Any) -> None:
    user = await api.new_user()
    both = await api.ask("server:now", cookie=user.jwt, jwt=user.jwt)
    assert (both["status"], both["error"]["id"]) == (400, "security.token.verification_error")
    assert await api.refused("server:now", cookie="a b") == "security.cookie.invalid"
    assert await api.refused("server:now", cookie="kauth-x.y.z") == "security.token.invalid"
    answer = await api.client.get("/_me", headers={"cookie": f"theme=dark; authToken={user.jwt}; other=x"})
    assert answer.json()["result"]["_id"] == user.kuid


async def test_where_cookies_are_not_in_use(serve: Any, tmp_path: Path, answers: Any) -> None:
    settings = Settings(
        store=f"sqlite:{tmp_path}",
        port=free_port(),
        platform_index=f"p{uuid.uuid4().hex[:8]}",
        cookie_auth=False,
        password_memory=8192,
    )
    async with serve(settings, "sqlite", answers) as api:
        user = await api.new_user()
        body = {"username": user.username, "password": user.password}
        refused = await api.refused("auth:login", strategy="local", body=body, cookieAuth=True)
        assert refused == "security.cookie.unsupported"
        assert await api.refused("server:now", cookie=user.jwt) == "security.cookie.unsupported"
        assert await api.is_good(user.jwt)
