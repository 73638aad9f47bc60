"""Users of an existing platform log in with the passwords that they have there (router-protocol 5.2)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from device_manager.security.legacy_hashes import is_legacy, legacy_matches
from device_manager.security.passwords import ALGORITHM, Passwords
from device_manager.security.places import CREDENTIALS
from device_manager.storage.contract import Transaction

PASSWORD = "corréct horse"
FORMS: dict[str, dict[str, Any]] = {
    "usual": {
        "algorithm": "sha512",
        "stretching": True,
        "encryption": "hmac",
        "pepper": False,
        "userSalt": "c0ffee0123456789",
        "userPassword": (
            "5982a596eb555cedd7a9f6ef8817bd3982c4b647b7596f5943b0cbae0949f837f50bdeef5173825a424271008f271930"
            "6f2775a0e71c31b9d68bf6c2b3a6c2d239f6140ab60158f7a4cbaf7878cbb5a6f88946d2a8aa8c9fd9ddb4aba98c0958"
            "111c4f15d585a9733a85a337ae54cfb6495a9eee611dd43d679aa377bcd41cb9c137df54fb38acf25cbcd0f449e1ad4a"
            "2977d3d000a96a133d82920f86b62c14172411476a8a68f434f1022fc1f04fd53a72d97220b2657afb99830c13642b98"
            "d57e7de6ac56ce64e5c9ecd751e14c16e42d1618598107bd4e15c6473787e058040656c7d1bada2d436181c99f064708"
            "3a12f85bbd5a45728402d50a1513509cd4287be7b506d63f3235f2818ae5e8c1f2fe952ffdb1f8396000bd2e6c167843"
            "7619d16b2ccf386a6773ca14a6b260787a6c7802019c2350e60124fa2f0d051c67d3564f988bcd4216dd6162a7198eb4"
            "192e039d30ba03c80ab66c10f4cef3977c24492ec482cc3491712c7e18569a58f0d20e7cdc750e21dbaffed94f29a891"
            "85ea227ab01828b5e8869ae419c0519aa4fccce6c3d2e151f3b7cd7385527f88ef22144781613af76a3c720f3f5320f8"
            "f8491e41f9ca82b63dbb914a69dae11a300665fbe85cde1bc16a9919c6ccd6c8e6d9d04fbd68d0fedba858794a7ffcfb"
            "c388ee8558d79786071bf194fa35fdd3c6d4bea1e32437ca491ac75be37dd2e1"
        ),
    },
    "sha256_base64": {
        "algorithm": "sha256",
        "stretching": True,
        "encryption": "hmac",
        "pepper": False,
        "userSalt": "c0ffee0123456789",
        "userPassword": (
            "AwegcO9MznyZRV141wcIkUEQL2YGdZtWC1nYsslvbk2ZQhmBf5qtaCW1b/9O/xByDAeo0zzyDjIppKSplnsYrH90xlE5jsyB"
            "/O8SuDF582HcwWVdnx1383aLUJkTEwN9X//OeGGhJzf5jHTW2+M507MZDetnxyauErj8BPC5fMjlGlhRy27N7mdqUytWcndk"
            "Wp8u+0C3vLBYYivDzpWxNzQSefdo1LUOi3mRSbbGk3mEzrl4FUq7vYDIiZRmCKpAS/x5bMQiS9FFFBF3kkG76nbql/sS+BHW"
            "xX+PZq+XVm7mHmq24DzvGyZ8DDe6IrFrnZG9tmAIoVWhH23M1Lj4Lg=="
        ),
    },
    "alias": {
        "algorithm": "RSA-SHA256",
        "stretching": True,
        "encryption": "hmac",
        "pepper": False,
        "userSalt": "c0ffee0123456789",
        "userPassword": (
            "0307a070ef4cce7c99455d78d707089141102f6606759b560b59d8b2c96f6e4d994219817f9aad6825b56fff4eff1072"
            "0c07a8d33cf20e3229a4a4a9967b18ac7f74c651398ecc81fcef12b83179f361dcc1655d9f1d77f3768b50991313037d"
            "5fffce7861a12737f98c74d6dbe339d3b3190deb67c726ae12b8fc04f0b97cc8e51a5851cb6ecdee676a532b56727764"
            "5a9f2efb40b7bcb058622bc3ce95b137341279f768d4b50e8b799149b6c6937984ceb978154abbbd80c889946608aa40"
            "4bfc796cc4224bd1451411779241bbea76ea97fb12f811d6c57f8f66af97566ee61e6ab6e03cef1b267c0c37ba22b16b"
            "9d91bdb66008a155a11f6dccd4b8f82e"
        ),
    },
    "hmac": {
        "algorithm": "sha512",
        "stretching": False,
        "encryption": "hmac",
        "pepper": False,
        "userSalt": "c0ffee0123456789",
        "userPassword": (
            "c33f32daa126f9f7d992b6f7238e9b70dfb7e5f50f75c422ccb99b444a6dc366a1de5a217c8931e0de3517a4b8a4c673"
            "5599cf047046480ac8940cf95f419146"
        ),
    },
    "hash": {
        "algorithm": "sha256",
        "stretching": False,
        "encryption": "hash",
        "pepper": False,
        "userSalt": "c0ffee0123456789",
        "userPassword": "fb3746e37d43c709253ee1b25986c7b4083a42119132e1338246eb13ee91e873",
    },
    "unsalted": {
        "algorithm": "sha512",
        "stretching": False,
        "encryption": "hash",
        "pepper": False,
        "userSalt": "",
        "userPassword": "t1QtFQupqDGqUaLA4n+iPECoJEjt6lHyY3U7Xdo3doV6yFKmeWq1pBYvRm27YZ8bc7VceTzuUi8H7BGlPtYDqw==",
    },
}
"""Made by the incumbent's own plugin for one password, under different configurations."""
_PASSWORD = {name: {"type": "keyword"} for name in ("userPassword", "userSalt", "algorithm", "encryption")}
_PASSWORD |= {name: {"type": "boolean"} for name in ("stretching", "pepper")}
MAPPED = _PASSWORD | {
    "kuid": {"type": "keyword"},
    "updater": {"type": "keyword"},
    "profileIds": {"type": "keyword"},
    "passwordHistory": {"properties": _PASSWORD | {"archivedAt": {"type": "date"}, "updatedAt": {"type": "date"}}},
}
"""The fields that it maps of users and of their credentials."""


@pytest.mark.parametrize("form", FORMS)
def test_hashes_of_the_incumbent_are_understood(form: str) -> None:
    stored = FORMS[form]
    assert is_legacy(stored)
    assert legacy_matches(stored, PASSWORD)
    assert not legacy_matches(stored, "correct horse")


@pytest.mark.parametrize(
    "stored", [{}, {"algorithm": "argon2id", "userPassword": "x"}, {"algorithm": "sha512"}, {"algorithm": "sha3-512"}]
)
def test_other_documents_are_none_of_these(stored: dict[str, Any]) -> None:
    assert not is_legacy(stored)


def test_an_empty_hash_matches_nothing() -> None:
    assert not legacy_matches(FORMS["hash"] | {"userPassword": ""}, "")


async def test_the_same_is_computed_whoever_it_is() -> None:
    passwords = Passwords(1, 8, memory=8192, passes=1)
    ours = {"algorithm": ALGORITHM, "userPassword": await passwords.hash("x")}

    async def work(stored: dict[str, Any] | None) -> dict[str, int]:
        before = dict(passwords.work)
        assert not await passwords.matches(stored, "wrong")
        return {kind: passwords.work[kind] - before[kind] for kind in before}

    people: tuple[dict[str, Any] | None, ...] = (ours, None, {}, {"algorithm": ALGORITHM})
    assert [await work(stored) for stored in people] == [{"argon2": 1, "legacy": 0}] * 4
    everybody = (FORMS["usual"], FORMS["hmac"], *people)
    assert [await work(stored) for stored in everybody] == [{"argon2": 1, "legacy": 1}] * 6
    passwords.close()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("form", ["usual", "hash"])
async def test_who_logs_in_gets_a_hash_of_our_form(api: Any, form: str) -> None:
    user = await api.new_user()
    store, key = api.application.store, CREDENTIALS.key(user.username)
    history = [{"userPassword": "00", "algorithm": "sha512"}]

    def become_old(tx: Transaction) -> None:
        known = tx.read((key,))[key].source
        old = {"kuid": user.kuid, "passwordHistory": history, "updater": "ada", "_kuzzle_info": known["_kuzzle_info"]}
        tx.replace(key, old | FORMS[form])

    await store.transact(become_old)
    body = {"username": user.username, "password": PASSWORD}
    wrong = body | {"password": "wrong"}
    assert await api.refused("auth:login", strategy="local", body=wrong) == "plugin.strategy.missing_user"
    before = (await store.read((key,)))[key].source
    assert before["userPassword"] == FORMS[form]["userPassword"]
    logins = [api.do("auth:login", strategy="local", body=body) for _ in range(3)]
    assert {login["_id"] for login in await asyncio.gather(*logins)} == {user.kuid}
    after = (await store.read((key,)))[key].source
    assert set(after) == {"kuid", "passwordHistory", "updater", "_kuzzle_info", "algorithm", "userPassword"}
    assert after["algorithm"] == ALGORITHM
    assert (after["_kuzzle_info"], after["passwordHistory"]) == (before["_kuzzle_info"], history)
    assert (await api.do("auth:login", strategy="local", body=body))["_id"] == user.kuid
    assert await api.refused("auth:login", strategy="local", body=wrong) == "plugin.strategy.missing_user"
    assert (await store.read((key,)))[key].source == after, "a hash of our form is not made again"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("api", ["elasticsearch"], indirect=True)
async def test_users_that_the_incumbent_has_written_log_in(api: Any, lasting_elasticsearch_url: str) -> None:
    kuid, username = api.name("kuid"), api.name("Old.User")
    info = {"author": "-1", "createdAt": 1_600_000_000_000, "updatedAt": None, "updater": None}
    stored = {
        "%kuzzle.users": (kuid, {"profileIds": ["default"], "name": "Old", "_kuzzle_info": info}),
        "%plugin-kuzzle-plugin-auth-passport-local.users": (
            username,
            FORMS["usual"] | {"kuid": kuid, "updater": "-1", "passwordHistory": [], "_kuzzle_info": info},
        ),
    }
    async with httpx.AsyncClient(base_url=lasting_elasticsearch_url) as cluster:
        for name, (id, source) in stored.items():
            # As the incumbent makes it, unless an earlier test had it made.
            index = {"aliases": {"@" + name: {}}, "mappings": {"dynamic": "false", "properties": MAPPED}}
            assert (await cluster.put(f"/{quote(name, safe='')}", json=index)).status_code in (200, 400)
            path = f"/{quote('@' + name, safe='')}/_doc/{id}?refresh=true"
            assert (await cluster.put(path, json=source)).status_code == 201
    body = {"username": username, "password": PASSWORD}
    for _ in range(2):
        result = await api.do("auth:login", strategy="local", body=body)
        me = await api.do("auth:getCurrentUser", jwt=result["jwt"])
        assert (me["_id"], me["_source"]["name"], me["strategies"]) == (kuid, "Old", ["local"])
