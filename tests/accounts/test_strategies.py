"""Logging in by what plugins bring along, and what they may do at every login (router-protocol 5.2, 3.4)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.plugins import LoginStrategy

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_plugin_says_who_somebody_is(strict_api: Any) -> None:
    api = strict_api
    user = await api.new_user()
    assert await api.do("auth:getStrategies") == ["local", "badge"]
    result = await api.do("auth:login", strategy="badge", body={"badge": user.kuid}, expiresIn="2h")
    assert (result["_id"], result["ttl"]) == (user.kuid, 7_200_000)
    assert (await api.do("auth:getCurrentUser", jwt=result["jwt"]))["_id"] == user.kuid
    refreshed = await api.do("auth:refreshToken", jwt=result["jwt"], strategy="badge")
    assert refreshed["_id"] == user.kuid
    for badge, status, refused in (
        (None, 401, "plugin.strategy.missing_user"),
        ("nobody", 500, "plugin.strategy.unknown_kuid"),
        (5, 500, "plugin.strategy.invalid_kuid"),
        ("blocked", 403, None),
    ):
        answer = await api.ask("auth:login", strategy="badge", body={"badge": badge})
        assert (answer["status"], answer["error"].get("id")) == (status, refused)
    refused = await api.refused("auth:credentialsExist", strategy="badge", jwt=user.jwt)
    assert refused == "security.credentials.unknown_strategy", "nothing is kept of it here"


async def test_plugins_have_a_say_in_every_login(strict_api: Any) -> None:
    api = strict_api
    refused, further = await api.new_user(), await api.new_user()
    one, other = await api.new_user(), await api.new_user()
    wishes = ((refused, "refuse"), (further, "a code"), (one, {"become": other.kuid}))
    for user, wish in wishes:
        await api.do("security:updateUser", _id=user.kuid, body={"wish": wish})

    async def login(user: Any) -> Any:
        body = {"username": user.username, "password": user.password}
        return await api.ask("auth:login", strategy="local", body=body)

    assert (await login(refused))["status"] == 403
    assert (await login(further))["result"] == {"codeSentTo": "the telephone"}
    assert (await login(one))["result"]["_id"] == other.kuid
    await api.do("security:updateUser", _id=one.kuid, body={"wish": {"become": "nobody"}})
    assert (await login(one))["error"]["id"] == "plugin.strategy.unknown_kuid"
    assert (await login(other))["result"]["_id"] == other.kuid


async def test_names_of_strategies_are_taken_once(strict_api: Any) -> None:
    async def verify(credentials: dict[str, Any], request: Any) -> str | None:
        return None

    for name in ("local", "badge"):
        with pytest.raises(ApiError, match=name):
            strict_api.application.security.accounts.add_logins([("again", LoginStrategy(name, verify))])
