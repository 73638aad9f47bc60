"""Login, tokens and logout (router-protocol 5.2)."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.security.documents import user_key
from device_manager.security.places import TOKENS, revocation_key
from device_manager.security.purging import Purging
from device_manager.storage.contract import Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")
MY_ACTIONS = [
    ("logout", {}),
    ("refreshToken", {}),
    ("createToken", {}),
    ("updateSelf", {"body": {}}),
    ("createMyCredentials", {"strategy": "local", "body": {"username": "x", "password": "x"}}),
    ("updateMyCredentials", {"strategy": "local", "body": {"password": "x"}}),
    ("deleteMyCredentials", {"strategy": "local"}),
    ("getMyCredentials", {"strategy": "local"}),
    ("credentialsExist", {"strategy": "local"}),
    ("validateMyCredentials", {"strategy": "local", "body": {"password": "x"}}),
    ("createApiKey", {"body": {"description": "x"}}),
    ("searchApiKeys", {}),
    ("deleteApiKey", {"_id": "x"}),
]


async def wait_for(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_login_gives_a_token_that_sdks_can_read(api: Any) -> None:
    user = await api.new_user(name="Jane")
    body = {"username": user.username, "password": user.password}
    result = await api.do("auth:login", strategy="local", body=body, expiresIn="2h")
    assert set(result) == {"_id", "jwt", "expiresAt", "ttl"}
    assert (result["_id"], result["ttl"]) == (user.kuid, 7_200_000)
    assert abs(result["expiresAt"] - time.time() * 1000 - 7_200_000) < 60_000
    assert result["jwt"].startswith("kauth-")
    head, payload, signature = result["jwt"].removeprefix("kauth-").split(".")
    claims = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True))
    assert claims["_id"] == user.kuid
    assert round(claims["exp"] * 1000) == result["expiresAt"]

    me = await api.do("auth:getCurrentUser", jwt=result["jwt"])
    assert (me["_id"], me["_source"]["name"], me["strategies"]) == (user.kuid, "Jane", ["local"])
    assert (await api.do("auth:checkToken", body={"token": result["jwt"]})) == {
        "valid": True,
        "kuid": user.kuid,
        "expiresAt": result["expiresAt"],
    }
    assert await api.is_good(f"{head}.{payload}.{signature}"), "a bare JWT is accepted too"


async def test_over_its_own_routes(api: Any) -> None:
    user = await api.new_user()
    body = {"username": user.username, "password": user.password}
    answer = await api.client.post("/_login/local?expiresIn=1h", json=body)
    result = answer.json()["result"]
    headers = {"authorization": f"Bearer {result['jwt']}"}
    assert (await api.client.get("/_me", headers=headers)).json()["result"]["_id"] == user.kuid
    assert (await api.client.post("/_logout", headers=headers)).json()["result"] == {"acknowledged": True}
    assert (await api.client.get("/_me", headers=headers)).status_code == 401


async def test_who_did_not_log_in_is_anonymous(api: Any) -> None:
    assert await api.do("auth:getCurrentUser") == {
        "_id": "-1",
        "_source": {"profileIds": ["anonymous"], "name": "Anonymous"},
        "strategies": [],
    }
    for body in (None, {}, {"token": None}, {"token": ""}):
        assert await api.do("auth:checkToken", body=body) == {"valid": True, "kuid": "-1", "expiresAt": None}
    assert await api.do("auth:getStrategies") == ["local"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"username": "nobody-at-all", "password": "x"},
        {"username": "nobody-at-all"},
        {"username": 5, "password": {}},
        {"username": "x" * 600, "password": "x"},
        {"username": "", "password": ""},
    ],
)
async def test_wrong_credentials_are_answered_alike(api: Any, body: Any) -> None:
    envelope = await api.ask("auth:login", strategy="local", body=body)
    assert (envelope["status"], envelope["error"]["id"]) == (401, "plugin.strategy.missing_user")


async def test_a_wrong_password_is_not_told_from_an_unknown_name(api: Any) -> None:
    user = await api.new_user()
    wrong = await api.ask("auth:login", strategy="local", body={"username": user.username, "password": "x"})
    unknown = await api.ask("auth:login", strategy="local", body={"username": "nobody-at-all", "password": "x"})
    assert wrong["error"] == unknown["error"]
    assert user.password not in json.dumps(wrong)


async def test_what_logins_refuse(api: Any) -> None:
    user = await api.new_user()
    body = {"username": user.username, "password": user.password}
    assert await api.refused("auth:login", strategy="nope", body=body) == "security.credentials.unknown_strategy"
    assert await api.refused("auth:login", body=body) == "api.assert.missing_argument"
    for expires_in in (0, "soon", -5):
        refused = await api.refused("auth:login", strategy="local", body=body, expiresIn=expires_in)
        assert refused == "api.assert.invalid_argument"
    for expires_in in ("25h", -1):
        refused = await api.refused("auth:login", strategy="local", body=body, expiresIn=expires_in)
        assert refused == "security.token.ttl_exceeded"

    def lose(tx: Transaction) -> None:
        tx.read((user_key(user.kuid),))
        tx.delete(user_key(user.kuid))

    await api.application.store.transact(lose)
    assert await api.refused("auth:login", strategy="local", body=body) == "plugin.strategy.unknown_kuid"
    assert await api.refused("auth:getCurrentUser", jwt=user.jwt) == "security.token.invalid"


@pytest.mark.parametrize("token", ["x", "kauth-x", "kauth-x.y.z", "kapikey-x.y.z", "kauth-", "é", "a" * 10_000])
async def test_what_is_no_token_is_invalid(api: Any, token: str) -> None:
    answer = await api.do("auth:checkToken", body={"token": token})
    assert (answer["valid"], set(answer)) == (False, {"valid", "state"})
    assert await api.refused("server:now", token=token) == "security.token.invalid"


async def test_tokens_are_text(api: Any) -> None:
    assert await api.refused("auth:checkToken", body={"token": 5}) == "api.assert.invalid_type"


async def test_a_changed_token_is_refused(api: Any) -> None:
    user = await api.new_user()
    head, payload, signature = user.jwt.removeprefix("kauth-").split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"_id": "admin"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (f"{head}.{forged}.{signature}", f"{none}.{forged}.", f"{none}.{payload}.", f"{head}.{payload}.AAAA"):
        assert not await api.is_good(f"kauth-{token}")
    assert not await api.is_good(f"kapikey-{head}.{payload}.{signature}")


async def test_a_logout_ends_one_token_or_all(api: Any) -> None:
    user = await api.new_user()
    first, second, third = [await api.login(user.username) for _ in range(3)]
    assert await api.do("auth:logout", jwt=first) == {"acknowledged": True}
    assert [await api.is_good(token) for token in (first, second, third)] == [False, True, True]
    key = (await api.do("auth:createApiKey", jwt=second, expiresIn="1h", body={"description": "x"}))["_source"]["token"]
    assert await api.do("auth:logout", jwt=second, **{"global": True}) == {"acknowledged": True}
    assert [await api.is_good(token) for token in (first, second, third, user.jwt)] == [False] * 4
    assert await api.is_good(key), "API keys stay"
    assert await api.do("auth:logout", jwt=key) == {"acknowledged": True}
    assert await api.is_good(key)
    assert await api.is_good(await api.login(user.username))


async def test_a_refreshed_token_stays_good_for_a_moment(api: Any) -> None:
    user = await api.new_user()
    assert await api.is_good(user.jwt)
    result = await api.do("auth:refreshToken", jwt=user.jwt, expiresIn="3h", strategy="local")
    assert (result["_id"], result["ttl"]) == (user.kuid, 10_800_000)
    assert await api.is_good(user.jwt)
    assert await api.refused("auth:refreshToken", jwt=user.jwt) == "security.token.invalid"

    async def ended() -> bool:
        return not await api.is_good(user.jwt)

    await wait_for(ended)
    assert await api.is_good(result["jwt"])


async def test_what_cannot_be_refreshed(api: Any) -> None:
    user = await api.new_user()
    key = (await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body={"description": "x"}))["_source"][
        "token"
    ]
    assert await api.refused("auth:refreshToken", jwt=key) == "security.token.refresh_forbidden"
    assert await api.refused("auth:refreshToken", jwt=user.jwt, expiresIn="2d") == "security.token.ttl_exceeded"
    assert await api.refused("auth:refreshToken", jwt=user.jwt, expiresIn="x") == "api.assert.invalid_argument"
    refused = await api.refused("auth:refreshToken", jwt=user.jwt, strategy="nope")
    assert refused == "security.credentials.unknown_strategy"
    assert await api.is_good(user.jwt), "what was refused changed nothing"


async def test_a_single_use_token_works_once(api: Any) -> None:
    user = await api.new_user()
    made = await api.do("auth:createToken", jwt=user.jwt, singleUse=True, expiresIn="1m")
    assert (made["singleUse"], made["ttl"]) == (True, 60_000)
    assert (await api.do("auth:getCurrentUser", jwt=made["token"]))["_id"] == user.kuid
    assert await api.refused("auth:getCurrentUser", jwt=made["token"]) == "security.token.invalid"

    made = await api.do("auth:createToken", jwt=user.jwt, singleUse=True)
    assert [await api.is_good(made["token"]) for _ in range(2)] == [True, False]

    made = await api.do("auth:createToken", jwt=user.jwt, singleUse=True)
    goods = await asyncio.gather(*(api.is_good(made["token"]) for _ in range(8)))
    assert sum(goods) == 1

    made = await api.do("auth:createToken", jwt=user.jwt)
    assert made["singleUse"] is False
    assert [await api.is_good(made["token"]) for _ in range(2)] == [True, True]


async def test_which_tokens_cannot_be_made(api: Any) -> None:
    user = await api.new_user()
    assert await api.refused("auth:createToken", jwt=user.jwt, expiresIn=-1) == "security.token.invalid_expiration"
    assert await api.refused("auth:createToken", jwt=user.jwt, expiresIn="2d") == "security.token.ttl_exceeded"
    assert await api.refused("auth:createToken", jwt=user.jwt, expiresIn="x") == "api.assert.invalid_argument"


async def test_records_of_expired_tokens_are_cleared(api: Any) -> None:
    user = await api.new_user()
    store = api.application.store
    keys = []
    for _ in range(2):
        token = await api.login(user.username, expiresIn="1h")
        await api.do("auth:logout", jwt=token)
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        keys.append(revocation_key(claims["jti"]))

    def age(tx: Transaction) -> None:
        """As if the first token had expired by now."""
        tx.replace(keys[0], tx.read(keys)[keys[0]].source | {"expiresAt": int(time.time() * 1000) - 1})

    await Purging(store).purge()
    assert set(await store.read(keys)) == set(keys)
    await store.transact(age)
    await store.refresh(TOKENS.index, TOKENS.collection)
    await Purging(store).purge()
    assert list(await store.read(keys)) == keys[1:]
    assert not await api.is_good(token)


async def test_a_login_with_an_api_key_gives_that_key_back(api: Any) -> None:
    user = await api.new_user()
    key = (await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body={"description": "x"}))["_source"][
        "token"
    ]
    assert await api.login(user.username, jwt=key) == key
    assert await api.login(user.username, jwt=user.jwt) != user.jwt
    other = await api.new_user()
    assert await api.login(other.username, jwt=key) != key


@pytest.mark.parametrize(("action", "payload"), MY_ACTIONS, ids=[name for name, _ in MY_ACTIONS])
async def test_strangers_have_nothing_of_their_own(api: Any, action: str, payload: dict[str, Any]) -> None:
    envelope = await api.ask(f"auth:{action}", **payload)
    assert (envelope["status"], envelope["error"]["id"]) == (401, "security.rights.unauthorized")
    assert envelope["error"]["props"] == ["auth", action, "-1"]


async def test_rights_are_told_and_checked(api: Any) -> None:
    role = await api.new_role(auth=["*"], server=["now"])
    user = await api.new_user(profile_ids=(await api.new_profile(role),))
    rights = await api.do("auth:getMyRights", jwt=user.jwt)
    anywhere = {"index": "*", "collection": "*", "value": "allowed"}
    assert rights == {
        "hits": [
            {"controller": "auth", "action": "*", **anywhere},
            {"controller": "server", "action": "now", **anywhere},
        ],
        "total": 2,
    }
    for body, allowed in (
        ({"controller": "server", "action": "now"}, True),
        ({"controller": "server", "action": "info"}, False),
        ({"controller": "document", "action": "get", "index": "i", "collection": "c", "_id": "x"}, False),
        ({"controller": "nowhere", "action": "x"}, False),
    ):
        assert await api.do("auth:checkRights", jwt=user.jwt, body=body) == {"allowed": allowed}
        assert await api.do("security:checkRights", userId=user.kuid, body=body) == {"allowed": allowed}
    for name, more in (("auth:checkRights", {}), ("security:checkRights", {"userId": user.kuid})):
        assert await api.refused(name, body={"controller": "server"}, **more) == "api.assert.missing_argument"
        assert await api.refused(name, body={"controller": "x", "action": 1}, **more) == "api.assert.invalid_type"
    body = {"controller": "server", "action": "now"}
    assert await api.refused("security:checkRights", userId="nobody", body=body) == "security.user.not_found"
    assert await api.do("security:checkRights", userId="-1", body=body) == {"allowed": True}


async def test_users_change_their_content_but_not_their_profiles(api: Any) -> None:
    user = await api.new_user(name="Jane", age=40)
    result = await api.do("auth:updateSelf", jwt=user.jwt, body={"name": "Jane Doe", "_kuzzle_info": {"author": "x"}})
    assert result["_id"] == user.kuid
    source = result["_source"]
    assert (source["name"], source["age"], source["profileIds"]) == ("Jane Doe", 40, ["default"])
    assert (source["_kuzzle_info"]["author"], source["_kuzzle_info"]["updater"]) == ("-1", user.kuid)
    for name, value in (("profileIds", ["admin"]), ("_id", "x")):
        refused = await api.refused("auth:updateSelf", jwt=user.jwt, body={name: value})
        assert refused == "api.assert.forbidden_argument"
    dry = await api.do("auth:updateSelf", jwt=user.jwt, body={"name": "x"}, dryRun=True)
    assert dry["dryRun"] is True
    assert (await api.do("auth:getCurrentUser", jwt=user.jwt))["_source"]["name"] == "Jane Doe"
