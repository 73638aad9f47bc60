"""Writes that stand alone, decided all at once on top of what is stored and pending (transactions 2, B3 and B5)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Put, PutKind, PutResult
from device_manager.storage.put_checks import check_put
from device_manager.storage.sqlite.transaction import SqliteTransaction

LARGE = 500
"""Puts of one call beyond which they are decided beside the event loop."""

Result = PutResult | ApiError


def decide_puts(transaction: SqliteTransaction, puts: Sequence[Put], whole: int, *, assumes: bool) -> list[Result]:
    """What becomes of each of `puts`, made through `transaction`: one that is refused leaves the others alone.

    Args:
        transaction: not used for anything yet.
        puts: what is asked for.
        whole: see `Store.put`.
        assumes: take it, without looking, that no document stands in the way of a CREATE. If one does, the commit finds
            that out and all is decided again.

    Raises:
        ApiError: what refuses one of the first `whole` puts; the transaction is of no use then.
    """
    refused: dict[int, ApiError] = {}
    for place, put in enumerate(puts):
        try:
            check_put(put)
            transaction.check_collection(put.key)
        except ApiError as error:
            refused[place] = error
    accepted = [put for place, put in enumerate(puts) if place not in refused]
    if assumes:
        transaction.assume_absent(put.key for put in accepted if put.kind is PutKind.CREATE)
    transaction.prepare(put.key for put in accepted)
    results = [refused.get(place) or _decide(transaction, put) for place, put in enumerate(puts)]
    for result in results[:whole]:
        if isinstance(result, ApiError):
            raise result
    return results


def _decide(transaction: SqliteTransaction, put: Put) -> Result:
    present = transaction.present(put.key)
    version: int | None = None
    match put.kind:
        case PutKind.CREATE:
            if present is not None:
                return PutResult.EXISTS
        case PutKind.NEWEST:
            if present is not None and present.version > put.version:
                return PutResult.OLDER
            version = put.version
        case PutKind.REPLACE:
            if present is None or not _is_same(present, put.expected):
                return PutResult.STALE
        case PutKind.REMOVE:
            if present is not None:
                transaction.delete(put.key)
            return PutResult.WRITTEN
    try:
        transaction.write(put.key, put.source, version)
    except ApiError as error:
        return error
    return PutResult.WRITTEN


def _is_same(present: Document, expected: Document | None) -> bool:
    """Whether both are the same state of the same row, by whatever way they were read."""
    return expected is not None and SqliteTransaction.state_of(present) == SqliteTransaction.state_of(expected)
