"""Reads what a large transaction asks for first, while others are decided and written (design 6).

In a row of large transactions one is written, the next one decided and the third one read at the same time; by itself
a round reads only after the decision before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from device_manager.storage.contract import Decide, Document, Key
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.reads import GoneAlias, Reader
from device_manager.storage.elasticsearch.state import MissingDocuments, RoundState, Signal
from device_manager.storage.elasticsearch.view import View


async def read_ahead(decide: Decide[Any], catalogue: Catalogue, reader: Reader) -> Mapping[Key, Document]:
    """The documents that exist among the first ones that `decide` asks for, as a round takes them over.

    Whatever else it meets is left to the round: nothing is decided here.

    Raises:
        NoAnswer: the cluster does not answer.
    """
    view = View(RoundState("", catalogue), must_read=True)
    try:
        await asyncio.to_thread(decide, view)
    except MissingDocuments as signal:
        wanted = {key: (alias_name(key.index, key.collection), key.id) for key in signal.keys}
    except (Signal, Exception):
        return {}
    else:
        return {}
    try:
        found = await reader.read(wanted.values())
    except GoneAlias:
        return {}
    return {
        key: stored.document()
        for key, address in wanted.items()
        if (stored := found.get(address)) is not None and not stored.is_tombstone
    }
