"""What travels between servers: what happened to a document, and what a room is about."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

Source = dict[str, Any]
Happening = Literal["create", "update", "replace", "delete", "publish"]


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened in a collection, with all that its notifications say.

    Attributes:
        index: where.
        collection: where.
        action: what happened.
        id: which document; None for a published message without one.
        before: the document before it; None when there was none or it is not known.
        after: the document after it, or the published message; None when there is none.
        version: of the document after it.
        version_before: of the document before it.
        controller: which controller was asked to do it; None when nobody asked.
        request_id: who asked; None when nobody did.
        volatile: what came with the request.
        protocol: how it came.
        timestamp: milliseconds since 1970.
        node: the server on which it happened.
    """

    index: str
    collection: str
    action: Happening
    id: str | None
    before: Source | None
    after: Source | None
    version: int | None
    version_before: int | None
    controller: str | None
    request_id: str | None
    volatile: Source | None
    protocol: str | None
    timestamp: int
    node: str


class NumberedEntry(NamedTuple):
    """An entry and its place in the log."""

    number: int
    entry: Entry


class RoomDescription(msgspec.Struct, frozen=True, array_like=True):
    """What another server needs to know of a room.

    Attributes:
        index: where it listens.
        collection: where it listens.
        filter: as it was asked for.
    """

    index: str
    collection: str
    filter: Any

    @property
    def place(self) -> tuple[str, str]:
        """Index and collection."""
        return self.index, self.collection


_encoder = msgspec.msgpack.Encoder()
_entry_decoder = msgspec.msgpack.Decoder(Entry)
_description_decoder = msgspec.msgpack.Decoder(RoomDescription)


def encode_entry(entry: Entry) -> bytes:
    """An entry as bytes."""
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> Entry:
    """The entry behind its bytes. Raises `msgspec.DecodeError` for those of a server of another version."""
    return _entry_decoder.decode(data)


def encode_description(description: RoomDescription) -> bytes:
    """A description as bytes."""
    return _encoder.encode(description)


def decode_description(data: bytes) -> RoomDescription:
    """The description behind its bytes. Raises `msgspec.DecodeError` for those of a server of another version."""
    return _description_decoder.decode(data)
