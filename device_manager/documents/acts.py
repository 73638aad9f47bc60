"""The native writes: what each does, which events surround it, what it answers (router-protocol 3.4, 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from device_manager.call import Call
from device_manager.documents import operations
from device_manager.documents.operations import Item, Marks, Operation, Outcome, marks_of
from device_manager.events.documents import Kind
from device_manager.storage.contract import Document
from device_manager.storage.stamps import INFO, Source, stamp_now

Show = Callable[[Outcome, Item, Marks, bool], Source]
"""The result from what happened, what was asked for, the marks, and whether the whole document is wanted."""


class Act(NamedTuple):
    """One native write of one document.

    Attributes:
        kind: which generic events surround it.
        operate: what it does.
        show: what it answers.
        injects: which marks the pipes of `injectMetadata` get.
        replaces: the author of the document is named as its updater too.
        is_quiet: no generic events surround it.
    """

    kind: Kind
    operate: Operation
    show: Show
    injects: Literal["whole", "change", "both"] | None = None
    replaces: bool = False
    is_quiet: bool = False

    def marks(self, call: Call) -> Marks:
        """The marks of a write at this moment."""
        return marks_of(stamp_now(call.user_id), replaces=self.replaces)


def shown(document: Document) -> Source:
    """A document as actions answer it: `{_id, _source, _version}`."""
    return {"_id": document.id, "_source": document.source, "_version": document.version}


def _whole(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    return shown(outcome.document)


def _whole_or_new(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    return shown(outcome.document) | {"created": outcome.created}


def _sent(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    """Of the source only what was sent and the marks, unless all of it is wanted."""
    if source:
        return shown(outcome.document)
    info = outcome.document.source[INFO]
    return shown(outcome.document) | {"_source": item.body | {INFO: {name: info[name] for name in marks.change}}}


def _version(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    document = outcome.document
    return shown(document) if source else {"_id": document.id, "_version": document.version}


def _version_or_new(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    return _version(outcome, item, marks, source) | {"created": outcome.created}


def _gone(outcome: Outcome, item: Item, marks: Marks, source: bool) -> Source:
    return shown(outcome.document) if source else {"_id": outcome.document.id}


CREATE = Act("Write", operations.create, _whole, injects="whole")
CREATE_OR_REPLACE = Act("Write", operations.create_or_replace, _whole_or_new, injects="whole", replaces=True)
REPLACE = Act("Write", operations.replace, _whole, injects="whole", replaces=True)
UPDATE = Act("Update", operations.update, _sent, injects="change")
UPSERT = Act("Update", operations.upsert, _version_or_new, injects="both", replaces=True)
DELETE_FIELDS = Act("Update", operations.delete_fields, _version)
DELETE = Act("Delete", operations.delete, _gone)
WRITE = Act("Write", operations.write, _whole, is_quiet=True)
