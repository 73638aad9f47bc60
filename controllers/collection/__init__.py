"""The controller `collection` (router-protocol 5.4)."""

from __future__ import annotations

from device_manager.controllers.collection.defining import Collections
from device_manager.controllers.collection.specifying import CollectionSpecifications
from device_manager.documents.domain import Documents
from device_manager.security.scope import Scope


class CollectionController(Collections, CollectionSpecifications):
    """`collection`: create, change, find, list, empty and delete collections, and say what documents are like."""

    name = "collection"
    scope = Scope.ENGINE

    def __init__(self, documents: Documents) -> None:
        Collections.__init__(self, documents)
        CollectionSpecifications.__init__(self, documents)
