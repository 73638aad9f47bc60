"""Becoming a part of another asset, and ceasing to be one (facades 2.12): decisions inside of one transaction."""

from __future__ import annotations

from device_manager.facades.sitewise.asset_claims import Claim, TakenError, among, release, take
from device_manager.facades.sitewise.asset_places import Place, hold_place, place_of_asset, put_place, refuse_busy
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.definitions import Hierarchy
from device_manager.facades.sitewise.errors import already_exists, conflicting, invalid, not_found
from device_manager.facades.sitewise.records import Writing
from device_manager.facades.sitewise.visit import Visit
from device_manager.twins.places import asset_key


def begin_part(writing: Writing, visit: Visit, parent: Asset, child: Asset, hierarchy: str) -> None:
    """Make an asset a part of another one, in the hierarchy of an id.

    All assets above are held: whoever would close a circle from the other side meets this at one of them.

    Raises:
        SiteWiseError: `ResourceAlreadyExistsException` for a child with a parent, or a name that a sibling has;
            `InvalidRequestException` for an asset that would be a part of itself.
        BusyError: somebody changes one of the assets.
    """
    child = _present(writing, child)
    _present(writing, parent)
    _refuse_circle(writing, parent, child)
    place = place_of_asset(writing, child.id)
    refuse_busy(writing, place)
    if _has_parent(writing, place):
        reason = f"The asset {child.foreign_id} has a parent already."
        raise already_exists(reason, child.foreign_id, visit.arn("asset", child.foreign_id))
    try:
        _take_name(writing, child, parent.id, place.parent)
    except TakenError as error:
        reason = f'The asset {parent.foreign_id} has a child of the name "{child.name}".'
        raise already_exists(reason, error.holder, visit.arn("asset", error.holder)) from None
    put_place(writing, Place(child.id, parent.id, hierarchy))


def end_part(writing: Writing, visit: Visit, parent: Asset, child: Asset, hierarchy: Hierarchy) -> None:
    """Let an asset be no part of another one any more.

    Raises:
        SiteWiseError: `ResourceNotFoundException` when it is none, `ConflictingOperationException` when an asset of its
            model without a parent has its name.
        BusyError: somebody changes it.
    """
    child = _present(writing, child)
    place = place_of_asset(writing, child.id)
    if (place.parent, place.hierarchy) != (parent.id, hierarchy.id):
        raise not_found(f'child in the hierarchy "{hierarchy.name}" of {parent.foreign_id}:', child.foreign_id)
    refuse_busy(writing, place)
    try:
        _take_name(writing, child, "", place.parent)
    except TakenError as error:
        reason = f'The asset {error.holder} of the same model has no parent and the name "{child.name}": rename one.'
        raise conflicting(reason, error.holder, visit.arn("asset", error.holder)) from None
    put_place(writing, Place(child.id))


def _take_name(writing: Writing, child: Asset, parent: str, before: str) -> None:
    """Take the name of a child among those of a parent, and let go of it among those of the one before."""
    wanted, old = (Claim("name", child.name, among(child.model, above)) for above in (parent, before))
    take(writing, child.id, child.foreign_id, [wanted], is_made=True)
    if old != wanted:
        release(writing, child.id, [old])


def _refuse_circle(writing: Writing, parent: Asset, child: Asset) -> None:
    above = parent.id
    while True:
        if above == child.id:
            raise invalid(f"The asset {child.foreign_id} would be a part of itself.")
        place = hold_place(writing, above)
        if above == parent.id:
            refuse_busy(writing, place)
        if not _has_parent(writing, place):
            return
        above = place.parent


def _has_parent(writing: Writing, place: Place) -> bool:
    """Whether the asset in a place has a parent that is still there."""
    if not place.parent:
        return False
    return bool(writing.tx.read((asset_key(writing.engine, place.parent),)))


def _present(writing: Writing, asset: Asset) -> Asset:
    """The asset as it is now. Raises `ResourceNotFoundException`."""
    key = asset_key(writing.engine, asset.id)
    document = writing.tx.read((key,)).get(key)
    if document is None:
        raise not_found("asset", asset.foreign_id)
    return asset._replace(source=document.source)
