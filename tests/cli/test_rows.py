"""Reading input files of every shape, and writing rows back."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from device_manager.cli.rows import ErrorsFile, InputFile, InvalidInput, Refusal, errors_path

COLUMNS = ("assetId", "deviceId")


def values(path: Path) -> list[tuple[str, str]]:
    with InputFile(path, COLUMNS) as source:
        return [(row.values["assetId"], row.values["deviceId"]) for row in source.rows()]


@pytest.mark.parametrize(
    "content",
    [
        b"assetId,deviceId\na1,d1\na2,d2\n",
        b"assetId, deviceId\r\na1, d1\r\na2, d2\r\n",
        b"\xef\xbb\xbfassetId;deviceId\na1;d1\na2;d2",
        b"deviceId\tassetId\nd1\ta1\n\nd2\ta2\n",
        b'"assetId","deviceId"\n"a1","d1"\n "a2" ,"d2"\n',
        b"note,assetId,deviceId,row,status,id,reason\nx,a1,d1,7,400,some.id,because\n,a2,d2,,,,\n",
    ],
    ids=["plain", "blanks and CRLF", "BOM and semicolon", "tab and blank line", "quotes", "an errors file"],
)
def test_it_reads_all_shapes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "links.csv"
    path.write_bytes(content)
    assert values(path) == [("a1", "d1"), ("a2", "d2")]


@pytest.mark.parametrize("content", [b"", b"assetId\nx\n", b"a,b\n1,2\n", b"\x00\xff\xfe"])
def test_it_refuses_a_file_without_the_columns(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "links.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="has to name the columns assetId, deviceId; missing"):
        values(path)


def test_it_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Cannot read"):
        values(tmp_path / "absent.csv")


def test_a_bad_row_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_bytes(b"assetId,deviceId\na1\na2,d2,more\n\xff,d3\na4,d4\n")
    with InputFile(path, COLUMNS) as source:
        problems = [row.problem for row in source.rows()]
    assert problems == [
        "The row has 1 values, the header has 2 columns.",
        "The row has 3 values, the header has 2 columns.",
        "The row is not UTF-8.",
        None,
    ]


def test_an_open_quote_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text('assetId,deviceId\na1,d1\n"a2,d2\na3,d3\n')
    with InputFile(path, COLUMNS) as source:
        first, second = source.rows()
    assert first.problem is None
    assert second.problem is not None
    assert second.problem.startswith("The CSV cannot be read from here on")


def test_the_errors_file_can_be_fed_in_again(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_bytes(b'note;assetId;deviceId\n"one; two";a1;d1\n\xff;a2;d2\n')
    with InputFile(path, COLUMNS) as source:
        rows = list(source.rows())
        with ErrorsFile(errors_path(path), source.columns, source.delimiter) as errors:
            errors.add(rows[0], Refusal(404, "services.storage.not_found", 'Document "a1" not found'))
            errors.add(rows[1], Refusal(None, None, "Not sent."))
    assert errors_path(path) == tmp_path / "links.errors.csv"
    assert errors_path(path).read_bytes() == (
        b"note;assetId;deviceId;row;status;id;reason\n"
        b'"one; two";a1;d1;1;404;services.storage.not_found;"Document ""a1"" not found"\n'
        b"\xff;a2;d2;2;;;Not sent.\n"
    )
    assert values(errors_path(path)) == [("a1", "d1"), ("a2", "d2")]


def test_without_errors_there_is_no_file_and_an_old_one_goes(tmp_path: Path) -> None:
    path = tmp_path / "links.errors.csv"
    path.write_text("from the last run")
    with ErrorsFile(path, COLUMNS, ","):
        pass
    assert not path.exists()


def test_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("assetId,deviceId\n" + "".join(f"asset-{n},device-{n}\n" for n in range(100_000)))
    tracemalloc.start()
    try:
        with InputFile(path, COLUMNS) as source:
            assert source.count_lines() == 100_000
            assert sum(1 for _ in source.rows()) == 100_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
