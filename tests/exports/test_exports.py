"""Exports over the wire: two steps, one download, every format, on both stores (device-manager 2.8)."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from websockets.sync.client import connect

DAY = 86_400_000
START = 1_772_323_200_000
DATES = [f"2026-03-0{day}T00:00:00.000Z" for day in range(1, 10)]

ASSET_COLUMNS = [
    *("Model", "Reference", "position", "position.accuracy"),
    *("temperatureExt", "temperatureInt", "lastMeasuredAt", "lastMeasuredAtISO"),
]
DEVICE_COLUMNS = [
    *("Model", "Reference", "inside", "note", "note.count", "note.writtenAt", "outside", "place.position"),
    *("place.accuracy", "shake.x", "shake.y", "shake.sure", "lastMeasuredAt", "lastMeasuredAtISO"),
]
DEVICE_COLUMNS[7] = "place"
MEASURE_COLUMNS = [
    *("Measure Id", "Measured At", "Measured At ISO", "Measure Type"),
    *("Device Id", "Device Model", "Asset Id", "Asset Model"),
]
POSITION = '{"lat":47.5,"lon":-122.25}'
OLDEST_FIRST = [{"measuredAt": "asc"}]
CRATE = "Crate-c 1"

Json = Callable[[bytes], list[dict[str, Any]]]


def test_assets_with_their_last_measures(place: Any) -> None:
    link = place.link(body={"sort": [{"reference": "desc"}]})
    assert link.startswith(f"/_/device-manager/{place.engine}/assets/_export/")
    answer = place.http.get(link)
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="assets.csv"'
    assert answer.text == (
        ",".join(ASSET_COLUMNS)
        + "\nCrate,c 3,,,,,,\nCrate,c 2,,,,,,\n"
        + f'Crate,c 1,"{{""lat"":47.5,""lon"":-122.25}}",3,11.25,20.5,{START + 2 * DAY},{DATES[2]}\n'
    )


def test_devices_with_their_last_measures(place: Any) -> None:
    rows = place.rows(place.link("devices:export", {"sort": [{"reference": "asc"}]}))
    remark = 'a "quoted", long\nremark'
    values = ["20.5", remark, "3", "2026-03-02", "11.25", POSITION, "3", "0.5", "-1", "1"]
    assert rows[:2] == [DEVICE_COLUMNS, ["Probe", "1", *values, str(START + 4 * DAY), DATES[4]]]
    assert rows[2:] == [["Probe", reference, *[""] * 12] for reference in ("2", "3")]


def test_twins_are_chosen_and_sorted(place: Any) -> None:
    def references(**options: Any) -> list[str]:
        return [row[1] for row in place.rows(place.link(**options))[1:]]

    heavy = {"query": {"range": {"metadata.weight": {"gt": 1}}}, "sort": [{"metadata.weight": "desc"}]}
    assert references(body=heavy) == ["c 3", "c 2"]
    assert references(body={"query": {"equals": {"reference": "c 2"}}}, lang="koncorde") == ["c 2"]
    assert sorted(references()) == ["c 1", "c 2", "c 3"]
    assert references(body={"query": {"term": {"model": "Nothing"}}}) == []
    link = place.do("device-manager/asset:export", engineId=None, index=place.other)["link"]
    assert [row[1] for row in place.rows(link)[1:]] == ["c 1"]


def test_measures_of_an_asset(place: Any) -> None:
    link = place.link("assets:exportMeasures", _id=CRATE)
    assert link.startswith(f"/_/device-manager/{place.engine}/assets/Crate-c%201/measures/_export/")
    answer = place.http.get(link)
    assert answer.headers["content-disposition"] == 'attachment; filename="asset-Crate-c 1.csv"'
    head, *rows = place.rows(place.link("assets:exportMeasures", _id=CRATE))
    assert answer.text.splitlines()[0] == ",".join(head)
    slots = ["temperatureExt.temperature", "temperatureInt.temperature", "position.position", "position.accuracy"]
    assert head == MEASURE_COLUMNS + slots
    context = ["Probe-1", "Probe", CRATE, "Crate"]
    assert [row[1:] for row in rows[:2]] == [
        [str(START + 2 * DAY), DATES[2], "position", *context, "", "", POSITION, "3"],
        [str(START + DAY), DATES[1], "temperature", *context, "11.25", "", "", ""],
    ]
    assert sorted(row[8:10] for row in rows[2:]) == [["", "20.5"], ["10", ""]]
    assert rows[2][0] < rows[3][0], "measures of one moment come in the order of their ids"
    assert len({row[0] for row in rows}) == 4


def test_measures_of_a_device(place: Any) -> None:
    link = place.link("devices:exportMeasures", {"sort": OLDEST_FIRST}, _id="Probe-1")
    answer = place.http.get(link)
    assert answer.headers["content-disposition"] == 'attachment; filename="device-Probe-1.csv"'
    head, *rows = place.rows(place.link("devices:exportMeasures", {"sort": OLDEST_FIRST}, _id="Probe-1"))
    slots = ["outside.temperature", "inside.temperature", "place.position", "place.accuracy"]
    slots += ["shake.acceleration.x", "shake.acceleration.y", "shake.sure"]
    assert head == [*MEASURE_COLUMNS, *slots, "note.remark", "note.count", "note.writtenAt"]
    assert len(rows) == 6
    assert sorted(row[8:10] for row in rows[:2]) == [["", "20.5"], ["10", ""]], "one column for each slot"
    assert rows[4][4:] == ["Probe-1", "Probe", "", "", "", "", "", "", "0.5", "-1", "1", "", "", ""]


def test_measures_are_chosen(place: Any) -> None:
    def days(body: Any = None, **options: Any) -> list[int]:
        rows = place.rows(
            place.link("devices:exportMeasures", body or {"sort": OLDEST_FIRST}, _id="Probe-1", **options)
        )
        return [(int(row[1]) - START) // DAY for row in rows[1:]]

    assert days() == [0, 0, 1, 2, 3, 4]
    assert days(startAt="2026-03-02", endAt="2026-03-04T00:00:00Z") == [1, 2, 3]
    assert days(type="temperature") == [0, 0, 1]
    assert days({"query": {"range": {"values.temperature": {"gte": 11}}}}) == [1, 0]
    assert days({"query": {"equals": {"values.sure": True}}}, lang="koncorde") == [3]


def test_each_line_is_one_chunk(place: Any) -> None:
    for action, lines in (("assets:export", 4), ("devices:exportMeasures", 7)):
        options = {"_id": "Probe-1"} if "Measures" in action else {}
        whole = place.raw(place.link(action, **options))
        assert (whole.status, whole.headers["transfer-encoding"]) == (200, "chunked")
        assert len(whole.chunks) == lines
        assert all(chunk.endswith(b"\n") for chunk in whole.chunks)
        pages = place.raw(place.link(action, **options) + "?chunk=page")
        assert pages.chunks == [b"".join(whole.chunks)]
        assert len(place.raw(place.link(action, format="jsonl", **options)).chunks) == lines - 1
    nothing = {"query": {"term": {"model": "Nothing"}}}
    assert [len(place.raw(place.link(body=nothing) + more).chunks) for more in ("", "?chunk=page")] == [1, 1]


def test_json_lines(place: Any, as_json: Json) -> None:
    link = place.link("devices:export", {"sort": [{"reference": "asc"}]}, format="jsonl")
    answer = place.http.get(link)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="devices.jsonl"'
    first, *others = as_json(answer.content)
    assert list(first) == DEVICE_COLUMNS
    assert first["place"] == {"lat": 47.5, "lon": -122.25}
    assert (first["shake.sure"], first["note.count"], first["lastMeasuredAt"]) == (True, 3, START + 4 * DAY)
    assert [set(other.values()) for other in others] == [{"Probe", "2", None}, {"Probe", "3", None}]
    nothing = {"query": {"term": {"model": "Nothing"}}}
    assert place.http.get(place.link(body=nothing, format="jsonl")).content == b""


def test_parquet(place: Any) -> None:
    link = place.link("devices:exportMeasures", {"sort": OLDEST_FIRST}, _id="Probe-1", format="parquet")
    answer = place.http.get(link)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"] == 'attachment; filename="device-Probe-1.parquet"'
    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    head, *rows = place.rows(place.link("devices:exportMeasures", {"sort": OLDEST_FIRST}, _id="Probe-1"))
    assert table.column_names == head
    assert {name: str(table.schema.field(name).type) for name in head[1:3] + head[-4:]} == {
        "Measured At": "int64",
        "Measured At ISO": "string",
        "shake.sure": "bool",
        "note.remark": "string",
        "note.count": "int64",
        "note.writtenAt": "timestamp[ms, tz=UTC]",
    }
    exported = table.to_pylist()
    assert [row["Measure Id"] for row in exported] == [row[0] for row in rows]
    assert exported[3]["place.position"] == POSITION
    assert (exported[4]["shake.sure"], exported[4]["shake.acceleration.y"]) == (True, -1.0)
    assert exported[5]["note.writtenAt"].isoformat() == "2026-03-02T00:00:00+00:00"
    nothing = {"query": {"term": {"model": "Nothing"}}}
    empty = pyarrow.parquet.read_table(io.BytesIO(place.http.get(place.link(body=nothing, format="parquet")).content))
    assert (empty.num_rows, empty.column_names) == (0, ASSET_COLUMNS)


ALL = [
    ("assets:export", {}),
    ("devices:export", {}),
    ("assets:exportMeasures", {"_id": CRATE}),
    ("devices:exportMeasures", {"_id": "Probe-1"}),
]


@pytest.mark.parametrize(("action", "options"), ALL, ids=[action for action, _ in ALL])
def test_a_link_works_once(place: Any, action: str, options: dict[str, Any]) -> None:
    link = place.link(action, **options)
    ticket = link.rpartition("/")[2]
    not_found = (404, f'Export "{ticket}" not found or expired.')
    for wrong in (
        link.replace(place.engine, place.other),
        link.replace("/assets/", "/x/").replace("/devices/", "/assets/").replace("/x/", "/devices/"),
        link.replace("Crate-c%201", "Crate-c%202").replace("Probe-1", "Probe-2") if "/measures/" in link else None,
        link.partition("/assets/")[0].partition("/devices/")[0] + "/assets/Probe-2/measures/_export/" + ticket,
    ):
        if wrong is not None:
            assert place.refusal(wrong) == not_found
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: httpx.get(place.server.url + link, timeout=60), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, *[404] * 5]
    assert place.refusal(link) == not_found
    unknown = link.replace(ticket, "00000000-0000-4000-8000-000000000000")
    assert place.refusal(unknown)[0] == 404


def test_what_is_wrong_shows_before_the_first_row(place: Any) -> None:
    wrong: list[dict[str, Any]] = [
        {"query": {"nonsense": {}}},
        {"sort": [{"metadata.nowhere": "asc"}]},
        {"sort": 5},
        {"query": {"range": {"metadata.weight": {"gt": "heavy"}}}},
    ]
    for body in wrong:
        assert place.refusal(place.link(body=body))[0] == 400
    link = place.link("devices:exportMeasures", {"query": {"nonsense": {}}}, _id="Probe-1", lang="koncorde")
    assert place.refusal(link)[0] == 400
    link = place.link()
    for more in ("?format=xlsx", "?chunk=byte"):
        assert place.refusal(link + more)[0] == 400
    assert len(place.rows(link)) == 4, "a wrong format does not use a link up"
    link = place.link() + "?format=jsonl"
    assert place.http.get(link).headers["content-type"] == "application/x-ndjson", "the link says the format"


def test_what_cannot_be_prepared(place: Any) -> None:
    def refused(action: str, body: Any = None, **args: Any) -> tuple[int, str]:
        error = place.ask(f"device-manager/{action}", body, **args)["error"]
        return error["status"], error["id"]

    for kind, id in (("assets", CRATE), ("devices", "Probe-1")):
        export, measures = f"{kind}:export", f"{kind}:exportMeasures"
        for action in (export, measures):
            assert refused(action, _id=id, engineId="nowhere") == (404, "services.storage.not_found")
            assert refused(action, _id=id, format="xlsx") == (400, "api.assert.invalid_argument")
            assert refused(action, {"query": 5}, _id=id) == (400, "api.assert.invalid_type")
            assert refused(action, _id=id, lang="sql") == (400, "api.assert.invalid_argument")
            assert refused(action, _id=id, engineId=None) == (400, "api.assert.missing_argument")
        assert refused(measures, _id="Crate-9") == (404, "services.storage.not_found")
        assert refused(measures, _id=id, startAt="soon") == (400, "api.assert.invalid_type")
        assert refused(measures, _id=id, endAt=5) == (400, "api.assert.invalid_type")
        assert refused(measures) == (400, "api.assert.missing_argument")


@pytest.fixture(scope="module")
def tokens(place: Any) -> dict[str, str]:
    """Users: one who may do everything in our engine, one in the other one, one who may only read twins."""
    places: dict[str, tuple[str, str | None]] = {
        "ours": ("admin", place.engine),
        "theirs": ("admin", place.other),
        "reader": ("reader", place.engine),
    }
    reading = {"device-manager/assets": {"actions": {"get": True, "search": True}}}
    place.do("security:createOrReplaceRole", {"controllers": reading}, engineId=None, _id="reader")
    tokens = {}
    for name, (role, index) in places.items():
        policy = {"roleId": role, "restrictedTo": [{"index": index}]}
        place.do("security:createOrReplaceProfile", {"policies": [policy]}, engineId=None, _id=name)
        user = {"content": {"profileIds": [name]}, "credentials": {"local": {"username": name, "password": "secret-1"}}}
        place.do("security:createUser", user, engineId=None, _id=name)
        login = {"username": name, "password": "secret-1"}
        tokens[name] = place.do("auth:login", login, engineId=None, strategy="local")["jwt"]
    return tokens


@pytest.mark.parametrize(("action", "options"), ALL, ids=[action for action, _ in ALL])
def test_links_of_users(place: Any, tokens: dict[str, str], action: str, options: dict[str, Any]) -> None:
    link = place.link(action, jwt=tokens["ours"], **options)
    path, _, token = link.partition("?jwt=")
    assert token.startswith("kauth-")

    def follow(path: str, user: str) -> httpx.Response:
        answer: httpx.Response = place.http.get(path, headers={"Authorization": f"Bearer {tokens[user]}"})
        return answer

    for stranger in ("theirs", "reader"):  # who downloads needs the right
        answer = follow(path, stranger)
        assert (answer.status_code, answer.json()["error"]["id"]) == (403, "security.rights.forbidden")
    theirs = follow(path.replace(place.engine, place.other), "theirs")
    assert (theirs.status_code, theirs.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    for wrong in ({"jwt": tokens["theirs"]}, {"jwt": tokens["reader"]}):
        envelope = place.ask(f"device-manager/{action}", **options, **wrong)
        assert envelope["error"]["id"] == "security.rights.forbidden"
    answer = place.http.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv")
    again = place.http.get(link)
    assert (again.status_code, again.json()["error"]["id"]) == (401, "security.token.invalid")
    path = place.link(action, jwt=tokens["ours"], **options).partition("?")[0]
    assert follow(path, "ours").status_code == 200, "whoever has the right can do without the token of the link"


@pytest.mark.usefixtures("tokens")
def test_links_of_browsers(place: Any) -> None:
    with httpx.Client(base_url=place.server.url, timeout=60) as browser:
        login = {"username": "ours", "password": "secret-1"}
        assert browser.post("/_login/local?cookieAuth", json=login).status_code == 200
        link = browser.post(f"/_/device-manager/{place.engine}/assets/_export").json()["result"]["link"]
        assert "?" not in link
        assert browser.get(link).text.count("\n") == 4
        assert browser.get(link.replace(place.engine, place.other)).status_code == 403


def test_the_token_of_a_link_is_good_for_nothing_else(place: Any, tokens: dict[str, str]) -> None:
    def token() -> tuple[str, str]:
        path, _, jwt = place.link(jwt=tokens["ours"]).partition("?jwt=")
        return path.rpartition("/")[2], jwt

    for action, args in (
        ("device-manager/assets:search", {}),
        ("device-manager/assets:export", {}),
        ("device-manager/devices:export", {}),
        ("auth:getCurrentUser", {"engineId": None}),
        ("auth:refreshToken", {"engineId": None}),
    ):
        ticket, jwt = token()
        envelope = place.ask(action, jwt=jwt, exportId=ticket, **args) if args else place.ask(action, jwt=jwt)
        assert (envelope["status"], envelope["error"]["id"]) == (401, "security.token.invalid")
    ticket, jwt = token()
    other, _ = token()
    path = f"/_/device-manager/{place.engine}/assets/_export/{other}"
    assert place.http.get(path, params={"jwt": jwt}).status_code == 401


def test_files_come_over_http_alone(place: Any) -> None:
    ticket = place.link().rpartition("/")[2]
    with connect(place.server.ws_url) as socket:
        message = {"controller": "device-manager/assets", "action": "export", "engineId": place.engine}
        socket.send(json.dumps(message | {"exportId": ticket, "requestId": "r"}))
        envelope = json.loads(socket.recv())
    assert envelope["error"]["id"] == "api.assert.unsupported_protocol"
    assert len(place.rows(f"/_/device-manager/{place.engine}/assets/_export/{ticket}")) == 4


def test_names_of_files(place: Any) -> None:
    body = {"model": "Crate", "reference": 'é"1'}
    made = place.do("device-manager/assets:create", body, engineId=place.other)
    link = place.link("assets:exportMeasures", _id=made["_id"], engineId=place.other)
    disposition = place.http.get(link).headers["content-disposition"]
    assert disposition == "attachment; filename=\"asset-Crate-__1.csv\"; filename*=UTF-8''asset-Crate-%C3%A9%221.csv"


def test_what_was_acknowledged_is_in_the_file(place: Any) -> None:
    for number in range(3):
        at = int(time.time() * 1000) - START + number
        place.measure((at, "outside", {"temperature": number}), device="Probe-3")
        rows = place.rows(place.link("devices:exportMeasures", _id="Probe-3"))
        assert len(rows) == number + 2
        assert float(rows[1][8]) == number


def test_several_servers_and_one_link(place: Any, start_server: Any, request: pytest.FixtureRequest) -> None:
    ports = [place.server.port] * 2
    if place.store == "elasticsearch":  # a directory has one server
        url = request.getfixturevalue("elasticsearch_url")
        ports[1] = start_server(store=f"elasticsearch:{url}").port
    for _ in range(3):
        link = place.link("devices:exportMeasures", _id="Probe-1")
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda port: place.raw(link, port=port), ports * 2))  # noqa: B023
        assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]
        assert max(len(answer.chunks) for answer in answers) == 7
