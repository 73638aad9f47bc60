"""The CSV of bulk calls: every dialect that clients send, every refusal, and linear time."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.twins.bulk.csv import CsvRecord, read_records

REQUIRED = ("assetId", "deviceId")


def read(text: str, limit: int = 100) -> list[CsvRecord]:
    return read_records(text, REQUIRED, limit=limit)


def pairs(text: str) -> list[tuple[str, str]]:
    records = read(text)
    assert [record.row for record in records] == list(range(1, len(records) + 1))
    assert all(record.error is None for record in records)
    return [(record.values["assetId"], record.values["deviceId"]) for record in records]


@pytest.mark.parametrize(
    "text",
    [
        "assetId,deviceId\na,b\nc,d",
        "assetId, deviceId\na, b\nc , d\n",
        "assetId;deviceId\na;b\nc; d",
        "assetId\tdeviceId\na\tb\nc\t d\n",
        "assetId,deviceId\r\na,b\r\nc,d\r\n",
        "assetId,deviceId\ra,b\rc,d",
        "\ufeffassetId,deviceId\na,b\nc,d",
        "\n  \n assetId , deviceId\n\na,b\n   \n\t\nc,d\n\n",
        '"assetId","deviceId"\n"a","b"\nc, "d" \n',
        "deviceId,assetId\nb,a\nd,c",
        "note,deviceId,x,assetId\n1,b,2,a\n3,d,4,c",
        "assetId,deviceId,\na,b,\nc,d,",
    ],
)
def test_dialects_read_the_same(text: str) -> None:
    assert pairs(text) == [("a", "b"), ("c", "d")]


def test_quoted_values_keep_blanks_delimiters_quotes_and_line_ends() -> None:
    text = 'assetId,deviceId\n" a ","x,""y""\r\nz"\n"",b\n'
    assert pairs(text) == [(" a ", 'x,"y"\nz'), ("", "b")]


def test_quotes_inside_an_unquoted_value_are_plain_text() -> None:
    assert pairs('assetId,deviceId\n5" pipe,b') == [('5" pipe', "b")]


def test_the_delimiter_is_the_one_that_explains_the_required_columns() -> None:
    assert pairs("assetId;deviceId;a,b,c,d\na;b;1,2,3") == [("a", "b")]


def test_unknown_columns_stay_and_unnamed_ones_go() -> None:
    (record,) = read("assetId,deviceId,measure slot,\na,b,c,d")
    assert record.values == {"assetId": "a", "deviceId": "b", "measure slot": "c"}


def test_ragged_rows_carry_an_error_and_keep_their_number() -> None:
    records = read('assetId,deviceId\na,b\nc\nd,e,f\n"g"h,i\nj,k')
    assert [record.row for record in records] == [1, 2, 3, 4, 5]
    assert [bool(record.error) for record in records] == [False, True, True, True, False]
    assert "1 values" in str(records[1].error)
    assert "2 columns" in str(records[1].error)
    assert "'h'" in str(records[3].error)
    assert records[1].values == {}


def test_a_header_alone_has_no_records() -> None:
    assert read("assetId,deviceId\n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        (" \n\t\n", "the text is empty"),
        ("assetId\na", 'missing: "deviceId"'),
        ("a,b\nc,d", 'missing: "assetId", "deviceId"'),
        ("assetId,deviceId,deviceId\na,b,c", 'named more than once: "deviceId"'),
        ('assetId,deviceId\na,"b\nc,d', "the quote in line 2 is never closed"),
        ('"assetId,deviceId\na,b', "the quote in line 1 is never closed"),
        ('"assetId"x,deviceId\na,b', "follows a closing quote"),
        ("assetId,deviceId" + ",x" * 200, "more than 100 columns"),
    ],
)
def test_refusals_name_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        read(text)
    assert refusal.value.id == "api.assert.invalid_argument"
    assert refusal.value.status == 400
    assert said in refusal.value.message
    assert "body.csv" in refusal.value.message


def test_too_many_rows_are_413() -> None:
    text = "assetId,deviceId\n" + "a,b\n\n" * 3
    assert len(read(text, limit=3)) == 3
    with pytest.raises(ApiError) as refusal:
        read(text, limit=2)
    assert refusal.value.status == 413


cell = st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=8)


@given(
    rows=st.lists(st.tuples(cell, cell), max_size=8),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_reads_back_what_the_standard_library_writes(
    rows: list[tuple[str, str]], delimiter: str, quoting: int, end: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([REQUIRED, *rows])
    assert pairs(file.getvalue()) == rows


@given(st.text(st.sampled_from('ab",; \t\n\r'), max_size=60))
def test_any_text_is_read_or_refused(rest: str) -> None:
    try:
        records = read("assetId,deviceId\n" + rest)
    except ApiError as refusal:
        assert refusal.status == 400
    else:
        assert all(record.error or set(record.values) == set(REQUIRED) for record in records)


def seconds(text: str) -> float:
    """CPU time of the best of three runs, refused or not."""
    times = []
    for _ in range(3):
        start = time.process_time()
        with contextlib.suppress(ApiError):
            read(text, limit=1_000_000)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize(
    "rows",
    [
        lambda count: "".join(f"airport-{n}, station-{n}\n" for n in range(count)),
        lambda count: "".join(f'"airport-{n}","station ""{n}"""\n' for n in range(count)),
        lambda count: "," * count * 10,
        lambda count: '"' + " " * count * 10 + '" x,b',
        lambda count: '"",' * count * 3,
        lambda count: " " * count * 10 + '"a","b',
    ],
    ids=["plain", "quoted", "one line of delimiters", "blanks", "one line of quotes", "unclosed"],
)
def test_time_is_linear(rows: Callable[[int], str]) -> None:
    few, many = (seconds("assetId,deviceId\n" + rows(count)) for count in (10_000, 40_000))
    assert few < 0.5
    assert many < 16 * max(few, 0.005)
