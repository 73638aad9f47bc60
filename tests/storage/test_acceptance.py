"""The acceptance table of the mappings against the real Elasticsearch: same documents taken, same values indexed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.storage.mappings import Mapping

SCALARS = ("keyword", "integer", "long", "float", "double", "date", "boolean")
FIELDS: dict[str, Any] = {type: {"type": type} for type in (*SCALARS, "text", "geo_point")}
FIELDS |= {
    "keyword": {"type": "keyword", "fields": {"text": {"type": "text"}}},
    "short": {"type": "keyword", "ignore_above": 4},
    "lenient": {"type": "integer", "ignore_malformed": True},
    "day": {"type": "date", "format": "yyyy/MM/dd"},
    "second": {"type": "date", "format": "epoch_second"},
    "zoned": {"type": "date", "format": "yyyy-MM-dd'T'HH:mm:ssXXX||yyyyMMdd HHmmssZ"},
    "object": {"properties": {"keyword": {"type": "keyword"}, "integer": {"type": "integer"}}},
    "loose": {"dynamic": "false", "properties": {"keyword": {"type": "keyword"}}},
    "nested": {"type": "nested", "properties": {"integer": {"type": "integer"}}},
    "opaque": {"type": "object", "enabled": False},
}
MAPPING = Mapping.compile({"dynamic": "strict", "properties": FIELDS})
DATE_FIELDS = ("date", "day", "second", "zoned")
COMPARED = (*SCALARS, "short", "lenient", "day", "second", "zoned", "object.keyword", "object.integer", "loose.keyword")
PRESENT = ("text", "keyword.text", "geo_point", "object", "loose", "nested")


class Reference:
    """An index of the real Elasticsearch with the same mapping, without our store before it."""

    def __init__(self, client: httpx.Client) -> None:
        self.name = f"acceptance-{uuid.uuid4().hex}"
        self._client = client
        created = client.put(f"/{self.name}", json={"mappings": MAPPING.to_dict()})
        assert created.status_code == 200, created.text

    def take(self, documents: list[dict[str, Any]]) -> list[str | None]:
        """Write the documents under their places; what was said against each."""
        lines = b"".join(
            orjson.dumps({"index": {"_id": str(place)}}) + b"\n" + orjson.dumps(document) + b"\n"
            for place, document in enumerate(documents)
        )
        answer = self._client.post(
            f"/{self.name}/_bulk?refresh=true", content=lines, headers={"content-type": "application/x-ndjson"}
        ).json()
        return [str(item["index"]["error"]) if item["index"]["status"] >= 400 else None for item in answer["items"]]

    def indexed(self) -> dict[int, dict[str, set[Any]]]:
        """The values that the index holds, by place and field."""
        fields = [{"field": f, "format": "epoch_millis"} if f in DATE_FIELDS else f for f in COMPARED]
        body = {"size": 1000, "docvalue_fields": fields, "_source": False}
        hits = self._client.post(f"/{self.name}/_search", json=body).json()["hits"]["hits"]
        return {int(hit["_id"]): {f: set(v) for f, v in hit.get("fields", {}).items()} for hit in hits}

    def having(self, field: str) -> set[int]:
        """The places of the documents in which `field` exists."""
        body = {"size": 1000, "query": {"exists": {"field": field}}, "_source": False}
        hits = self._client.post(f"/{self.name}/_search", json=body).json()["hits"]["hits"]
        return {int(hit["_id"]) for hit in hits}


@pytest.fixture(scope="module")
def client(elasticsearch_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=elasticsearch_url, timeout=60) as client:
        yield client


def compare(client: httpx.Client, documents: list[dict[str, Any]]) -> None:
    """Both take the same documents and index the same of them."""
    reference = Reference(client)
    try:
        theirs = reference.take(documents)
        ours = [refusal_of(document) for document in documents]
        verdicts = list(zip(documents, ours, theirs, strict=True))
        assert [verdict for verdict in verdicts if (verdict[1] is None) != (verdict[2] is None)] == []
        taken = {place for place, refusal in enumerate(ours) if refusal is None}
        indexed = reference.indexed()
        values = [(documents[p], values_of(documents[p]), comparable(indexed.get(p, {}))) for p in sorted(taken)]
        assert [(document, mine, other) for document, mine, other in values if mine != other] == []
        for field in PRESENT:
            present = {place for place in taken if is_present(documents[place], field)}
            assert [(field, documents[place]) for place in present ^ reference.having(field)] == []
    finally:
        client.delete(f"/{reference.name}")


def refusal_of(document: dict[str, Any]) -> str | None:
    try:
        MAPPING.check(document, "index", "collection")
    except ApiError as error:
        assert error.status == 400
        return error.message
    return None


def values_of(document: dict[str, Any]) -> dict[str, set[Any]]:
    values: dict[str, set[Any]] = {}
    for slot, value in MAPPING.index_values(document):
        path = MAPPING.slots[slot]
        if path in COMPARED:
            values.setdefault(path, set()).add(bool(value) if path == "boolean" else value)
    return values


def comparable(fields: dict[str, set[Any]]) -> dict[str, set[Any]]:
    """Dates come as text in milliseconds, floats as the shortest text of 32 bits."""
    dates = {
        f: {int(value) if value is not None else 2**63 - 1 for value in fields[f]} for f in DATE_FIELDS if f in fields
    }
    return fields | dates


def is_present(document: dict[str, Any], path: str) -> bool:
    slots = {leaf.slot for leaf in MAPPING.leaves(path)}
    return any(slot in slots for slot, _ in MAPPING.index_values(document))


NUMBERS: list[Any] = [
    0, -0.0, 5, 5.7, -5.7, 2 ** 31 - 1, 2 ** 31, -2 ** 31, -2 ** 31 - 1, 2147483647.5, 2 ** 53 + 1, 2 ** 63 - 1,
    -2 ** 63, 10000000000.0, 1e+19, 9.2e+18, 1e+38, 3.5e+38, 1e+300, 0.1, 1e-50,
]  # fmt: skip
TEXTS: list[Any] = [
    "", " ", "5", "5.7", " 5 ", "-5", "+5", "5.", ".5", "1e3", "1E-3", "0x10", "5d", "5f", "1_000", "five", "true",
    "false", "True", "TRUE", "yes", "1e400", "99999999999", "9223372036854775807", "9223372036854775808", "1e18",
    "12345678901234567890", "1e99999999999999999999", "1e-99999999999999999999",
]  # fmt: skip
DATES: list[Any] = [
    "2020", "2020-01", "2020-02-29", "2019-02-29", "2020-13-01", "2020-01-01T", "2020-01-01T10", "2020-01-01T10:11",
    "2020-01-01T10:11:12", "2020-01-01T10:11:12.1", "2020-01-01T10:11:12,123", "2020-01-01T10:11:12.123456789Z",
    "2020-01-01T10:11:12.1234567890Z", "2020-01-01T10:11:12Z", "2020-01-01T10:11:12+02:00",
    "2020-01-01T10:11:12+0200", "2020-01-01T10:11:12+02", "2020-01-01T10:11:12-18:00", "2020-01-01T10:11:12+19:00",
    "2020-01-01T24:00:00", "2020-01-01T23:59:60", "2020-01-01 10:11:12", "2020-1-1", "20200101", "0000-01-01",
    "1969-12-31T23:59:59.999Z", "-0001-01-01", "10000-01-01", "1577836800000", "-1", "-1.5", "1.5", "1.9999",
    "1577836800000.123", "2020-01T10", "2020-01-01T10Z", "2020-01-01Z", "2020-01-01T10:11:12z", "2020/01/01",
    "20200101 101112+0200", "20200101 101112+02:00", "20200101 101112Z",
    "2020/13/01", "12", "0", "99999999999999999999", 2020, 999, 10000, 0, -1, 1.5, -1.5, 1577836800.5, 1e+21,
    100000000000000.0, 1577836800000, 2 ** 53 + 1, 253402300800000, "now", "2020-01-01T00:00:00.000Z||+1d",
]  # fmt: skip
POINTS: list[Any] = [
    {"lat": 1, "lon": 2}, {"lat": "1", "lon": "2"}, {"lat": 91, "lon": 0}, {"lat": 0, "lon": 181}, {"lat": 1},
    {"lon": 1}, {}, {"lat": None, "lon": 1}, {"lat": 1, "lon": 2, "z": 3}, {"lat": 1, "lon": 2, "x": 3},
    {"lat": True, "lon": 2}, {"lat": "a", "lon": 2}, {"lat": "", "lon": 2}, {"type": "Point", "coordinates": [1, 2]},
    {"type": "point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": [1, 2]}, {"geohash": "u09"},
    {"geohash": "u0!"}, [1, 2], [1, 2, 3], [1], [1, 2, 3, 4], [200, 1], [1, 100], ["1", "2"], ["1,2"],
    [[1, 2], [3, 4]], [{"lat": 1, "lon": 2}, {"lat": 3, "lon": 4}], [[[1, 2]]], [], [None], [None, [1, 2]], "1,2",
    "1, 2", " 1,2 ", "1,2,3", "1,2,3,4", "91,0", "0,181", "u09tvw0f6szye", "u09", "ua", "a", "", "POINT (1 2)",
    "POINT(1 2)", "point (1 2)", "POINT (1 2 3)", "POINT (200 1)", "POLYGON ((1 2, 3 4, 1 2))", "abc def", 5, 1.5,
    True, [True, 1], [1, True], [1, None], [1, "2"], ["u09", "u09"], "1;2", ",", [1, "2", 3], [1, 2, "3"], ["1", 2],
    [["1", 2]], [[1, "2"]], [[1, "a"]], [1, "a"], [[1, 2], None], [[1, None]], [[1, 2, 3]],
    ["1,2", {"lat": 1, "lon": 2}], {"type": "Point"}, {"type": "Point", "coordinates": [1]},
    {"type": "Point", "coordinates": ["1", "2"]}, {"type": "Point", "coordinates": [1, 2, 3]},
]  # fmt: skip
SHAPES: list[Any] = [
    None, True, False, [], [[]], [None], {}, {"a": 1}, {"keyword": "x"}, [{"keyword": "x"}, {"keyword": ["y"]}],
    [[{"keyword": "x"}]], {"keyword": {"a": 1}}, {"unknown": 1}, {"unknown": None}, {"unknown": []},
    {"keyword": None}, {"integer": "x"}, {"integer": [1, ["2", [3]]]}, [1, {"keyword": "x"}], {"": 1}, {" ": 1},
    {"a.b": 1}, {"keyword.a": 1}, {".": 1}, {"a.": 1}, {".a": 1}, {"a..b": 1},
    [["a", ["b", 1]], "b", None, True, 2.5],
]  # fmt: skip
ROOTS: list[dict[str, Any]] = [
    {}, {"unknown": 1}, {"unknown": None}, {"unknown": {}}, {"object.keyword": "x"}, {"object.unknown": 1},
    {"loose.unknown": 1}, {"object.keyword.a": 1}, {"_id": "x"}, {"_source": {}},
    {"_kuzzle_info": {"author": "x", "createdAt": 1577836800000, "updater": None}}, {"_kuzzle_info": {"x": 1}},
    {"": 1}, {" ": 1}, {"keyword.text": "x"}, {"a.b": 1}, {".": 1}, {"loose": {"a": {"": 1}}},
    {"opaque": {"": 1, ".": [{}]}}, {"keyword": "x" * 32766}, {"keyword": "x" * 32767}, {"keyword": "é" * 16383},
    {"keyword": "é" * 16384}, {"text": "x " * 40000}, {"text": "x" * 40000},
]  # fmt: skip


@pytest.mark.parametrize("field", [name for name in FIELDS])
def test_every_known_value_in_every_field(client: httpx.Client, field: str) -> None:
    values = NUMBERS + TEXTS + DATES + POINTS + SHAPES
    compare(client, [{field: value} for value in values])


def test_root_members(client: httpx.Client) -> None:
    compare(client, ROOTS)


SCALAR_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.sampled_from(NUMBERS + TEXTS + DATES),
    st.datetimes().map(lambda moment: moment.isoformat()),
)
VALUES = st.recursive(
    st.one_of(SCALAR_VALUES, st.sampled_from(POINTS + SHAPES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["keyword", "integer", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)
DOCUMENTS = st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), VALUES, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=60))
def test_random_documents(client: httpx.Client, documents: list[dict[str, Any]]) -> None:
    compare(client, documents)
