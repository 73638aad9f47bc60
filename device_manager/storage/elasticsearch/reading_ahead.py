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


async def read_ahead(decide: Decide[Any], catalogue: Catalogue, reader: Reader) -> Mapping[Key, Document | None]:
    """What there is, tombstones included, or None, for the documents that `decide` asks for first, as `Job.known`.

    Whatever else it meets is left to the round: nothing is decided here.

    Raises:
        NoAnswer: the cluster does not answer.
    """
    addresses = {key: (alias_name(key.index, key.collection), key.id) for key in await _asked_first(decide, catalogue)}
    try:
        found = await reader.read(addresses.values())
    except GoneAlias:
        return {}
    read = {key: found.get(address) for key, address in addresses.items()}
    return {key: None if stored is None else stored.document() for key, stored in read.items()}


async def _asked_first(decide: Decide[Any], catalogue: Catalogue) -> list[Key]:
    try:
        await asyncio.to_thread(decide, View(RoundState("", catalogue), must_read=True))
    except MissingDocuments as signal:
        return signal.keys
    except (Signal, Exception):
        return []
    return []
