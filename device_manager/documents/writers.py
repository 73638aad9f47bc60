"""How a document gets into its collection: directly, or by the rules of whoever owns the collection (design 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from device_manager.call import Call
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.storage.stamps import Source, Stamp


class Writer(Protocol):
    """Writes documents of one collection inside a transaction.

    Each method does all that belongs to the write, or raises and leaves the transaction as it was.
    """

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """What writing `keys` is going to read beside them, as far as it can be told, so that it is read at once."""

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """What deleting the documents `stored` is going to read beside them."""

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """Add a document; without an id it gets one. Raises what `Transaction.create` raises and the owner refuses."""

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """Give the stored document `before` a new content. Raises what the mapping and the owner refuse."""

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """Remove the stored document `before`. Raises what the owner refuses."""


class Owner(Protocol):
    """Has rules for the documents of some collections."""

    def writer(self, index: str, collection: str, call: Call, *, force: bool) -> Writer | None:
        """Who writes the documents of a collection; None when there are no rules for it.

        Args:
            index: where.
            collection: where.
            call: the caller.
            force: the caller wants documents stored as they are, whatever becomes of the rules.
        """

    def check_removal(self, index: str, collection: str | None, *, force: bool) -> None:
        """Refuse that a collection is emptied or removed, or with None the whole index.

        Raises:
            ApiError: what the owner refuses.
        """


class NoOwner:
    """Has no rules: every collection is free."""

    def writer(self, index: str, collection: str, call: Call, *, force: bool) -> None:
        """See `Owner.writer`."""

    def check_removal(self, index: str, collection: str | None, *, force: bool) -> None:
        """See `Owner.check_removal`."""


class DirectWriter:
    """Writes documents as they are."""

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `Writer.related`."""
        return ()

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `Writer.partners`."""
        return ()

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `Writer.create`."""
        return tx.create(index, collection, source, id)

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `Writer.replace`."""
        return tx.replace(key, source)

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `Writer.delete`."""
        tx.delete(key)


DIRECT = DirectWriter()
