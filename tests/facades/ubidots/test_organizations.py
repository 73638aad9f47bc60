"""Organizations: an engine is one, and all of its devices belong to it (facades 4.3, 4.4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
ORGANIZATIONS, DEVICES = "/api/v2.0/organizations/", "/api/v2.0/devices/"


async def test_the_organization_of_an_engine(shared: Any) -> None:
    page = await shared.json("GET", ORGANIZATIONS, 200)
    assert {**page, "results": []} == {"count": 1, "next": None, "previous": None, "results": []}
    [row] = page["results"]
    url = f"{shared.url}{ORGANIZATIONS}{row['id']}/"
    assert row == {
        "url": url,
        "id": row["id"],
        "label": shared.engine,
        "name": shared.engine,
        "devices": f"{url}devices/",
    }
    for key in (row["id"], f"~{shared.engine}"):
        assert await shared.json("GET", f"{ORGANIZATIONS}{key}", 200) == row
    assert await shared.json("GET", f"{ORGANIZATIONS}{row['id']}/?fields=id,what", 200) == {"id": row["id"]}
    for query, count in {
        "label=other": 0,
        f"id__in={row['id']},x": 1,
        f"search={shared.engine[:7].upper()}": 1,
        "page_size=1&sort_by=-name&fields=label": 1,
    }.items():
        assert (await shared.json("GET", f"{ORGANIZATIONS}?{query}", 200))["count"] == count
    assert list((await shared.json("GET", f"{ORGANIZATIONS}?tags__contains=a", 400))["detail"]) == ["tags__contains"]
    for key in ("0" * 24, "~other", shared.engine, "_"):
        for path in (f"{ORGANIZATIONS}{key}/", f"{ORGANIZATIONS}{key}/devices/"):
            assert (await shared.json("GET", path, 404))["code"] == 404001
    assert (await shared.json("GET", f"{ORGANIZATIONS}?page=2", 404))["code"] == 404001
    for verb, path in (("POST", ORGANIZATIONS), ("DELETE", url), ("POST", f"{url}devices/")):
        assert (await shared.json(verb, path, 405, {}))["code"] == 405001


async def test_devices_of_the_organization(shared: Any, make_client: Any) -> None:
    """Their list is the one of devices, and each says that it belongs there."""
    made = [await shared.add(label, tags=["t"]) for label in ("b", "c", "a")]
    organization = (await shared.json("GET", ORGANIZATIONS, 200))["results"][0]
    shown = {name: organization[name] for name in ("id", "label", "name", "url")}
    for path in (f"{ORGANIZATIONS}{shown['id']}/devices/", f"{ORGANIZATIONS}~{shared.engine}/devices"):
        page = await shared.json("GET", path, 200)
        assert page == await shared.json("GET", DEVICES, 200)
        assert [row["organization"] for row in page["results"]] == [shown] * 3
    assert [row["organization"] for row in made] == [shown] * 3
    query = "label__in!=c&sort_by=-label&fields=label,organization&page_size=1"
    page = await shared.json("GET", f"{ORGANIZATIONS}~{shared.engine}/devices/?{query}", 200)
    assert (page["count"], page["results"]) == (2, [{"label": "b", "organization": shown}])
    assert page["next"] == f"{shared.url}{ORGANIZATIONS}~{shared.engine}/devices/?" + (
        "label__in%21=c&sort_by=-label&fields=label%2Corganization&page_size=1&page=2"
    )
    page = await shared.json("GET", page["next"], 200)
    assert [row["label"] for row in page["results"]] == ["a"]
    other = await make_client(f"{shared.engine}-b")
    assert (await other.json("GET", f"{ORGANIZATIONS}{shown['id']}/", 404))["code"] == 404001
    [foreign] = (await other.json("GET", ORGANIZATIONS, 200))["results"]
    assert foreign["id"] != shown["id"]

    # Naming it changes nothing; there is no other one to name.
    own: list[Any] = [None, "", shown["id"], f"~{shown['label']}", shown, {"id": shown["id"]}, organization]
    for value in own:
        assert await shared.json("PATCH", f"{DEVICES}~a", 200, {"organization": value}) == made[2]
    written = {name: made[2][name] for name in ("label", "name", "tags", "organization")}
    assert await shared.json("PUT", f"{DEVICES}~a", 200, written) == made[2]
    wrong: list[Any] = [foreign["id"], f"~{foreign['label']}", foreign, {"id": 5}, {"name": "x"}, {}, 5, True]
    for value in wrong:
        for verb, path in (("PATCH", f"{DEVICES}~a"), ("POST", DEVICES)):
            refused = await shared.json(verb, path, 400, {"label": "a", "organization": value})
            assert (refused["code"], list(refused["detail"])) == (400001, ["organization"])
            assert shared.engine in refused["detail"]["organization"][0]
    bulk = {"X-Bulk-Operation": "True"}
    items = [{"label": "d", "organization": value} for value in (None, foreign["id"])]
    refused = await shared.json("POST", f"{DEVICES}_/bulk/create/", 400, items, **bulk)
    assert {place: list(wrong) for place, wrong in refused["detail"].items()} == {"1": ["organization"]}
    body = {"device": {"label": "d", "organization": shown["id"]}, "variables": []}
    provisioned = await shared.json("POST", f"{DEVICES}_/provision/", 201, body)
    assert provisioned["device"]["organization"] == shown
