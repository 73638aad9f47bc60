"""Documents as the cluster holds them, and the lines of a bulk that write them."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key
from device_manager.storage.elasticsearch.protocol import MARK, TOMBSTONE
from device_manager.storage.sources import encode


class Stored(msgspec.Struct, frozen=True):
    """A document as read: content without marks, who wrote it, and what a conditional write needs.

    A tombstone is a document whose delete has not been cleaned up yet.
    """

    id: str
    source: dict[str, Any]
    mark: str | None
    is_tombstone: bool
    seq_no: int
    primary_term: int
    version: int

    def raw(self) -> dict[str, Any]:
        """The content with the marks."""
        marks: dict[str, Any] = {MARK: self.mark} if self.mark is not None else {}
        return self.source | marks | ({TOMBSTONE: True} if self.is_tombstone else {})

    def document(self) -> Document:
        """What callers of the store get."""
        return Document(self.id, self.source, self.version, self)


def parse_stored(item: dict[str, Any]) -> Stored | None:
    """The document of one item of `_mget`, or of a hit with sequence numbers; None when there is none."""
    if not item.get("found", True):
        return None
    source = item["_source"]
    mark = source.pop(MARK, None)
    is_tombstone = source.pop(TOMBSTONE, False) is True
    return Stored(item["_id"], source, mark, is_tombstone, item["_seq_no"], item["_primary_term"], item["_version"])


def index_line(alias: str, id: str, body: bytes, seq_no: int, primary_term: int) -> bytes:
    """Replace a document on condition that it is as it was."""
    address = {"_index": alias, "_id": id, "if_seq_no": seq_no, "if_primary_term": primary_term}
    return orjson.dumps({"index": address}) + b"\n" + body + b"\n"


def create_line(alias: str, id: str, body: bytes) -> bytes:
    """Write a document on condition that there is none."""
    return orjson.dumps({"create": {"_index": alias, "_id": id}}) + b"\n" + body + b"\n"


def delete_line(alias: str, id: str, seq_no: int, primary_term: int) -> bytes:
    """Remove a document on condition that it is as it was."""
    address = {"_index": alias, "_id": id, "if_seq_no": seq_no, "if_primary_term": primary_term}
    return orjson.dumps({"delete": address}) + b"\n"


def encode_unmarked(key: Key, source: dict[str, Any]) -> bytes:
    """A source as the body of a document.

    Raises:
        ApiError: it uses the name of a mark, or holds what JSON has no form for.
    """
    for name in (MARK, TOMBSTONE):
        if name in source:
            raise api_error("services.storage.strict_mapping_rejection", name, key.index, key.collection)
    return encode(source)


def marked(body: bytes, mark: str) -> bytes:
    """The encoded object `body` with the mark added."""
    start = b'{"' + MARK.encode() + b'":' + orjson.dumps(mark)
    return start + (b"," + body[1:] if body != b"{}" else b"}")


def tombstone(mark: str) -> bytes:
    """The content of a deleted document."""
    return orjson.dumps({MARK: mark, TOMBSTONE: True})
