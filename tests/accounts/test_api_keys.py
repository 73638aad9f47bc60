"""API keys, the caller's own and those of others (router-protocol 5.2, 5.10)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from device_manager.security.places import API_KEYS
from device_manager.security.tokens import fingerprint_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"description": "gateway 7"}


@pytest.fixture(params=["auth", "security"])
def controller(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def whose(controller: str, user: Any) -> dict[str, Any]:
    """The arguments that say whose keys."""
    return {"jwt": user.jwt} if controller == "auth" else {"userId": user.kuid}


async def test_keys_are_made_used_found_and_deleted(api: Any, controller: str) -> None:
    user, id = await api.new_user(), api.name("key")
    about = whose(controller, user)
    made = await api.do(f"{controller}:createApiKey", **about, _id=id, expiresIn="2 days", body=BODY)
    assert made["_id"] == id
    source = made["_source"]
    assert set(source) == {"userId", "description", "expiresAt", "fingerprint", "ttl", "token"}
    assert (source["userId"], source["description"], source["ttl"]) == (user.kuid, "gateway 7", 172_800_000)
    assert abs(source["expiresAt"] - time.time() * 1000 - 172_800_000) < 60_000
    token = source["token"]
    assert token.startswith("kapikey-")
    assert source["fingerprint"] == fingerprint_of(token)
    assert (await api.do("auth:getCurrentUser", jwt=token))["_id"] == user.kuid
    assert not await api.is_good(token.replace("kapikey-", "kauth-"))
    assert not await api.is_good(token.removeprefix("kapikey-"))

    other = await api.do(f"{controller}:createApiKey", **about, expiresIn="1h", body={"description": "other"})
    found = await api.do(f"{controller}:searchApiKeys", **about)
    assert {hit["_id"] for hit in found["hits"]} == {id, other["_id"]}
    assert found["total"] == 2
    assert token not in json.dumps(found)
    for body, lang in (({"ids": {"values": [id]}}, "elasticsearch"), ({"ids": {"values": [id]}}, "koncorde")):
        found = await api.do(f"{controller}:searchApiKeys", **about, body=body, lang=lang)
        assert [hit["_id"] for hit in found["hits"]] == [id]
    assert len((await api.do(f"{controller}:searchApiKeys", **about, size=1))["hits"]) == 1

    assert await api.do(f"{controller}:deleteApiKey", **about, _id=id, dryRun=True) == {"_id": id, "dryRun": True}
    assert await api.is_good(token)
    assert await api.do(f"{controller}:deleteApiKey", **about, _id=id) == {"_id": id}
    assert not await api.is_good(token)
    assert await api.is_good(other["_source"]["token"])


async def test_what_is_refused(api: Any, controller: str) -> None:
    user, stranger = await api.new_user(), await api.new_user()
    about = whose(controller, user)
    create, search = f"{controller}:createApiKey", f"{controller}:searchApiKeys"
    made = await api.do(create, **about, expiresIn="1h", body=BODY)
    refused = await api.refused(create, **about, _id=made["_id"], expiresIn="1h", body=BODY)
    assert refused == "services.storage.document_already_exists"
    assert await api.refused(create, **about, expiresIn="soon", body=BODY) == "api.assert.invalid_argument"
    assert await api.refused(create, **about, expiresIn="1h", body={}) == "api.assert.missing_argument"
    assert await api.refused(search, **about, size=10_001) == "services.storage.get_limit_exceeded"
    for id in ("nope", made["_id"]):
        refused = await api.refused(f"{controller}:deleteApiKey", **whose(controller, stranger), _id=id)
        assert refused == "services.storage.not_found"
    assert await api.is_good(made["_source"]["token"])


async def test_lifetimes_are_limited_for_ones_own_keys_only(api: Any) -> None:
    user = await api.new_user()
    for more in ({}, {"expiresIn": -1}, {"expiresIn": "31 days"}):
        refused = await api.refused("auth:createApiKey", jwt=user.jwt, body=BODY, **more)
        assert refused == "security.token.ttl_exceeded"
    made = await api.do("security:createApiKey", userId=user.kuid, body=BODY)
    assert (made["_source"]["expiresAt"], made["_source"]["ttl"]) == (-1, -1)
    assert await api.do("auth:checkToken", body={"token": made["_source"]["token"]}) == {
        "valid": True,
        "kuid": user.kuid,
        "expiresAt": -1,
    }


async def test_users_who_do_not_exist_have_no_keys(api: Any) -> None:
    for action, more in (("createApiKey", {"body": BODY}), ("searchApiKeys", {})):
        assert await api.refused(f"security:{action}", userId="nobody", **more) == "security.user.not_found"


async def test_only_a_hash_is_stored(api: Any) -> None:
    user = await api.new_user()
    made = await api.do("security:createApiKey", userId=user.kuid, body=BODY)
    stored = await api.application.store.get(API_KEYS.index, API_KEYS.collection, made["_id"])
    assert made["_source"]["token"] not in json.dumps(stored.source)
    assert stored.source["fingerprint"] == made["_source"]["fingerprint"]
