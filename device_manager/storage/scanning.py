"""From the rows that a scan reads to the pages that it gives: their size, and the order of equal documents."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable
from typing import NamedTuple

from device_manager.query.tree import Scalar
from device_manager.storage.contract import Document

MOST_EQUAL = 10_000
"""Documents with the same sort values that are held back to put them into the order of their ids."""


class Scanned(NamedTuple):
    """A document and the values that it was sorted by; none when the scan does not sort."""

    document: Document
    order: tuple[Scalar, ...] = ()


def read_size(page: int, reads: int) -> int:
    """How many rows the next read of a scan asks for, `reads` having been made.

    The first one asks for one more than a page: so `n` rows cost `ceil(n / page)` reads, also where `n` is a multiple.
    """
    return page if reads else page + 1


async def pages_of(
    batches: AsyncGenerator[list[Scanned], None], page: int, *, is_sorted: bool
) -> AsyncGenerator[list[Document], None]:
    """The documents of `batches` in pages of `page`, equal ones by id; closes `batches` when it is closed."""
    ready: list[Document] = []
    equal: list[Scanned] = []
    async with contextlib.aclosing(batches):
        async for batch in batches:
            if is_sorted:
                ready += _decided(batch, equal)
            else:
                ready += [scanned.document for scanned in batch]
            while len(ready) >= page:
                yield ready[:page]
                del ready[:page]
        ready += _by_id(equal)
        for start in range(0, len(ready), page):
            yield ready[start : start + page]


def _decided(batch: Iterable[Scanned], equal: list[Scanned]) -> list[Document]:
    """The documents whose place is known, those in `equal` included, where the last ones of the batch stay."""
    decided: list[Document] = []
    for scanned in batch:
        if equal and (equal[-1].order != scanned.order or len(equal) >= MOST_EQUAL):
            decided += _by_id(equal)
            equal.clear()
        equal.append(scanned)
    return decided


def _by_id(equal: Iterable[Scanned]) -> list[Document]:
    return sorted((scanned.document for scanned in equal), key=lambda document: document.id)
