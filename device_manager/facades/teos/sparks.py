"""Units of assets, which consist of sparks: what clients ask to be done to them (facades 3.3, 3.10).

One unit is as many sparks as the asset's `SparkFactor` says. The ledger counts sparks, as whole numbers.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from device_manager.facades.teos.asset_twins import CONTROLLER
from device_manager.facades.teos.assets import Asset, Assets
from device_manager.facades.teos.bodies import SPARKS, bind_body
from device_manager.facades.teos.errors import PRECONDITIONS, Detail, invalid, refused, unusable
from device_manager.facades.teos.ethereum import sparks_call, transfer_call
from device_manager.facades.teos.kinds import CREATION, TRANSFER
from device_manager.facades.teos.placing import issuer_reason, missing_reasons
from device_manager.facades.teos.records import Source, balance_key
from device_manager.facades.teos.transactions import Plan, Transactions
from device_manager.facades.teos.visit import Visit
from device_manager.facades.teos.wallets import Wallets, checked_address
from device_manager.storage.contract import Store

AMOUNT = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,78})?", re.ASCII)
MOST = (1 << 256) - 1
"""Sparks of one asset."""
EXACT = 1 << 53
"""Numbers of JSON beyond this may have been rounded on their way."""


class Sparks:
    """Places transactions that create, destroy or transfer units.

    Args:
        store: where balances are.
        assets: finds assets.
        wallets: know who may sign for an address.
        transactions: keep what is placed.
        ledger: number of the ledger that assets have to belong to.
    """

    def __init__(self, store: Store, assets: Assets, wallets: Wallets, transactions: Transactions, ledger: int) -> None:
        self._store = store
        self._assets = assets
        self._wallets = wallets
        self._transactions = transactions
        self._ledger = ledger

    async def place(self, visit: Visit, kind: str) -> dict[str, Any]:
        """Place a transaction of one of the three kinds.

        New units belong to the issuer, and the signer destroys or transfers its own.

        Raises:
            TeosError: 12001 and 12002 for the body, 2014 for an amount that is none, 2013 for addresses, 2011 for a
                transfer to the sender, 21000 with every precondition that does not hold.
            ApiError: the caller may not change assets.
        """
        await visit.actor.check(CONTROLLER, "update")
        content = bind_body(visit.body, SPARKS)
        units, is_units = _amount(content["amount"]), _is_units(content.get("type", "Units"))
        sender = _address(content, "senderAddress")
        target = _address(content, "targetAddress")
        if kind == TRANSFER:
            if not sender:
                raise invalid(2013, "A transfer needs the address that signs it.", "senderAddress")
            if not target:
                raise unusable("The property 'targetAddress' is missing.", "targetAddress")
            if sender == target:
                raise invalid(2011, "Nobody transfers units to itself.", "targetAddress")
        asset = await self._asset(visit)
        author = asset.author or ""
        signer = sender or author
        if kind == CREATION and target not in ("", author):
            raise unusable("New units belong to the issuer, who may transfer them then.", "targetAddress")
        sparks = _sparks(asset, units, is_units=is_units)
        reasons = await self._reasons(visit, kind, asset, signer, sparks)
        if reasons:
            raise refused(PRECONDITIONS, reasons)
        data = {"SourceAssetId": asset.id, "Amount": str(sparks), "SenderAddress": signer}
        addresses = [signer]
        if kind == TRANSFER:
            call = transfer_call(asset.number, target, sparks)
            data, addresses = data | {"TargetAddress": target}, [signer, target]
        else:
            call = sparks_call(asset.number, sparks, is_creation=kind == CREATION)
        plan = Plan(kind, signer, data, call, {"addresses": addresses})
        return await self._transactions.place(visit, plan)

    async def _asset(self, visit: Visit) -> Asset:
        """The asset that is asked for, if it can have units at all. Raises 1001, 1004 and 1007."""
        key = str(visit.route.key)
        asset = await self._assets.find(visit.actor, key)
        reasons = missing_reasons(key, asset, self._ledger)
        if asset is None or reasons:
            raise refused(PRECONDITIONS, reasons)
        if asset.record is None:
            message = f"The asset {asset.id} has no spark factor: no signed transaction made it."
            raise refused(PRECONDITIONS, [Detail("1004", message, {"uniqueAssetId": asset.id})])
        return asset

    async def _reasons(self, visit: Visit, kind: str, asset: Asset, signer: str, sparks: int) -> list[Detail]:
        """What speaks against it at this moment; what speaks against it later is found when it is committed."""
        may_sign = await self._wallets.may_sign(visit, signer)
        if kind == CREATION:
            return [] if may_sign and signer == asset.author else [issuer_reason(visit, asset.id, asset.author or "")]
        reasons = []
        if not may_sign:
            message = f"The caller does not own the address {signer}."
            reasons = [Detail("1005", message, {"uniqueAssetId": asset.id, "signerAddress": signer})]
        key = balance_key(visit.engine, asset.id, signer)
        document = (await self._store.read((key,))).get(key)
        held = 0 if document is None else int(document.source["amount"])
        if held < sparks:
            reasons.append(lacking_reason(asset.id, signer, held, sparks))
        return reasons


def lacking_reason(asset: str, address: str, held: int, wanted: int) -> Detail:
    """Somebody has fewer sparks of an asset than are to be taken away."""
    message = f"{address} has {held} sparks of {asset}, and {wanted} are needed."
    amounts = {"sparks": str(held), "neededSparks": str(wanted)}
    return Detail("1006", message, {"uniqueAssetId": asset, "address": address, **amounts})


def total_of(record: Source) -> int:
    """How many sparks of an asset there are, by its record."""
    return int(record.get("sparks", "0"))


def _address(content: Source, name: str) -> str:
    text = content.get(name, "")
    return checked_address(text, name) if text else ""


def _amount(given: Any) -> Fraction:
    """An amount as it was given, in text or as a number. Raises 2014."""
    text = given if isinstance(given, str) else repr(given)
    if isinstance(given, float) and given > EXACT:
        raise invalid(2014, f"{text} may have been rounded: write amounts of this size as text.", "amount")
    if not AMOUNT.fullmatch(text) or not (amount := Fraction(text)):
        raise invalid(2014, f"'{text[:100]}' is no number above 0.", "amount")
    return amount


def _is_units(text: str) -> bool:
    if text.lower() not in ("units", "sparks"):
        raise unusable(f"The property 'type' is Units or Sparks, not '{text}'.", "type")
    return text.lower() == "units"


def _sparks(asset: Asset, amount: Fraction, *, is_units: bool) -> int:
    """An amount in sparks. Raises 1003 for parts of a spark, and for more than there can be."""
    factor = int((asset.record or {})["document"]["SparkFactor"]) if is_units else 1
    sparks = amount * factor
    if sparks.denominator != 1 or sparks > MOST:
        message = f"The amount is no whole number of sparks up to {MOST}; a unit of {asset.id} is {factor} of them."
        raise refused(PRECONDITIONS, [Detail("1003", message, {"uniqueAssetId": asset.id})])
    return sparks.numerator
