"""Finding assets by the ids that clients have of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.identities import Identities
from device_manager.facades.sitewise.asset_ids import asset_id, external_id, own_metadata
from device_manager.facades.sitewise.errors import not_found
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.stamps import Source, changed_at
from device_manager.twins.places import ASSETS

CONTROLLER = "device-manager/assets"


class Asset(NamedTuple):
    """An asset.

    Attributes:
        engine: where it is.
        id: the native one.
        source: the native content.
    """

    engine: str
    id: str
    source: Source

    @property
    def foreign_id(self) -> str:
        """The id by which clients know it."""
        return asset_id(self.engine, self.id, self.source)

    @property
    def external_id(self) -> str | None:
        """Another one, which they may have given."""
        return external_id(self.source)

    @property
    def name(self) -> str:
        """For people: the reference, until clients give another one."""
        return str(own_metadata(self.source).get("name") or self.source["reference"])

    @property
    def description(self) -> str | None:
        """For people."""
        return own_metadata(self.source).get("description")

    @property
    def model(self) -> str:
        """Name of its native model."""
        return str(self.source["model"])

    @property
    def created_at(self) -> int:
        """Milliseconds since 1970."""
        return int(self.source["_kuzzle_info"]["createdAt"])

    @property
    def updated_at(self) -> int:
        """Milliseconds since 1970."""
        return changed_at(self.source)


class Assets:
    """Finds assets.

    Args:
        store: where they are.
        identities: knows their ids.
    """

    def __init__(self, store: Store, identities: Identities) -> None:
        self._store = store
        self._identities = identities

    async def find(self, visit: Visit, id: str) -> Asset | None:
        """The asset of an id, or of `externalId:` and an external id; None when there is none."""
        native = await self._identities.find(visit.engine, id)
        return None if native is None else await self.of_native(visit, native)

    async def of_native(self, visit: Visit, id: str) -> Asset | None:
        """The asset of a native id; None when there is none."""
        try:
            found = await visit.actor.call(CONTROLLER, "get", _id=id)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise
            return None
        return Asset(visit.engine, found["_id"], found["_source"])

    async def require(self, visit: Visit, id: str) -> Asset:
        """The same as `find`. Raises `ResourceNotFoundException`."""
        asset = await self.find(visit, id)
        if asset is None:
            raise not_found("asset", id)
        return asset

    async def exists(self, visit: Visit, id: str) -> bool:
        """Whether there is an asset of an id."""
        return await self.find(visit, id) is not None

    async def read(self, visit: Visit, ids: Iterable[str]) -> dict[str, Asset]:
        """Those assets of native ids that are there: one round trip, for callers who were let see assets already."""
        documents = await self._store.read([Key(visit.engine, ASSETS, id) for id in ids])
        return {document.id: Asset(visit.engine, document.id, document.source) for document in documents.values()}

    async def remember(self, asset: Asset) -> None:
        """Let an asset that is new, or has a new external id, be found at once."""
        await self._identities.remember(asset.engine, [Document(asset.id, asset.source, 1)])
