"""The controllers of native documents, as a server has them (router-protocol 5.3 to 5.6)."""

from __future__ import annotations

from device_manager.controllers.bulk import BulkController
from device_manager.controllers.collection import CollectionController
from device_manager.controllers.document import DocumentController
from device_manager.controllers.index import IndexController
from device_manager.documents.domain import Documents
from device_manager.router.controller import Controller


def native_controllers(documents: Documents) -> list[Controller]:
    """`index`, `collection`, `document` and `bulk`."""
    return [kind(documents) for kind in (IndexController, CollectionController, DocumentController, BulkController)]
