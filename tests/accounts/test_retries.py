"""Deletions that are sent again after a crash repeat nothing (design 9)."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from device_manager.errors import api_error
from device_manager.security.documents import user_key
from device_manager.security.findings import decide_on_findings
from device_manager.security.memory import GENERATION, raise_generation
from device_manager.storage.contract import Transaction
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
    assert deleted["error"] is None or deleted["error"]["id"] == "services.storage.too_many_changes"
    again = await api.ask("security:deleteProfile", _id=profile, onAssignedUsers="remove", idempotencyKey=key)
    assert again["result"] == {"_id": profile}
    assert await api.refused("security:getProfile", _id=profile) == "security.profile.not_found"
    for answer in made:
        if answer["error"] is None:
            stored = await api.do("security:getUser", _id=answer["result"]["_id"])
            assert stored["_source"]["profileIds"] == ["anonymous"]


async def test_a_decision_is_made_on_the_state_that_was_searched(api: Any) -> None:
    store = api.application.store
    searches = 0

    async def find() -> int:
        nonlocal searches
        searches += 1
        if searches == 1:
            await store.transact(raise_generation)
        return searches

    def decide(tx: Transaction, found: int) -> int:
        raise_generation(tx)
        return found

    assert await decide_on_findings(store, GENERATION, find, decide) == 2


async def test_nothing_is_kept_of_whom_a_decision_was_about(api: Any) -> None:
    async def find() -> None:
        """Finds nothing."""

    def locks() -> int:
        gc.collect()
        return sum(isinstance(one, asyncio.Lock) for one in gc.get_objects())

    before = locks()
    for number in range(50):
        await decide_on_findings(api.application.store, user_key(f"nobody-{number}"), find, lambda tx, found: None)
    assert locks() < before + 50
