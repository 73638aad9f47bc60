"""Deletions that are sent again after a crash repeat nothing (design 9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.errors import api_error
from device_manager.storage.journal import Journal

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every server died after its last commit and before its answer was kept."""

    async def lost(journal: Journal, answer: str) -> None:
        raise api_error("services.storage.unavailable", "it was killed")

    monkeypatch.setattr(Journal, "complete", lost)


@pytest.mark.usefixtures("no_answers")
async def test_each_deletion_is_answered_as_before(api: Any) -> None:
    user, other = await api.new_user(), await api.new_user()
    role = await api.new_role()
    profile, spare = await api.new_profile(role), await api.new_profile()
    made = await api.do("auth:createApiKey", jwt=other.jwt, expiresIn="1h", body={"description": "x"})
    for action, payload in (
        ("deleteUser", {"_id": user.kuid}),
        ("deleteProfile", {"_id": profile}),
        ("deleteRole", {"_id": role}),
        ("deleteApiKey", {"userId": other.kuid, "_id": made["_id"]}),
        ("mDeleteUsers", {"body": {"ids": ["nobody", other.kuid]}}),
        ("mDeleteProfiles", {"body": {"ids": [spare]}}),
        ("restrictDefaultRights", {"dryRun": True}),
    ):
        key = api.name("key")
        first, again = [await api.ask(f"security:{action}", **payload, idempotencyKey=key) for _ in range(2)]
        assert first["status"] in (200, 206)
        for member in ("status", "result", "error"):
            assert again.get(member) == first.get(member)
    assert (await api.do("security:mGetUsers", body={"ids": [user.kuid, other.kuid]}))["hits"] == []


@pytest.mark.usefixtures("no_answers")
async def test_what_was_written_meanwhile_is_searched_again_and_deleted_once(api: Any) -> None:
    """A decision that has to be made again on a new search leaves no record of the first one."""
    profile = await api.new_profile()
    key = api.name("key")
    asked = [
        api.ask("security:deleteProfile", _id=profile, onAssignedUsers="remove", idempotencyKey=key),
        *(api.ask("security:createUser", body={"content": {"profileIds": [profile]}}) for _ in range(8)),
    ]
    deleted, *made = await asyncio.gather(*asked)
    assert deleted["error"] is None
    again = await api.ask("security:deleteProfile", _id=profile, onAssignedUsers="remove", idempotencyKey=key)
    assert again["result"] == {"_id": profile}
    assert await api.refused("security:getProfile", _id=profile) == "security.profile.not_found"
    for answer in made:
        if answer["error"] is None:
            stored = await api.do("security:getUser", _id=answer["result"]["_id"])
            assert stored["_source"]["profileIds"] == ["anonymous"]
        else:
            assert answer["error"]["id"] in ("security.profile.closing", "security.profile.not_found")
