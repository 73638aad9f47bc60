"""Native writes of models: by the rules of the actions, with a task for all that follows (device-manager 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_manager.storage.contract import Document, Key, Transaction
from device_manager.tasks import TaskPlan
from device_manager.tasks.records import add_task
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, Catalogue, raise_generation
from device_manager.twins.documents import Source, Stamp
from device_manager.twins.model_bodies import document_model, unusable
from device_manager.twins.model_propagation import Propagation
from device_manager.twins.model_rules import check_measure_types, check_model
from device_manager.twins.models import Model, read_model
from device_manager.twins.native.records import managed


class ModelWriter:
    """Writes models. Collections and twins follow in a task, as no transaction can map a collection.

    Models that are written by one transaction are not held against each other: if two of them map a field differently,
    the task fails and says so.

    Args:
        catalogue: knows the other models.
        propagation: plans what follows.
        call: the caller.
    """

    def __init__(self, catalogue: Catalogue, propagation: Propagation, call: Call) -> None:
        self._catalogue = catalogue
        self._propagation = propagation
        self._call = call
        self._plans: dict[str, TaskPlan] = {}  # the same tasks in each run of the transaction, which reads them

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return (GENERATION,)

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return ()

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`. Without an id the model gets the one that the actions would give it."""
        model = self._checked(source, id)
        document = tx.create(index, collection, source, model.id)
        self._follow(tx, model)
        return document

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`."""
        model = self._checked(source, key.id)
        known = read_model(before)
        if known is not None and _identity(known) != _identity(model):
            raise unusable("a model keeps its kind, its name and its engine group")
        document = tx.replace(key, source)
        self._follow(tx, model)
        return document

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`: no transaction can tell whether anything uses a model."""
        raise managed(key.index, key.collection)

    def _checked(self, source: Source, id: str | None) -> Model:
        others = self._catalogue.models
        model = others.placed(document_model(source))
        if id is not None and id != model.id:
            raise unusable(f'its id has to be "{model.id}"')
        check_model(model, others)
        check_measure_types(others.with_models([model]))
        return model

    def _follow(self, tx: Transaction, model: Model) -> None:
        raise_generation(tx)
        if model.id not in self._plans:
            self._plans[model.id] = self._propagation.plan(model, self._call, maps=True)
        add_task(tx, self._plans[model.id])


def _identity(model: Model) -> tuple[str, str, str]:
    return model.kind, model.name, model.engine_group
