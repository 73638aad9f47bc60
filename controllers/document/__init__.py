"""The controller `document` (router-protocol 5.6)."""

from __future__ import annotations

from device_manager.controllers.document.batches import DocumentBatches
from device_manager.controllers.document.exporting import DocumentExports
from device_manager.controllers.document.reading import DocumentQueries
from device_manager.controllers.document.writing import DocumentWrites
from device_manager.security.scope import Scope


class DocumentController(DocumentQueries, DocumentExports, DocumentWrites, DocumentBatches):
    """`document`: create, read, search, change and delete documents."""

    name = "document"
    scope = Scope.ENGINE
