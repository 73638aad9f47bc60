"""The ids by which clients know assets (facades 1.3)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from device_manager.facades.identities import Identities
from device_manager.facades.sitewise.shapes import EXTERNAL, is_external_id, is_id
from device_manager.security.foreign_credentials import Interface
from device_manager.storage.contract import Document, Store
from device_manager.storage.stamps import Source
from device_manager.twins.places import ASSETS

NAMESPACE = uuid.UUID("6f0a4a8e-3c0b-5c51-9a5d-5f1d5c1f8a57")
"""Of all ids that follow from native ones. Never change it: clients keep the ids."""

OWN = "sitewise"
"""The metadata of assets that only these clients write."""


def derived_uuid(engine: str, kind: str, *parts: str) -> str:
    """The id of what was not made by these clients."""
    return str(uuid.uuid5(NAMESPACE, "/".join((engine, kind, *parts))))


def asset_id(engine: str, id: str, source: Source) -> str:
    """The id by which clients know an asset: its reference where that is an id, else one that follows from its own."""
    reference = source.get("reference")
    if isinstance(reference, str) and is_id(reference):
        return reference
    return derived_uuid(engine, ASSETS, id)


def own_metadata(source: Source) -> Source:
    """What these clients say of an asset: `name`, `description`, `externalId`."""
    return (source.get("metadata") or {}).get(OWN) or {}


def external_id(source: Source) -> str | None:
    """The external id of an asset: the one it was given, or its reference where that can be one and is no id."""
    given = own_metadata(source).get("externalId")
    if isinstance(given, str):
        return given
    reference = source.get("reference")
    return reference if isinstance(reference, str) and is_external_id(reference) and not is_id(reference) else None


def asset_identities(store: Store) -> Identities:
    """Finds assets by their ids, and by `externalId:` with their external ids."""
    return Identities(store, Interface.SITEWISE, ASSETS, _names)


def _names(engine: str, asset: Document) -> Iterator[str]:
    yield asset_id(engine, asset.id, asset.source)
    external = external_id(asset.source)
    if external is not None:
        yield EXTERNAL + external
