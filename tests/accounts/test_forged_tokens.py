"""Tokens that nobody was given (router-protocol 5.2; 9 items 35, 36)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from typing import Any

import pytest

from device_manager.security.places import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")
INVALID = "security.token.invalid"


def part(content: dict[str, Any]) -> str:
    """One of the parts of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def signed(claims: dict[str, Any], key: str, *, algorithm: str = "HS256", digest: str = "sha256") -> str:
    """A token as anybody could make it who knows the key."""
    text = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.digest(key.encode(), text.encode(), digest)
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def test_nobody_makes_tokens_but_the_server(api: Any) -> None:
    user, admin = await api.new_user(), await api.new_user(profile_ids=("admin",))
    secret = (await api.application.store.read((SECRET,)))[SECRET].source["seed"]
    head, payload, signature = admin.jwt.removeprefix("kauth-").split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    theirs = user.jwt.removeprefix("kauth-").split(".")
    forged = {
        "none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "None": f"{part({'alg': 'None', 'typ': 'JWT'})}.{payload}.",
        "none but signed": f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}",
        "another key": signed(claims, "x" * 64),
        "no key": signed(claims, ""),
        "another algorithm": signed(claims, secret, algorithm="HS512", digest="sha512"),
        "an unknown algorithm": signed(claims, secret, algorithm="HS1024"),
        "another signature": f"{head}.{payload}.{theirs[2]}",
        "another payload": f"{theirs[0]}.{payload}.{theirs[2]}",
        "cut": f"{head}.{payload}.",
        "changed": f"{head}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        "expired": signed(claims | {"exp": time.time() - 1}, secret),
        "an older epoch": signed(claims | {"epoch": -1}, secret),
        "nobody": signed(claims | {"_id": 5}, secret),
        "without id": signed(claims | {"jti": None}, secret),
        "an odd end": signed(claims | {"exp": "never"}, secret),
    }
    assert await api.is_good(signed(claims, secret)), "else none of these would prove anything"
    for what, token in forged.items():
        for prefix in ("kauth-", "kapikey-", ""):
            answer = await api.ask("server:now", token=prefix + token)
            assert (answer["status"], answer["error"]["id"]) == (401, INVALID), what
            assert not await api.is_good(prefix + token), what
    assert await api.is_good(admin.jwt)


async def test_tokens_of_a_deleted_user_stay_dead_when_the_id_is_taken_again(api: Any) -> None:
    user = await api.new_user(profile_ids=("admin",))
    made = await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body={"description": "x"})
    key = made["_source"]["token"]
    await api.do("security:deleteUser", _id=user.kuid)
    await api.do("security:createUser", _id=user.kuid, body={"content": {"profileIds": ["default"]}})
    for token in (user.jwt, key):
        assert await api.refused("auth:getCurrentUser", jwt=token) == INVALID


async def test_each_of_many_keys_of_a_user_works(api: Any) -> None:
    user = await api.new_user()
    body = {"description": "x"}
    made = [await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body=body) for _ in range(20)]
    api.application.security.tokens._seen._drop_everything()
    states = await asyncio.gather(*(api.do("auth:checkToken", body={"token": key["_source"]["token"]}) for key in made))
    assert [state["kuid"] for state in states] == [user.kuid] * 20
    found = await api.do("auth:searchApiKeys", jwt=user.jwt, size=50)
    assert found["total"] == 20


@pytest.mark.parametrize("name", ["?>~", "é>?", "a~b\x7f?", "~~~~>>>>????"])
async def test_sdks_can_read_whatever_id_a_user_has(api: Any, name: str) -> None:
    kuid = f"{api.name()}{name}"
    await api.do("security:createUser", _id=kuid, body={"content": {"profileIds": ["default"]}})
    issued = await api.application.security.tokens.issue(kuid, 60_000)
    assert not {"-", "_"} & set(issued.token.split(".")[1])
    assert (await api.do("auth:getCurrentUser", jwt=issued.token))["_id"] == kuid
