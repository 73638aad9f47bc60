"""Puts made ready for a shared bulk: checked against id, version, mapping and marks, then encoded (design 6)."""

from __future__ import annotations

import orjson

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Put, PutKind
from device_manager.storage.elasticsearch.catalogue import Catalogue, Collection
from device_manager.storage.elasticsearch.documents import Stored, create_line, encode_unmarked, index_line
from device_manager.storage.put_checks import check_put


async def put_line(catalogue: Catalogue, put: Put) -> bytes:
    """The lines of a bulk that make `put`.

    Raises:
        ApiError: it is refused, or its collection cannot be looked up (503).
    """
    check_put(put)
    index, name, id = put.key
    collection = catalogue.get(index, name) or await catalogue.look_up(index, name)
    if put.kind is PutKind.REMOVE:
        return orjson.dumps({"delete": {"_index": collection.alias, "_id": id}}) + b"\n"
    try:
        _check(collection, put)
    except ApiError:
        if collection.is_fresh():
            raise
        collection = await catalogue.look_up(index, name)
        _check(collection, put)
    body = encode_unmarked(put.key, put.source)
    match put.kind:
        case PutKind.CREATE:
            return create_line(collection.alias, id, body)
        case PutKind.REPLACE:
            stored = read_state(put)
            return index_line(collection.alias, id, body, stored.seq_no, stored.primary_term)
    address: dict[str, str | int] = {"_index": collection.alias, "_id": id}
    if put.kind is PutKind.NEWEST:
        address |= {"version": put.version, "version_type": "external_gte"}
    return orjson.dumps({"index": address}) + b"\n" + body + b"\n"


def _check(collection: Collection, put: Put) -> None:
    if put.expected is None:
        collection.mapping.check(put.source, put.key.index, put.key.collection)
    else:
        collection.mapping.check_change(put.expected.source, put.source, put.key.index, put.key.collection)


def read_state(put: Put) -> Stored:
    """The document that a REPLACE expects, with its sequence number.

    Raises:
        ApiError: it was not read from the store, which is a fault of the caller.
    """
    token = None if put.expected is None else put.expected.token
    if not isinstance(token, Stored):
        raise api_error("services.storage.unexpected_error", f'document "{put.key.id}" was not read before a REPLACE')
    return token
