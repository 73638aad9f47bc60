"""Nothing that a tenant can name, guess or keep leads to another tenant: over the wire, with real ids of theirs.

The matrix in `tests/tenancy` puts the other engine into every argument of every action; here are the indirect ways.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

MARK = "nobodyelse"
FORBIDDEN = "security.rights.forbidden"
OURS = {"index": "ours", "collection": "stations"}
THEIRS = {"index": "theirs", "collection": "stations"}

LOOKUPS: dict[str, dict[str, Any]] = {
    "index as a field": {"query": {"term": {"_index": "theirs"}}},
    "index as a pattern": {"query": {"wildcard": {"_index": "*theirs*"}}},
    "terms of a document of theirs": {"query": {"terms": {"name": {"index": "theirs", "id": "s1", "path": "name"}}}},
    "terms by the store's name": {
        "query": {"terms": {"name": {"index": "@&theirs.stations", "id": "s1", "path": "name"}}}
    },
    "like a document of theirs": {
        "query": {"more_like_this": {"fields": ["name"], "like": [{"_index": "theirs", "_id": "s1"}]}}
    },
    "a shape of theirs": {
        "query": {"geo_shape": {"place": {"indexed_shape": {"index": "theirs", "id": "s1", "path": "place"}}}}
    },
    "a percolator": {"query": {"percolate": {"field": "q", "index": "theirs", "id": "s1"}}},
    "buckets of indices": {"aggs": {"a": {"terms": {"field": "_index"}}}},
    "a global aggregation": {"aggs": {"a": {"global": {}, "aggs": {"b": {"terms": {"field": "name"}}}}}},
    "hits of indices": {"aggs": {"a": {"top_hits": {"_source": True, "size": 100}}}},
    "index as a sort": {"sort": [{"_index": "asc"}]},
    "boosted indices": {"indices_boost": [{"theirs": 2}]},
    "an index in the body": {"index": "theirs", "query": {"match_all": {}}},
    "a point in time": {"pit": {"id": "x"}, "query": {"match_all": {}}},
    "a lookup of fields": {"runtime_mappings": {"a": {"type": "lookup", "target_index": "theirs"}}},
    "suggestions": {"suggest": {"a": {"text": MARK[:4], "term": {"field": "name"}}}},
}


def test_searches_stay_where_they_are(fortress: Any) -> None:
    for (name, body), action in itertools.product(LOOKUPS.items(), ("search", "count", "deleteByQuery")):
        message = {"controller": "document", "action": action, **OURS, "body": body, "dryRun": True}
        answer = fortress.ask("tenant", message)
        assert MARK not in json.dumps(answer), (name, action, answer)
        assert answer["status"] in (200, 400), (name, action, answer)
        if action == "search" and answer["status"] == 200:
            assert {hit["index"] for hit in answer["result"]["hits"]} <= {"ours"}


def test_targets_and_lists_of_names(fortress: Any) -> None:
    attempts: tuple[Any, ...] = (
        [{"index": "theirs", "collections": ["stations"]}],
        [{"index": "ours", "collections": ["stations"]}, {"index": "theirs", "collections": ["stations"]}],
        [{"index": "ours", "collections": ["stations", "../theirs.stations"]}],
        [{"index": "ours,theirs", "collections": ["stations"]}],
        [{"index": "*", "collections": ["*"]}],
        [{"index": "ours", "collections": ["*"]}],
        [{"index": "@&theirs.stations"}],
        [{}],
        [],
        {"index": "theirs"},
        "theirs",
    )
    for targets in attempts:
        message = {"controller": "document", "action": "search", "targets": targets, "body": {}}
        answer = fortress.ask("tenant", message)
        assert MARK not in json.dumps(answer), (targets, answer)
        assert answer["status"] in (400, 403, 412), (targets, answer)
    refused = fortress.refused("tenant", "document:search", **OURS, targets=[{"index": "theirs"}], body={})
    assert refused["status"] in (400, 403)


def test_lines_of_bulk_calls_name_no_place(fortress: Any) -> None:
    """Lines that name another index are refused, or stored in the collection of the call."""
    for name, index in itertools.product(
        ("_index", "index", "_collection"), ("theirs", "@&theirs.stations", "%kuzzle.users")
    ):
        line = {"_id": "evil", name: index, "_type": "stations"}
        for lines in (
            [{"index": line}, {"name": "evil"}],
            [{"create": line}, {"name": "evil"}],
            [{"delete": line | {"_id": "s11"}}],
            [{"update": line | {"_id": "s11"}}, {"doc": {"name": "evil"}}],
            [{"update": line | {"_id": "s11"}}, {"script": {"source": "ctx._source.name='evil'"}}],
        ):
            answer = fortress.ask(
                "tenant", {"controller": "bulk", "action": "import", **OURS, "body": {"bulkData": lines}}
            )
            assert answer["status"] in (200, 400), answer
            assert MARK not in json.dumps(answer)
    documents = [{"_id": "evil", "_index": "theirs", "index": "theirs", "body": {"name": "evil"}}]
    for action in ("bulk:mWrite", "document:mCreate", "document:mCreateOrReplace"):
        fortress.ask("tenant", {"controller": action.split(":")[0], "action": action.split(":")[1], **OURS,
                                "body": {"documents": documents}})  # fmt: skip
    assert fortress.do("root", "document:exists", **THEIRS, _id="evil") is False
    fixtures = {"theirs": {"stations": [{"index": {"_id": "evil"}}, {"name": "evil"}]}}
    for action in ("loadFixtures", "loadMappings"):
        assert fortress.refused("tenant", f"admin:{action}", body=fixtures)["id"] == FORBIDDEN


def test_scrolls_are_whose_they_are(fortress: Any) -> None:
    """A scroll that somebody else began is unknown, and goes on for who began it."""
    begun = fortress.do("stranger", "document:search", **THEIRS, body={}, size=2, scroll="30s")
    mine = fortress.do("tenant", "document:search", **OURS, body={}, size=2, scroll="30s")
    for user in ("tenant", None):
        refused = fortress.refused(user, "document:scroll", scrollId=begun["scrollId"], scroll="30s")
        assert refused["status"] in ((404,) if user else (401,))
    unknown = fortress.refused("tenant", "document:scroll", scrollId="x" * len(begun["scrollId"]), scroll="30s")
    assert unknown["id"] == "services.storage.unknown_scroll_id"
    for action in ("scrollUsers", "scrollProfiles"):
        assert fortress.refused("root", f"security:{action}", scrollId=mine["scrollId"], scroll="30s")["status"] == 404
    page = fortress.do("stranger", "document:scroll", scrollId=begun["scrollId"], scroll="30s")
    assert [hit["index"] for hit in page["hits"]] == ["theirs"] * 2


async def test_rooms_are_whose_they_are(fortress: Any) -> None:
    """A room of theirs can neither be joined, counted, listed nor left, and nothing of it is heard."""
    realtime = {"controller": "realtime"}
    theirs, ours = ({"jwt": fortress.tokens[user]} for user in ("stranger", "tenant"))
    async with fortress.line() as stranger, fortress.line() as tenant:
        subscribed = await stranger.ask(
            realtime | theirs | THEIRS | {"action": "subscribe", "body": {}, "users": "all"}
        )
        room, channel = subscribed["result"]["roomId"], subscribed["result"]["channel"]
        own = await tenant.ask(realtime | ours | OURS | {"action": "subscribe", "body": {}, "users": "all"})
        assert own["result"]["roomId"] != room
        for action, body, status in (
            ("join", {"roomId": room}, (403, 404)),
            ("join", {"roomId": channel}, (400, 403, 404)),
            ("unsubscribe", {"roomId": room}, (403, 404, 412)),
        ):
            answer = await tenant.ask(realtime | ours | {"action": action, "body": body})
            assert answer["status"] in status, (action, answer)
            named = await tenant.ask(realtime | ours | OURS | {"action": action, "body": body})
            assert named["status"] in status, (action, named)
        counted = await tenant.ask(realtime | ours | {"action": "count", "body": {"roomId": room}})
        assert counted["error"] is not None or counted["result"]["count"] == 0, counted
        listed = await tenant.ask(realtime | ours | {"action": "list"})
        assert listed["error"] is not None or "theirs" not in listed["result"], listed
        for action in ("subscribe", "publish"):
            for place in (
                THEIRS,
                {"index": "ours,theirs", "collection": "stations"},
                {"index": "*", "collection": "*"},
            ):
                answer = await tenant.ask(realtime | ours | place | {"action": action, "body": {}})
                assert answer["error"]["id"] == FORBIDDEN, (action, place, answer)
        anonymous = await tenant.ask(realtime | OURS | {"action": "subscribe", "body": {}})
        assert anonymous["status"] == 401
        update = {"controller": "document", "action": "update", **THEIRS, "_id": "s1", "dryRun": True, "body": {"n": 5}}
        await stranger.ask(update | theirs)
        await stranger.ask(realtime | theirs | THEIRS | {"action": "publish", "body": {"name": MARK}})
        await tenant.ask(realtime | ours | OURS | {"action": "publish", "body": {"name": "ours"}})
        async with asyncio.timeout(20):
            while not (stranger.notifications and any(said["type"] == "document" for said in tenant.notifications)):
                await asyncio.sleep(0.01)
        assert MARK in json.dumps(stranger.notifications)
        assert MARK not in json.dumps(tenant.notifications)


def test_export_links_work_once_and_for_their_file_alone(fortress: Any) -> None:
    def fresh_link() -> tuple[str, str]:
        link = fortress.do("stranger", "device-manager/devices:export", engineId="theirs", body={})["link"]
        path, _, query = link.partition("?")
        return path, query

    path, query = fresh_link()
    other, other_query = fresh_link()
    for attempt in (
        path,
        path.replace("/theirs/", "/ours/"),
        f"{path.replace('/theirs/', '/ours/')}?{query}",
        f"{path.replace('/devices/', '/assets/')}?{query}",
        f"{other}?{query}",
        f"/theirs/stations/s1?{query}",
        f"/_me?{query}",
        path[:-5] + "xxxxx" + f"?{query}",
    ):
        for user in (None, "tenant"):
            headers = {"authorization": f"Bearer {fortress.tokens[user]}"} if user and "?" not in attempt else {}
            response = fortress.http.get(attempt, headers=headers)
            assert response.status_code in (400, 401, 403, 404), (attempt, user, response.text)
            assert MARK not in response.text and "Thermometer" not in response.text
    first = fortress.http.get(f"{other}?{other_query}")
    assert (first.status_code, "Thermometer,theirs-1" in first.text) == (200, True), first.text
    again = fortress.http.get(f"{other}?{other_query}")
    assert again.status_code in (401, 404), again.text
    assert "Thermometer" not in again.text


def test_native_exports_stay_where_they_are(fortress: Any) -> None:
    headers = {"authorization": f"Bearer {fortress.tokens['tenant']}"}
    assert fortress.http.get("/ours/stations/_export", headers=headers).status_code == 200
    for path in ("/theirs/stations/_export", "/ours,theirs/stations/_export", "/%25kuzzle/users/_export"):
        response = fortress.http.get(path, headers=headers)
        assert response.status_code in (400, 403), response.text
        assert MARK not in response.text


def test_keys_tokens_and_accounts_of_others(fortress: Any) -> None:
    key = fortress.do("stranger", "auth:createApiKey", body={"description": MARK}, refresh="wait_for")
    assert fortress.refused("tenant", "auth:deleteApiKey", _id=key["_id"])["id"] == "services.storage.not_found"
    assert key["_id"] not in json.dumps(fortress.do("tenant", "auth:searchApiKeys", body={}))
    queries: tuple[dict[str, Any], ...] = (
        {"term": {"userId": "stranger"}},
        {"bool": {"should": [{"match_all": {}}]}},
        {"ids": {"values": [key["_id"]]}},
    )
    for body in queries:
        found = fortress.ask("tenant", {"controller": "auth", "action": "searchApiKeys", "body": body})
        assert MARK not in json.dumps(found)
    # an id that is taken is told, without whose it is
    taken = fortress.refused("tenant", "auth:createApiKey", _id=key["_id"], body={"description": "x"})
    assert taken["status"] == 400
    for action, arguments in (
        ("security:getUser", {"_id": "stranger"}),
        ("security:searchUsers", {"body": {}}),
        ("security:deleteApiKey", {"userId": "stranger", "_id": key["_id"]}),
        ("security:revokeTokens", {"_id": "stranger"}),
        ("security:updateCredentials", {"strategy": "local", "_id": "stranger", "body": {"password": "evil"}}),
    ):
        assert fortress.refused("tenant", action, **arguments)["id"] == FORBIDDEN, action
    fortress.do("stranger", "auth:deleteApiKey", _id=key["_id"])


def test_answers_to_retries_are_whose_they_are(fortress: Any) -> None:
    """The same idempotency key of somebody else is another key."""
    create = {"controller": "document", "action": "create", "idempotencyKey": "guessed", "_id": "retried"}
    made = fortress.ask("stranger", create | THEIRS | {"body": {"name": MARK}})
    assert made["status"] == 200, made
    for place, status in ((THEIRS, 403), (OURS, 200)):
        answer = fortress.ask("tenant", create | place | {"body": {"name": MARK[::-1]}})
        assert answer["status"] == status, answer
        assert MARK not in json.dumps(answer)
    for user, place in (("stranger", THEIRS), ("tenant", OURS)):
        fortress.do(user, "document:delete", **place, _id="retried")


def test_listings_show_our_own_alone(fortress: Any) -> None:
    for action, arguments in (
        ("index:list", {}),
        ("index:list", {"countCollection": True}),
        ("index:stats", {}),
        ("device-manager/engine:list", {}),
        ("device-manager/tasks:list", {}),
        ("server:metrics", {}),
        ("server:getLastStats", {}),
        ("collection:searchSpecifications", {"body": {}}),
    ):
        controller, _, name = action.rpartition(":")
        answer = fortress.ask("tenant", {"controller": controller, "action": name, **arguments})
        assert '"theirs"' not in json.dumps(answer), (action, answer)
        assert answer["status"] in (200, 403), (action, answer)
    fortress.ask(
        "tenant", {"controller": "index", "action": "mDelete", "body": {"indexes": ["theirs", "device-manager"]}}
    )
    assert fortress.do("root", "index:exists", index="theirs") is True


def test_ones_own_account_is_nobody_elses(fortress: Any) -> None:
    """Whoever is named beside the token counts for nothing, or is refused."""
    named = {"_id": "stranger", "userId": "stranger", "kuid": "stranger", "jwt": fortress.tokens["tenant"]}
    local = named | {"strategy": "local"}
    assert fortress.do(None, "auth:getCurrentUser", **named)["_id"] == "tenant"
    assert fortress.do(None, "auth:getMyRights", **named) == fortress.do("tenant", "auth:getMyRights")
    assert fortress.do(None, "auth:getMyCredentials", **local) == {"username": "tenant", "kuid": "tenant"}
    updated = fortress.do(None, "auth:updateSelf", **named, body={"kuid": "stranger"}, dryRun=True)
    assert updated["_id"] == "tenant"
    for body in ({"_id": "stranger"}, {"profileIds": ["admin"]}):
        assert fortress.refused(None, "auth:updateSelf", **named, body=body)["id"] == "api.assert.forbidden_argument"
    made = fortress.do(None, "auth:createApiKey", **named | {"_id": "new"}, body={"description": "x"}, dryRun=True)
    assert made["_source"]["userId"] == "tenant"
    for body, refused in (
        ({"password": "evil", "kuid": "stranger"}, "rejected"),
        ({"username": "stranger"}, "username_taken"),
    ):
        for action in ("updateMyCredentials", "validateMyCredentials"):
            assert (
                fortress.refused(None, f"auth:{action}", **local, body=body)["id"] == f"security.credentials.{refused}"
            )
    asked = {"controller": "document", "action": "get", **THEIRS, "userId": "root", "jwt": fortress.tokens["root"]}
    assert fortress.do(None, "auth:checkRights", **named, body=asked) == {"allowed": False}
