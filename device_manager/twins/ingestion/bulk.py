"""All the writes of one payload, as puts (transactions 2, B3 and B5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from device_manager.storage.contract import Document, Key, Put, PutKind
from device_manager.storage.stamps import INFO, Source, Stamp, changed, created
from device_manager.twins.ingestion.contexts import Run
from device_manager.twins.measures.last_measures import last_measure_puts
from device_manager.twins.places import MEASURES

Merge = Callable[[Source], Source]
"""What a document becomes; the very same source when nothing is to change."""


class Bulk:
    """What one write stores.

    Attributes:
        measures: measures with an engine, pushed ones first.
        last_measures: the records of their slots.
        provisioned: records of devices that nobody knew.
        merges: changes of documents that were read; who changed them meanwhile is merged with.
        archive: the payload.
    """

    def __init__(self, stamp: Stamp) -> None:
        self.measures: list[Put] = []
        self.last_measures: dict[Key, Put] = {}
        self.provisioned: list[Put] = []
        self.merges: list[tuple[Put, Merge]] = []
        self.archive: Put | None = None
        self._stamp = stamp
        self._info = created({}, stamp)[INFO]

    def add_run(self, run: Run) -> None:
        """Add the measures of a run that has an engine.

        Those that pipes pushed come first: where one of the sent ones is found, they have been written.
        """
        engine = run.engine
        if engine is None:
            raise ValueError("measures without an engine are kept with their device")
        sent = set(run.sent)
        last: list[Put] = []
        for id, measure in zip(run.ids, run.measures, strict=True):
            source = measure | {INFO: self._info}
            put = Put(PutKind.CREATE, Key(engine, MEASURES, id), source)
            (last if id in sent else self.measures).append(put)
            self._add_last(last_measure_puts(engine, id, source))
        self.measures += last

    def _add_last(self, puts: Iterable[Put]) -> None:
        """Keep the newest record of each slot."""
        for put in puts:
            known = self.last_measures.get(put.key)
            if known is None or put.version > known.version:
                self.last_measures[put.key] = put

    def add_merge(self, key: Key, document: Document, merge: Merge) -> None:
        """Change a document that was read, unless nothing would change."""
        put = merge_put(key, document, merge, self._stamp)
        if put is not None:
            self.merges.append((put, merge))

    def add_device(self, key: Key, record: Source) -> None:
        """Add the record of a device that nobody knows."""
        self.provisioned.append(Put(PutKind.CREATE, key, record))

    @property
    def puts(self) -> list[Put]:
        """All of them, in writing order; the archive is last."""
        merges = [put for put, _ in self.merges]
        archive = [] if self.archive is None else [self.archive]
        return [*self.measures, *self.last_measures.values(), *self.provisioned, *merges, *archive]


def merge_put(key: Key, document: Document, merge: Merge, stamp: Stamp) -> Put | None:
    """The put that changes a document as it was read, None when nothing is to change."""
    after = merge(document.source)
    if after is document.source:
        return None
    return Put(PutKind.REPLACE, key, changed(after, stamp), expected=document)
