"""What only one asset at a time may have: an id, an external id, a name among its siblings (facades 2.12).

A claim is a record. All claims of a request are taken in one transaction, which looks at the holders of those that are
there: a claim counts as long as its holder bears what it is about, or has until then to get it. So what native clients
delete or rename gives its names back by itself, and of two requests at once only one gets a name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from device_manager.facades.sitewise.asset_places import place_of_asset, places_of_assets
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.records import Record, Writing
from device_manager.twins.places import asset_key, twin_id

RECORD = "asset-claim"
GRACE = 30_000
"""Milliseconds for which something may be in the making; after that whoever made it is gone."""


class Claim(NamedTuple):
    """What an asset wants to have.

    Attributes:
        what: for people, too.
        text: the id or the name.
        scope: among which assets there may be one of it; empty for all of the engine.
    """

    what: Literal["id", "external id", "name"]
    text: str
    scope: str = ""

    @property
    def record(self) -> str:
        """The id of its record."""
        return hashlib.sha256("/".join((self.what, self.scope, self.text)).encode()).hexdigest()


class TakenError(Exception):
    """A claim is that of another asset.

    Attributes:
        claim: which one.
        holder: the id by which clients know the other asset.
    """

    def __init__(self, claim: Claim, holder: str) -> None:
        super().__init__(f"{claim.text} is taken.")
        self.claim = claim
        self.holder = holder


def among(model: str, parent: str) -> str:
    """The scope of a name: the children of an asset of a native id, or the assets of a native model without parents."""
    return f"in {parent}" if parent else f"of {model}"


def take(
    writing: Writing, asset: str, foreign: str, claims: Sequence[Claim], *, is_made: bool, is_new: bool = False
) -> None:
    """Take claims for an asset, all or none.

    Args:
        writing: the transaction.
        asset: its native id.
        foreign: the id by which clients know it.
        claims: what it wants.
        is_made: it is what it claims; else it is in the making, until `settle`.
        is_new: nobody else may be making it.

    Raises:
        TakenError: another asset has one of them.
    """
    records = writing.read(RECORD, [claim.record for claim in claims])
    others = [record for record in records.values() if is_new or record.content["asset"] != asset]
    holders = _assets(writing, [record.content["asset"] for record in others])
    places_of_assets(writing, holders)
    for claim in claims:
        record = records.get(claim.record)
        if record in others:
            holder = holders.get(record.content["asset"])
            if _counts(writing, record, holder, claim):
                raise TakenError(claim, record.content["id"])
        _refuse_native(writing, asset, claim)
        until = 0 if is_made else writing.now + GRACE
        writing.put(RECORD, claim.record, {"asset": asset, "id": foreign, "until": until})


def settle(writing: Writing, asset: str, claims: Iterable[Claim]) -> None:
    """The asset is what it claimed."""
    for record in _own(writing, asset, claims):
        writing.change(RECORD, record.id, record.content | {"until": 0})


def release(writing: Writing, asset: str, claims: Iterable[Claim]) -> None:
    """Let go of claims."""
    for record in _own(writing, asset, claims):
        writing.delete(RECORD, record.id)


def _own(writing: Writing, asset: str, claims: Iterable[Claim]) -> list[Record]:
    records = writing.read(RECORD, [claim.record for claim in claims])
    return [record for record in records.values() if record.content["asset"] == asset]


def _counts(writing: Writing, record: Record, holder: Asset | None, claim: Claim) -> bool:
    if int(record.content["until"]) > writing.now:
        return True
    return holder is not None and _bears(writing, holder, claim)


def _bears(writing: Writing, asset: Asset, claim: Claim) -> bool:
    if claim.what == "id":
        return asset.foreign_id == claim.text
    if claim.what == "external id":
        return asset.external_id == claim.text
    parent = place_of_asset(writing, asset.id).parent
    return asset.name == claim.text and among(asset.model, parent) == claim.scope


def _refuse_native(writing: Writing, asset: str, claim: Claim) -> None:
    """Refuse the name of an asset that native clients made, which is its reference."""
    model = claim.scope.removeprefix("of ")
    if claim.what != "name" or model == claim.scope:
        return
    id = twin_id(model, claim.text)
    native = _assets(writing, [id]).get(id)
    if native is not None and id != asset and _bears(writing, native, claim):
        raise TakenError(claim, native.foreign_id)


def _assets(writing: Writing, ids: Iterable[str]) -> dict[str, Asset]:
    documents = writing.tx.read([asset_key(writing.engine, id) for id in ids])
    return {one.id: Asset(writing.engine, one.id, one.source) for one in documents.values()}
