"""What is being deleted gets no new users meanwhile, and a deletion that was cut short stands in nobody's way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.security.closing import CLOSING, BeingClosed, Closings, check_open
from device_manager.security.documents import profile_key, role_key, user_key
from device_manager.security.memory import GENERATION
from device_manager.storage.contract import Key, Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOCAL = {"strategy": "local"}
ENOUGH = 8


async def info_of(api: Any, key: Key) -> dict[str, Any]:
    """The `_kuzzle_info` of a document."""
    info: dict[str, Any] = (await api.application.store.get(*key)).source["_kuzzle_info"]
    return info


async def leave_closing(api: Any, key: Key, mark: str) -> None:
    """As a server does that dies in the middle of a deletion."""

    def decide(tx: Transaction) -> None:
        source = tx.read((key,))[key].source
        tx.replace(key, source | {"_kuzzle_info": source["_kuzzle_info"] | {CLOSING: mark}})

    await api.application.store.transact(decide)


async def test_nobody_gets_a_profile_that_is_closing(api: Any, closing: Any) -> None:
    crew, other = await api.new_profile(), await api.new_profile()
    user = await api.new_user(profile_ids=(other,))
    keeping = (await api.do("security:createUser", body={"content": {"profileIds": ["default", crew]}}))["_id"]
    content = {"profileIds": ["default", other]}
    async with closing(api, profile_key("default")):
        for action, payload in (
            ("createUser", {"_id": api.name(), "body": {"content": content}}),
            ("createRestrictedUser", {"_id": api.name(), "body": {}}),
            ("updateUser", {"_id": user.kuid, "body": content}),
            ("replaceUser", {"_id": user.kuid, "body": content}),
            ("upsertUser", {"_id": user.kuid, "body": {"content": content}}),
            ("upsertUser", {"_id": api.name(), "body": {"content": content}}),
        ):
            assert await api.refused(f"security:{action}", **payload) == "security.profile.closing", action
        for body in ({"profileIds": ["default"]}, {"profileIds": ["default", other], "name": "x"}):
            await api.do("security:replaceUser", _id=keeping, body=body)  # who has it may keep it
        await api.do("security:createUser", body={"content": {"profileIds": [other]}})
    await api.do("security:updateUser", _id=user.kuid, body=content)
    assert CLOSING not in await info_of(api, profile_key("default"))


async def test_no_profile_gets_a_role_that_is_closing(api: Any, closing: Any) -> None:
    role, other = await api.new_role(), await api.new_role()
    having, profile = await api.new_profile(role), await api.new_profile(other)
    body = {"policies": [{"roleId": other}, {"roleId": role}]}
    async with closing(api, role_key(role)):
        for action, id in (
            ("createProfile", api.name()),
            ("createOrReplaceProfile", api.name()),
            ("createOrReplaceProfile", profile),
            ("updateProfile", profile),
        ):
            assert await api.refused(f"security:{action}", _id=id, body=body) == "security.role.closing", action
        await api.do("security:updateProfile", _id=having, body=body)
        await api.do("security:createOrReplaceRole", _id=role, body={"controllers": {"auth": {"actions": {"*": True}}}})
        assert CLOSING in await info_of(api, role_key(role)), "a new content does not end it"
    await api.do("security:updateProfile", _id=profile, body=body)


async def test_nothing_is_added_to_a_user_who_is_being_deleted(api: Any, closing: Any) -> None:
    user, bare = await api.new_user(), api.name("user")
    await api.do("security:createUser", _id=bare, body={"content": {"profileIds": ["default"]}})
    bare_jwt = (await api.application.security.tokens.issue(bare, 60_000)).token
    password = "kuzzle-plugin-auth-passport-local/password"  # the name of a controller
    reset = (await api.do(f"{password}:getResetPasswordToken", _id=user.kuid))["resetToken"]
    new = {"username": api.name(), "password": "a new one"}
    key = {"expiresIn": "1h", "body": {"description": "x"}}
    async with closing(api, user_key(user.kuid)), closing(api, user_key(bare)):
        for action, payload in (
            ("security:createApiKey", {"userId": user.kuid, **key}),
            ("auth:createApiKey", {"jwt": user.jwt, **key}),
            ("security:createCredentials", {"_id": bare, "body": new, **LOCAL}),
            ("security:updateCredentials", {"_id": user.kuid, "body": new, **LOCAL}),
            ("security:deleteCredentials", {"_id": user.kuid, **LOCAL}),
            ("auth:createMyCredentials", {"jwt": bare_jwt, "body": new, **LOCAL}),
            ("auth:updateMyCredentials", {"jwt": user.jwt, "body": new, **LOCAL}),
            ("auth:deleteMyCredentials", {"jwt": user.jwt, **LOCAL}),
            (f"{password}:reset", {"body": {"token": reset, "password": "a new one"}}),
        ):
            assert await api.refused(action, **payload) == "security.user.closing", action
        await api.do("security:updateUser", _id=user.kuid, body={"name": "Jane"})
    assert await api.do("security:deleteUser", _id=user.kuid) == {"_id": user.kuid}


async def test_what_is_not_deleted_after_all_is_opened_again(api: Any) -> None:
    role = await api.new_role()
    profile = await api.new_profile(role)
    user = await api.new_user(profile_ids=(profile,))
    generation = await api.application.store.get(*GENERATION)
    for action, id in (("deleteRole", role), ("deleteProfile", profile)):
        refused = await api.refused(f"security:{action}", _id=id, dryRun=True)
        assert refused == f"security.{action.removeprefix('delete').lower()}.in_use"
    assert await api.do("security:deleteUser", _id=user.kuid, dryRun=True) == {"_id": user.kuid, "dryRun": True}
    assert await api.application.store.get(*GENERATION) == generation, "a dry run writes nothing"
    for action, id, key in (("deleteRole", role, role_key(role)), ("deleteProfile", profile, profile_key(profile))):
        await api.refused(f"security:{action}", _id=id)
        assert CLOSING not in await info_of(api, key)
    searching = asyncio.Event()

    async def find() -> None:
        searching.set()
        await asyncio.Event().wait()

    cut = asyncio.create_task(
        api.application.security.accounts.closings.decide(role_key(role), find, lambda tx, found: None, Call())
    )
    await searching.wait()
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    assert CLOSING not in await info_of(api, role_key(role))


async def test_what_a_dead_server_was_deleting_can_be_deleted_or_used(api: Any) -> None:
    gone, kept = await api.new_profile(), await api.new_profile()
    for profile in (gone, kept):
        await leave_closing(api, profile_key(profile), api.name("mark"))
    assert await api.do("security:deleteProfile", _id=gone) == {"_id": gone}
    made = await api.ask("security:createUser", body={"content": {"profileIds": [kept]}})
    store, key = api.application.store, profile_key(kept)
    if not store.shared:
        assert made["error"] is None, "nobody else can be deleting it"
        return
    assert made["error"]["id"] == "security.profile.closing"

    def use(tx: Transaction) -> None:
        check_open(key, tx.read((key,))[key])

    patient = Closings(store, grace=1e9)
    for _ in range(2):
        with pytest.raises(BeingClosed):
            await patient.transact(use, Call())
    await Closings(store, grace=0).transact(use, Call())
    assert CLOSING not in await info_of(api, key)
    await api.do("security:createUser", body={"content": {"profileIds": [kept]}})


async def test_a_decision_rests_on_a_search_during_which_it_was_closed(api: Any) -> None:
    """Somebody took the mark for one that was left behind: who refers to it since then was not searched for."""
    role = await api.new_role()
    key, searches = role_key(role), 0

    async def find() -> int:
        nonlocal searches
        searches += 1
        if searches < 3:
            await leave_closing(api, key, api.name("other"))
        return searches

    def decide(tx: Transaction, found: int) -> int:
        tx.delete(key)
        return found

    closings = api.application.security.accounts.closings
    assert await closings.decide(key, find, decide, Call()) == 3

    again = await api.new_role()

    async def never() -> None:
        await leave_closing(api, role_key(again), api.name("other"))

    with pytest.raises(ApiError) as refused:
        await closings.decide(role_key(again), never, lambda tx, found: None, Call())
    assert refused.value.id == "services.storage.too_many_changes"


async def test_deletions_beside_a_stream_of_writes(api: Any) -> None:
    """However many users are written meanwhile, roles, profiles and those very users go."""
    roles = [await api.new_role() for _ in range(2)]
    profiles = [await api.new_profile(roles[0]) for _ in range(2)]
    busy = await api.new_user()
    goes_on = True

    async def new_users() -> None:
        while goes_on:
            await api.do("security:createUser", body={"content": {"profileIds": ["default"]}})

    async def changes() -> None:
        while goes_on:
            await api.ask("security:updateUser", _id=busy.kuid, body={"name": "again"})

    streams = [asyncio.create_task(stream()) for stream in (*[new_users] * ENOUGH, changes)]
    try:
        async with asyncio.timeout(30):
            for wanted in (
                [("updateCredentials", {"_id": busy.kuid, "body": {"password": "another one"}, **LOCAL})],
                [("deleteProfile", {"_id": id}) for id in profiles],
                [("deleteRole", {"_id": id}) for id in roles],
                [("deleteUser", {"_id": busy.kuid})],
            ):
                answers = await asyncio.gather(*(api.ask(f"security:{name}", **payload) for name, payload in wanted))
                assert [answer["error"] for answer in answers] == [None] * len(wanted)
    finally:
        goes_on = False
        await asyncio.gather(*streams)
