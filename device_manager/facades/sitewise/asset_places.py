"""Where each asset is in the hierarchies: a record by its native id, with its parent (facades 1.4, 2.12).

The record is also what changes of one asset meet at: whoever is about to rename or delete it says so there, and others
leave it alone meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from device_manager.facades.sitewise.records import Record, Writing

RECORD = "hierarchy"


class Place(NamedTuple):
    """Where an asset is.

    Attributes:
        child: its native id.
        parent: native id of the asset that it is a part of; empty without one.
        hierarchy: the id of the hierarchy in which it is a part; empty without one.
        busy_until: milliseconds since 1970 until which somebody changes the asset; 0 for nobody.
    """

    child: str
    parent: str = ""
    hierarchy: str = ""
    busy_until: int = 0


class BusyError(Exception):
    """Somebody changes an asset just now.

    Attributes:
        asset: its native id.
    """

    def __init__(self, asset: str) -> None:
        super().__init__(f"{asset} is being changed.")
        self.asset = asset


def place_in(record: Record) -> Place:
    """What a record says."""
    content = record.content
    return Place(record.id, record.parent, content["hierarchy"], content["busyUntil"])


def place_of_asset(writing: Writing, asset: str) -> Place:
    """Where an asset is."""
    return places_of_assets(writing, (asset,))[asset]


def places_of_assets(writing: Writing, assets: Iterable[str]) -> dict[str, Place]:
    """Where assets are, by their native ids."""
    wanted = list(assets)
    records = writing.read(RECORD, wanted)
    return {asset: place_in(records[asset]) if asset in records else Place(asset) for asset in wanted}


def put_place(writing: Writing, place: Place) -> None:
    """Put an asset into its place: behind all that are in the hierarchy already."""
    content = {"hierarchy": place.hierarchy, "busyUntil": place.busy_until}
    writing.put(RECORD, place.child, content, parent=place.parent, about=place.hierarchy)


def hold_place(writing: Writing, asset: str) -> Place:
    """Where an asset is, of which nobody may take it until the commit."""
    record = writing.read(RECORD, (asset,)).get(asset)
    if record is None:
        put_place(writing, Place(asset))
        return Place(asset)
    writing.touch(RECORD, asset)
    return place_in(record)


def refuse_busy(writing: Writing, place: Place) -> None:
    """Raises `BusyError` when somebody changes the asset in a place."""
    if place.busy_until > writing.now:
        raise BusyError(place.child)


def occupy(writing: Writing, asset: str, until: int) -> Place:
    """Keep others from changing an asset until `until`, milliseconds since 1970; 0 lets them again.

    Raises:
        BusyError: somebody else does.
    """
    record = writing.read(RECORD, (asset,)).get(asset)
    if record is None:
        put_place(writing, Place(asset, busy_until=until))
        return Place(asset)
    place = place_in(record)
    if until:
        refuse_busy(writing, place)
    writing.change(RECORD, asset, record.content | {"busyUntil": until})
    return place
