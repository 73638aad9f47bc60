"""Credentials of other systems' clients: made with users of their own, found, listed, revoked (facades 1.2)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import pytest_asyncio

from device_manager.security.documents import profile_key
from device_manager.security.foreign_credentials import FOREIGN_CREDENTIALS, Interface, Proof, hash_of, proof_key

pytestmark = pytest.mark.asyncio(loop_scope="session")
CREATE, LIST, REVOKE = (f"device-manager/credentials:{action}" for action in ("create", "list", "revoke"))
SHOWN = {
    "sitewise": {"accessKeyId", "secretAccessKey", "region", "accountId"},
    "teos": {"apiKey", "token"},
    "ubidots": {"apiKey", "token"},
}
PROOFS = {
    "sitewise": [("accessKeyId", Proof.ACCESS_KEY)],
    "teos": [("apiKey", Proof.API_KEY), ("token", Proof.TOKEN)],
    "ubidots": [("apiKey", Proof.API_KEY), ("token", Proof.TOKEN)],
}

SECRETS = {"secretAccessKey", "apiKey", "token"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(api: Any) -> str:
    """An engine that tests share."""
    return await new_engine(api)


async def new_engine(api: Any) -> str:
    engine = api.name("engine")
    await api.do("device-manager/engine:create", index=engine)
    return str(engine)


async def test_a_credential_is_made_found_listed_and_revoked(api: Any, engine: str) -> None:
    known = api.application.security.foreign_credentials
    made = {}
    for interface, shown in SHOWN.items():
        answer = made[interface] = await api.do(CREATE, engineId=engine, interface=interface)
        assert answer.keys() == {"_id", "interface", "engineId", "userId"} | shown
        for name, proof in PROOFS[interface]:
            caller = await known.find(Interface(interface), proof, answer[name])
            assert (caller.credential, caller.engine, caller.kuid) == (answer["_id"], engine, answer["userId"])
            assert caller.secret == answer.get("secretAccessKey", "")
            assert await known.find(Interface(interface), proof, answer[name] + "x") is None
            other = Interface.TEOS if interface != "teos" else Interface.UBIDOTS
            assert await known.find(other, proof, answer[name]) is None
    listed = await api.do(LIST, engineId=engine)
    ids = [answer["_id"] for answer in made.values()]
    assert [entry["_id"] for entry in listed["credentials"] if entry["_id"] in ids] == ids
    assert listed["total"] == len(listed["credentials"])
    told = json.dumps(listed)
    assert not [text for answer in made.values() for name, text in answer.items() if name in SECRETS and text in told]

    token = await known.add_token(Interface.UBIDOTS, caller, 1_900_000_000_000)
    further = await known.find(Interface.UBIDOTS, Proof.TOKEN, token)
    assert (further.credential, further.expires_at) == (made["ubidots"]["_id"], 1_900_000_000_000)

    revoked = made["ubidots"]
    assert await api.do(REVOKE, _id=revoked["_id"], dryRun=True) == {"_id": revoked["_id"], "dryRun": True}
    assert await known.find(Interface.UBIDOTS, Proof.TOKEN, revoked["token"]) is not None
    await api.do(REVOKE, _id=revoked["_id"])
    for text in (revoked["token"], token):
        assert await known.find(Interface.UBIDOTS, Proof.TOKEN, text) is None
    assert await known.find(Interface.TEOS, Proof.TOKEN, made["teos"]["token"]) is not None
    assert await api.refused("security:getUser", _id=revoked["userId"]) == "security.user.not_found"
    assert await api.refused(REVOKE, _id=revoked["_id"]) == "security.credentials.unknown_foreign"


async def test_its_user_may_do_what_the_interfaces_need_in_its_engine_only(api: Any, engine: str) -> None:
    other = api.name("other")
    user = (await api.do(CREATE, engineId=engine, interface="teos"))["userId"]
    for controller, action, index, allowed in (
        ("device-manager/assets", "create", engine, True),
        ("device-manager/assets", "create", other, False),
        ("device-manager/models", "writeAsset", None, True),
        ("device-manager/engine", "create", other, False),
        ("security", "createUser", None, False),
    ):
        body = {"controller": controller, "action": action} | ({"engineId": index} if index else {})
        assert await api.do("security:checkRights", userId=user, body=body) == {"allowed": allowed}, body


async def test_a_profile_of_the_operator_counts_instead(api: Any, engine: str, closing: Any) -> None:
    profile = await api.new_profile()
    made = await api.do(CREATE, engineId=engine, interface="teos", profile=profile)
    user = await api.do("security:getUser", _id=made["userId"])
    assert user["_source"]["profileIds"] == [profile]
    assert await api.refused(CREATE, engineId=engine, interface="teos", profile="nobody's") == (
        "security.profile.not_found"
    )
    async with closing(api, profile_key(profile)):
        refused = await api.refused(CREATE, engineId=engine, interface="teos", profile=profile)
        assert refused == "security.profile.closing"
    assert await api.refused(CREATE, engineId="nowhere", interface="teos") == "device_manager.engines.not_found"
    assert await api.refused(CREATE, engineId=engine, interface="smtp") == "api.assert.invalid_argument"


async def test_an_access_key_may_be_for_a_while_or_for_a_region(api: Any) -> None:
    engine = await new_engine(api)
    known = api.application.security.foreign_credentials
    lasting = await api.do(CREATE, engineId=engine, interface="sitewise", region="eu-west-1")
    brief = await api.do(CREATE, engineId=engine, interface="sitewise", sessionSeconds=3600, region="*")
    assert brief["accountId"] == lasting["accountId"] != (await sitewise_of_another_engine(api))["accountId"]
    assert (lasting["region"], brief["region"], brief["accessKeyId"][:4]) == ("eu-west-1", "*", "ASIA")
    caller = await known.find(Interface.SITEWISE, Proof.ACCESS_KEY, brief["accessKeyId"])
    assert (caller.session, caller.expires_at) == (hash_of(brief["sessionToken"]), brief["expiresAt"])
    assert 0 < brief["expiresAt"] / 1000 - time.time() <= 3600
    listed = (await api.do(LIST, engineId=engine))["credentials"]
    assert [entry.get("expiresAt") for entry in listed] == [None, brief["expiresAt"]]
    for wrong in ({"sessionSeconds": -1}, {"sessionSeconds": 129_601}, {"region": "EU West"}):
        assert (
            await api.refused(CREATE, engineId=engine, interface="sitewise", **wrong) == "api.assert.invalid_argument"
        )
    refusal = await api.refused(CREATE, engineId=engine, interface="teos", sessionSeconds=60)
    assert refusal == "api.assert.invalid_argument"


async def sitewise_of_another_engine(api: Any) -> Any:
    return await api.do(CREATE, engineId=await new_engine(api), interface="sitewise")


async def test_secrets_are_not_stored_as_they_are(api: Any, engine: str) -> None:
    store, known = api.application.store, api.application.security.foreign_credentials
    texts = []
    for interface in SHOWN:
        more = {"sessionSeconds": 60} if interface == "sitewise" else {}
        made = await api.do(CREATE, engineId=engine, interface=interface, **more)
        texts += [made[name] for name in ("secretAccessKey", "sessionToken", "apiKey", "token") if name in made]
    pages = store.scan(FOREIGN_CREDENTIALS.index, FOREIGN_CREDENTIALS.collection)
    stored = json.dumps([(document.id, document.source) async for page in pages for document in page])
    assert not [text for text in texts if text in stored]

    made = await api.do(CREATE, engineId=engine, interface="sitewise")
    stolen = await api.do(CREATE, engineId=engine, interface="sitewise")
    keys = [proof_key(Interface.SITEWISE, Proof.ACCESS_KEY, one["accessKeyId"]) for one in (made, stolen)]

    def swap(tx: Any) -> None:
        documents = tx.read(keys)
        tx.replace(keys[1], documents[keys[1]].source | {"secret": documents[keys[0]].source["secret"]})

    await store.transact(swap)
    assert await known.find(Interface.SITEWISE, Proof.ACCESS_KEY, stolen["accessKeyId"]) is None
