"""What passwords have to be like, and setting new ones (router-protocol 5.2, 4; 9 item 40)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio

from device_manager.security.local_documents import LocalDocuments
from device_manager.security.memory import SecurityMemory
from device_manager.security.password_policies import PasswordPolicies
from device_manager.security.password_resets import PasswordResets
from device_manager.security.places import CREDENTIALS
from device_manager.security.signing import Signer
from device_manager.settings import InvalidSettings, PasswordPolicy
from device_manager.storage.contract import Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOCAL = "plugin.kuzzle-plugin-auth-passport-local"
PASSWORD = "kuzzle-plugin-auth-passport-local/password"  # a controller
WEAK = "no&"
DAY = 86_400_000


@pytest_asyncio.fixture(loop_scope="session")
async def crew(strict_api: Any) -> Any:
    """The profile that some policies are about."""
    policies = [{"roleId": await strict_api.new_role()}]
    await strict_api.do("security:createOrReplaceProfile", _id="crew", body={"policies": policies})
    return strict_api


def credentials(username: str, password: str) -> dict[str, Any]:
    return {"username": username, "password": password}


async def create(api: Any, profile: str, password: str) -> tuple[str, dict[str, Any]]:
    """Create a user who may not log in yet: the name, and the answer."""
    name = api.name("member")
    body = {"content": {"profileIds": [profile]}, "credentials": {"local": credentials(name, password)}}
    return name, await api.ask("security:createUser", _id=name, body=body)


async def login(api: Any, name: str, password: str) -> Any:
    return await api.ask("auth:login", strategy="local", body=credentials(name, password))


async def test_passwords_have_to_match(crew: Any) -> None:
    for profile, password, refused in (
        ("default", WEAK, "weak_password"),
        ("crew", WEAK, "weak_password"),
        ("default", "Long-Enough", None),
    ):
        _, answer = await create(crew, profile, password)
        assert (answer["error"] and answer["error"]["id"]) == (refused and f"{LOCAL}.{refused}")
    user = await crew.new_user()
    whose = {"strategy": "local", "jwt": user.jwt}
    body = {"password": WEAK, "currentPassword": user.password}
    assert (
        await crew.refused("auth:validateMyCredentials", **whose, body={"password": WEAK}) == f"{LOCAL}.weak_password"
    )
    assert await crew.refused("auth:updateMyCredentials", **whose, body=body) == f"{LOCAL}.weak_password"
    upserted = {"content": {"profileIds": ["crew"]}, "credentials": {"local": credentials("uv", "xUVx")}}
    assert await crew.refused("security:upsertUser", _id="uv", body=upserted) == f"{LOCAL}.login_in_password"
    first = {"credentials": {"local": credentials("first", WEAK)}}
    assert await crew.refused("security:createFirstAdmin", _id="first", body=first) == f"{LOCAL}.weak_password"
    assert (await crew.do("security:mGetUsers", body={"ids": ["uv", "first"]}))["hits"] == []


async def test_what_others_have_set_is_good_for_changing_it_once(crew: Any) -> None:
    name, answer = await create(crew, "crew", "secret-1")
    assert answer["error"] is None
    refused = await login(crew, name, "secret-1")
    assert (refused["status"], refused["error"]["id"]) == (401, f"{LOCAL}.must_change_password")
    token = refused["error"]["resetToken"]
    assert await crew.refused(f"{PASSWORD}:reset", body={"token": token, "password": "secret-1"}) == (
        f"{LOCAL}.reused_password"
    )
    dry = await crew.do(f"{PASSWORD}:reset", body={"token": token, "password": "secret-2"}, dryRun=True)
    assert dry == {"_id": name, "dryRun": True}
    body = {"token": token, "password": "secret-2"}
    result = await crew.do(f"{PASSWORD}:reset", body=body, expiresIn="2h")
    assert (result["_id"], result["ttl"]) == (name, 7_200_000)
    assert (await crew.do("auth:getCurrentUser", jwt=result["jwt"]))["_id"] == name
    assert (await login(crew, name, "secret-2"))["error"] is None
    assert await crew.refused(f"{PASSWORD}:reset", body=body) == f"{LOCAL}.invalid_token"
    again = (await crew.do(f"{PASSWORD}:getResetPasswordToken", _id=name))["resetToken"]
    answers = [crew.ask(f"{PASSWORD}:reset", body={"token": again, "password": f"other-{n}"}) for n in range(4)]
    done = [answer for answer in await asyncio.gather(*answers) if answer["error"] is None]
    assert len(done) == 1
    assert not await crew.is_good(result["jwt"]), "a reset ends the sessions"


async def test_the_last_passwords_only_are_kept(crew: Any) -> None:
    name, _ = await create(crew, "crew", "secret-1")
    for number in range(2, 6):
        body = {"password": f"secret-{number}"}
        await crew.do("security:updateCredentials", strategy="local", _id=name, body=body)
    stored = (await crew.application.store.read((CREDENTIALS.key(name),)))[CREDENTIALS.key(name)].source
    assert len(stored["passwordHistory"]) == 2
    validate = {"strategy": "local", "_id": name}
    for number, refused in ((5, True), (3, True), (2, False)):
        answer = await crew.ask("security:validateCredentials", **validate, body={"password": f"secret-{number}"})
        assert (answer["error"] is not None) == refused
    in_name = await crew.refused("security:updateCredentials", **validate, body={"password": f"my {name.upper()}"})
    assert in_name == f"{LOCAL}.login_in_password"


async def test_who_tries_new_passwords_does_not_guess_old_ones_faster(crew: Any) -> None:
    name, _ = await create(crew, "crew", "secret-1")
    other, _ = await create(crew, "crew", "secret-1")
    tokens = {kuid: (await crew.application.security.tokens.issue(kuid, 60_000)).token for kuid in (name, other)}
    change = {"password": "secret-2"}
    await crew.do("security:updateCredentials", strategy="local", _id=name, body=change)
    reset = (await crew.do(f"{PASSWORD}:getResetPasswordToken", _id=name))["resetToken"]
    mine, whose = {"strategy": "local", "jwt": tokens[name]}, {"strategy": "local", "_id": name}

    async def tried(password: str) -> list[str | None]:
        """What each way to try a password answers."""
        new = {"password": password}
        return [
            (await crew.ask(action, **payload))["error"]["id"]
            for action, payload in (
                ("security:validateCredentials", {**whose, "body": new}),
                ("security:updateCredentials", {**whose, "dryRun": True, "body": new}),
                ("security:updateCredentials", {**whose, "body": {**new, "username": other}}),
                ("auth:validateMyCredentials", {**mine, "body": new}),
                ("auth:updateMyCredentials", {**mine, "body": {**new, "currentPassword": "secret-2"}}),
                (f"{PASSWORD}:reset", {"body": {"token": reset, "password": password}}),
            )
        ]

    for _ in range(3):
        await crew.ask("security:validateCredentials", **whose, body={"password": "a guess"})
    assert set(await tried("a guess")) == {"api.process.too_many_logins_requests"}
    assert set(await tried("secret-1")) == {"api.process.too_many_logins_requests"}
    answer = await crew.ask("security:validateCredentials", **whose, body={"password": "secret-2"})
    assert answer["error"]["retryAfter"] >= 1
    assert (await login(crew, name, "secret-2"))["error"]["id"] == f"{LOCAL}.must_change_password", "logins go on"

    whose = {"strategy": "local", "_id": other}
    for wanted in ({"dryRun": True, "body": change}, {"body": {**change, "username": name}}):
        await crew.ask("security:updateCredentials", **whose, **wanted)
    for number in range(3, 9):  # a password that is taken tells nothing twice
        await crew.do("security:updateCredentials", **whose, body={"password": f"secret-{number}"})
    validate = {"strategy": "local", "jwt": tokens[other], "body": {"password": "secret-8"}}
    assert await crew.refused("auth:validateMyCredentials", **validate) == f"{LOCAL}.reused_password"


async def test_passwords_expire(strict_api: Any) -> None:
    api = strict_api
    await api.do("security:createOrReplaceRole", _id="guest", body={"controllers": {"auth": {"actions": {"*": True}}}})
    user = await api.new_user(profile_ids=(await api.new_profile("guest"),))
    store, key = api.application.store, CREDENTIALS.key(user.username)

    def age(tx: Transaction) -> None:
        source = tx.read((key,))[key].source
        long_ago = int(time.time() * 1000) - 31 * DAY
        tx.replace(key, source | {"_kuzzle_info": source["_kuzzle_info"] | {"createdAt": long_ago}})

    await store.transact(age)
    wrong = await login(api, user.username, "wrong")
    assert wrong["error"]["id"] == "plugin.strategy.missing_user"
    refused = await login(api, user.username, user.password)
    assert refused["error"]["id"] == f"{LOCAL}.expired_password"
    answer = await api.client.post(
        "/_/password/reset", json={"token": refused["error"]["resetToken"], "password": "new one"}
    )
    assert answer.json()["result"]["_id"] == user.kuid
    assert (await login(api, user.username, "new one"))["error"] is None


async def test_tokens_that_reset_nothing(strict_api: Any) -> None:
    api = strict_api
    user = await api.new_user()
    assert await api.refused(f"{PASSWORD}:getResetPasswordToken", _id="nobody") == "security.credentials.not_found"
    security = api.application.security
    stored = await LocalDocuments(api.application.store, security.collections).find(user.kuid, current=True)
    assert stored is not None
    expired = await PasswordResets(Signer(api.application.store, security.collections), -10).make(stored)
    good = (await api.do(f"{PASSWORD}:getResetPasswordToken", _id=user.kuid))["resetToken"]
    for token, refused in (
        ("x", "invalid_token"),
        (user.jwt, "invalid_token"),
        (user.jwt.removeprefix("kauth-"), "invalid_token"),
        (good[:-4], "invalid_token"),
        (expired, "expired_token"),
    ):
        body = {"token": token, "password": "brand new"}
        assert await api.refused(f"{PASSWORD}:reset", body=body) == f"{LOCAL}.{refused}"
    assert not await api.is_good(good), "it is for setting a password, and nothing else"
    assert not await api.is_good(f"kauth-{good}")
    too_long = {"token": good, "password": "x" * 5000}
    assert await api.refused(f"{PASSWORD}:reset", body=too_long) == "security.credentials.rejected"
    assert await api.refused(f"{PASSWORD}:reset", body={"token": good}) == "api.assert.missing_argument"
    assert await api.refused(f"{PASSWORD}:reset", body={"token": 5, "password": "x"}) == "api.assert.invalid_type"
    body = {"token": good, "password": "brand new"}
    assert await api.refused(f"{PASSWORD}:reset", body=body, expiresIn="x") == "api.assert.invalid_argument"
    assert await api.refused(f"{PASSWORD}:reset", body=body, expiresIn="2d") == "security.token.ttl_exceeded"
    assert await api.is_good(user.jwt), "what was refused changed nothing"
    await api.do("security:deleteUser", _id=user.kuid)
    assert await api.refused(f"{PASSWORD}:reset", body=body) == f"{LOCAL}.invalid_token"


async def test_the_password_in_use_is_asked_for(strict_api: Any) -> None:
    api = strict_api
    user = await api.new_user()
    for action, body in (("updateMyCredentials", {"password": "brand new"}), ("deleteMyCredentials", {})):
        mine = {"strategy": "local", "jwt": user.jwt}
        assert await api.refused(f"auth:{action}", **mine, body=body) == "security.credentials.rejected"
        wrong = body | {"currentPassword": "wrong"}
        answer = await api.ask(f"auth:{action}", **mine, body=wrong)
        assert (answer["status"], answer["error"]["id"]) == (403, "security.credentials.wrong_password")
    body = {"password": "brand new", "currentPassword": user.password}
    await api.do("auth:updateMyCredentials", strategy="local", jwt=user.jwt, body=body)
    await api.do("security:updateCredentials", strategy="local", _id=user.kuid, body={"password": "another one"})
    body = {"currentPassword": "another one"}
    await api.do("auth:deleteMyCredentials", strategy="local", jwt=user.jwt, body=body)


@pytest.mark.parametrize(
    "policy",
    [PasswordPolicy(expires_after="soon"), PasswordPolicy(expires_after=-1), PasswordPolicy(password_regex="(")],
)
async def test_policies_that_cannot_be_read_stop_the_start(api: Any, policy: PasswordPolicy) -> None:
    memory: SecurityMemory = api.application.security.memory
    with pytest.raises(InvalidSettings, match="crew"):
        PasswordPolicies({"crew": policy}, memory)
