"""Why a document could not be created: one is there, or only what a deletion has left (transactions 1, step 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from device_manager.storage.elasticsearch.documents import create_line, index_line
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.put_call import Item
from device_manager.storage.elasticsearch.reads import Reader
from device_manager.storage.elasticsearch.settlement import Settlement


class Seen(NamedTuple):
    """What one look has found out.

    Attributes:
        existing: creations of documents that exist.
        free: creations to send again: there is no document, or a tombstone that they may replace.
        undecided: creations of documents whose last write is not decided.
        flushes: the flushes that decide those.
    """

    existing: list[Item]
    free: list[Item]
    undecided: list[Item]
    flushes: set[str]


async def look(reader: Reader, settlement: Settlement, items: Sequence[Item]) -> Seen:
    """Read the documents that stood in the way of `items` once, all in one request.

    Raises:
        NoAnswer: the cluster does not answer.
        GoneAlias: a collection is gone.
    """
    addresses = [(alias_name(item.put.key.index, item.put.key.collection), item.put.key.id) for item in items]
    found = await reader.read(addresses)
    open_marks = await settlement.undecided(stored.mark for stored in found.values())
    seen = Seen([], [], [], set())
    for item, (alias, id) in zip(items, addresses, strict=True):
        stored = found.get((alias, id))
        body = item.line[item.line.index(b"\n") + 1 : -1]
        if stored is None:
            seen.free.append(item._replace(line=create_line(alias, id, body)))
        elif stored.mark in open_marks:
            seen.undecided.append(item)
            seen.flushes.add(open_marks[stored.mark])
        elif stored.is_tombstone:
            line = index_line(alias, id, body, stored.seq_no, stored.primary_term)
            seen.free.append(item._replace(line=line))
        else:
            seen.existing.append(item)
    return seen
