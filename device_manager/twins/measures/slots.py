"""Which slots the twins of a model have records of, so that all of them are found by reading ids (transactions 2).

Most are the slots of the model, which is in memory. Others come from computed measures and native writes, or belonged
to the model once: a document for each model of an engine lists them. It is written before the first measure of such a
slot is stored, and read together with the records, so that a process whose memory of it is old notices that at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.stamps import Source
from device_manager.storage.steps import unrecorded
from device_manager.twins.measures.last_measures import Slot, TwinKind, composed_id, records_collection, slots_of
from device_manager.twins.models import Models

NO_SLOTS: frozenset[str] = frozenset()


class SlotList(NamedTuple):
    """The list of the slots of one model's twins in one engine.

    Attributes:
        engine: the engine.
        twin: the kind of the model.
        model: its name.
    """

    engine: str
    twin: TwinKind
    model: str

    @property
    def key(self) -> Key:
        """Its document, which exists when there are slots that the model does not have."""
        return Key(INTERNAL_INDEX, records_collection(self.engine), composed_id("slots", self.twin, self.model))

    def source(self, slots: Iterable[str]) -> Source:
        """The content of its document."""
        return {"twin": self.twin, "model": self.model, "slots": sorted(slots)}


def list_of(engine: str, twin: TwinKind, id: str) -> SlotList:
    """The list that the slots of a twin stand in: its model is the part of its id before the first dash."""
    return SlotList(engine, twin, id.partition("-")[0])


class KnownModels(Protocol):
    """What a register wants to know of models and engines, such as the catalogue does."""

    @property
    def models(self) -> Models:
        """All models."""

    @property
    def engines(self) -> Mapping[str, Any]:
        """Another object whenever the engines were read anew."""


class SlotRegister:
    """Knows the slots that twins have records of.

    Args:
        store: where the lists are.
        catalogue: the models.
    """

    def __init__(self, store: Store, catalogue: KnownModels) -> None:
        self._store = store
        self._catalogue = catalogue
        self._listed: dict[SlotList, frozenset[str]] = {}
        self._engines: object = None
        self._models: Models | None = None
        self._by_model: dict[tuple[str, str], frozenset[str]] = {}

    def slots(self, listing: SlotList) -> frozenset[str]:
        """The slots of a model's twins, as far as memory knows."""
        return self._of_model(listing.twin, listing.model) | self._memory().get(listing, NO_SLOTS)

    def learn(self, listing: SlotList, document: Document | None) -> frozenset[str]:
        """Take over a list that was read; the slots that are in it."""
        listed = frozenset(document.source["slots"]) if document else NO_SLOTS
        self._memory()[listing] = listed
        return listed

    def unlisted(self, engine: str, slots: Iterable[Slot]) -> dict[SlotList, set[str]]:
        """Those of `slots` that readers would not look for, by list."""
        missing: dict[SlotList, set[str]] = {}
        for slot in slots:
            listing = list_of(engine, slot.twin, slot.id)
            in_model = slot.name in self._of_model(listing.twin, listing.model)
            if not in_model and slot.name not in self._memory().get(listing, NO_SLOTS):
                missing.setdefault(listing, set()).add(slot.name)
        return missing

    async def ensure(self, engine: str, measures: Iterable[Source]) -> None:
        """Make sure that readers look for the slots of measures that are about to be stored; free for known slots.

        Raises:
            ApiError: the store does not answer.
        """
        await self.add(self.unlisted(engine, (slot for measure in measures for slot in slots_of(measure))))

    async def add(self, missing: Mapping[SlotList, Iterable[str]]) -> None:
        """Add slots to their lists. Raises what `Store.transact` raises."""
        if not missing:
            return
        by_key = {listing.key: frozenset(names) for listing, names in missing.items()}
        listings = {listing.key: listing for listing in missing}

        def decide(tx: Transaction) -> dict[Key, frozenset[str]]:
            stored = tx.read(by_key)
            listed = {}
            for key, names in by_key.items():
                document = stored.get(key)
                before = frozenset(document.source["slots"]) if document else NO_SLOTS
                listed[key] = before | names
                if document is None:
                    tx.create(key.index, key.collection, listings[key].source(names), key.id)
                elif not names <= before:
                    tx.replace(key, listings[key].source(listed[key]))
            return listed

        with unrecorded():
            committed = await self._store.transact(decide)
        for key, listed in committed.items():
            self._memory()[listings[key]] = listed

    def forget(self, engine: str) -> None:
        """Drop what is known of an engine that is gone."""
        for listing in [listing for listing in self._listed if listing.engine == engine]:
            del self._listed[listing]

    def _memory(self) -> dict[SlotList, frozenset[str]]:
        """The lists that were read, forgotten when the engines were read anew: one may have been made again."""
        if self._engines is not self._catalogue.engines:
            self._engines = self._catalogue.engines
            self._listed.clear()
        return self._listed

    def _of_model(self, twin: TwinKind, name: str) -> frozenset[str]:
        """The slots of the models of a name, in whatever engine group: engines can change theirs."""
        models = self._catalogue.models
        if models is not self._models:
            self._models = models
            self._by_model = {}
            for model in models:
                if model.kind in ("asset", "device"):
                    place = model.kind, model.name
                    names = frozenset(slot["name"] for slot in model.measures)
                    self._by_model[place] = self._by_model.get(place, NO_SLOTS) | names
        return self._by_model.get((twin, name), NO_SLOTS)
