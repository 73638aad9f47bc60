"""Names and ids while assets are made, renamed and deleted: claimed before, settled after (facades 2.12).

The asset itself is written by an action of its own, so a claim says for a while that somebody is about to bear it. Who
dies in between leaves nothing behind that would not be free again after that while.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from device_manager.facades.sitewise.asset_claims import GRACE, Claim, TakenError, among, release, settle, take
from device_manager.facades.sitewise.asset_places import RECORD, occupy, place_of_asset
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.errors import already_exists
from device_manager.facades.sitewise.hierarchies import Hierarchies
from device_manager.facades.sitewise.records import Writing
from device_manager.facades.sitewise.visit import Visit

T = TypeVar("T")


class AssetNaming:
    """Sees to it that no two assets get one id, external id, or name among siblings.

    Args:
        hierarchies: decide with it.
    """

    def __init__(self, hierarchies: Hierarchies) -> None:
        self._hierarchies = hierarchies

    @contextlib.asynccontextmanager
    async def making(self, visit: Visit, asset: str, foreign: str, claims: Sequence[Claim]) -> AsyncIterator[None]:
        """Make an asset inside.

        Args:
            visit: the request.
            asset: its native id.
            foreign: the id by which clients will know it.
            claims: what it is going to be.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException`.
        """
        await self._decide(visit, lambda writing: take(writing, asset, foreign, claims, is_made=False, is_new=True))
        try:
            yield
        except BaseException:
            await self._hierarchies.decide(visit, lambda writing: release(writing, asset, claims))
            raise
        await self._hierarchies.decide(visit, lambda writing: settle(writing, asset, claims))

    @contextlib.asynccontextmanager
    async def renaming(self, visit: Visit, asset: Asset, name: str, external: str | None) -> AsyncIterator[None]:
        """Give an asset another name and external id inside; None leaves it the one that it has.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException`; `ConflictingOperationException` when somebody else changes
                the asset.
        """
        after = [Claim("external id", external)] if external not in (None, asset.external_id) else []
        before = [Claim("external id", asset.external_id)] if after and asset.external_id is not None else []
        if name == asset.name and not after:
            yield
            return

        def begin(writing: Writing) -> str:
            place = occupy(writing, asset.id, writing.now + GRACE)
            scope = among(asset.model, place.parent)
            wanted = [*after, Claim("name", name, scope)]
            take(writing, asset.id, asset.foreign_id, wanted, is_made=False)
            return scope

        scope = await self._decide(visit, begin)
        new, old = Claim("name", name, scope), Claim("name", asset.name, scope)
        given, left = ([*after, new], before) if new == old else ([*after, new], [*before, old])

        def end(writing: Writing) -> None:
            occupy(writing, asset.id, 0)
            settle(writing, asset.id, given)
            release(writing, asset.id, left)

        def undo(writing: Writing) -> None:
            occupy(writing, asset.id, 0)
            settle(writing, asset.id, [old])
            release(writing, asset.id, [claim for claim in given if claim != old])

        try:
            yield
        except BaseException:
            await self._hierarchies.decide(visit, undo)
            raise
        await self._hierarchies.decide(visit, end)

    @contextlib.asynccontextmanager
    async def ending(self, visit: Visit, asset: Asset) -> AsyncIterator[None]:
        """Delete an asset inside; it gets no parent and no child meanwhile.

        Raises:
            SiteWiseError: `ConflictingOperationException` when somebody else changes the asset.
        """
        await self._hierarchies.decide(visit, lambda writing: occupy(writing, asset.id, writing.now + GRACE))

        def end(writing: Writing) -> None:
            place = place_of_asset(writing, asset.id)
            claims = [Claim("id", asset.foreign_id), Claim("name", asset.name, among(asset.model, place.parent))]
            if asset.external_id is not None:
                claims.append(Claim("external id", asset.external_id))
            release(writing, asset.id, claims)
            writing.delete(RECORD, asset.id)

        try:
            yield
        except BaseException:
            await self._hierarchies.decide(visit, lambda writing: occupy(writing, asset.id, 0))
            raise
        await self._hierarchies.decide(visit, end)

    async def _decide(self, visit: Visit, write: Callable[[Writing], T]) -> T:
        try:
            return await self._hierarchies.decide(visit, write)
        except TakenError as error:
            reason = f'The {error.claim.what} "{error.claim.text}" is that of the asset {error.holder}.'
            raise already_exists(reason, error.holder, visit.arn("asset", error.holder)) from None
