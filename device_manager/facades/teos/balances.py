"""Who has how many sparks of which asset, by the ledger (facades 3.3)."""

from __future__ import annotations

from typing import Any

import orjson

from device_manager.facades.teos.asset_twins import CONTROLLER
from device_manager.facades.teos.assets import Asset
from device_manager.facades.teos.chain.contract import Chain
from device_manager.facades.teos.errors import invalid, not_found, unusable
from device_manager.facades.teos.ethereum import ADDRESS as ADDRESS_FORM
from device_manager.facades.teos.identity import number_of, text_of
from device_manager.facades.teos.odata.columns import Keyword, Named
from device_manager.facades.teos.odata.schema import ADDRESS
from device_manager.facades.teos.odata.schema import BALANCE as KIND
from device_manager.facades.teos.odata.translation import Columns, any_of
from device_manager.facades.teos.record_sets import RecordSet
from device_manager.facades.teos.records import BALANCE, Source, balance_key, records_of
from device_manager.facades.teos.sparks import total_of
from device_manager.facades.teos.visit import Visit
from device_manager.facades.teos.wallets import Wallets, checked_address
from device_manager.query.tree import MATCH_NONE, Query, Term
from device_manager.storage.contract import Store

MOST = 1000
"""Addresses or assets of one request."""


def _of_asset(value: Any) -> Query | None:
    number = number_of(value) if isinstance(value, str) else None
    return MATCH_NONE if number is None else Term("asset", text_of(number))


COLUMNS: Columns = {
    "Address": Keyword("address", ADDRESS),
    "UniqueAssetId": Named(_of_asset),
    "Amount": Keyword("amount"),
}


class Balances:
    """Reads balances.

    Args:
        store: where they are.
        wallets: know the addresses of users.
        chain: knows who has how much of its money.
    """

    def __init__(self, store: Store, wallets: Wallets, chain: Chain) -> None:
        self._store = store
        self._wallets = wallets
        self._chain = chain

    async def listed(self, visit: Visit, *, own: bool = False) -> RecordSet:
        """The balances of everybody, or those of the addresses in the caller's wallets."""
        await visit.actor.check(CONTROLLER, "search")
        further: tuple[Query, ...] = ()
        if own:
            addresses = await self._wallets.addresses(visit.engine, visit.kuid)
            further = (any_of(Term("address", address) for address in addresses),)
        return self._set(visit.engine, *further)

    def _set(self, engine: str, *further: Query) -> RecordSet:
        base = records_of(engine, BALANCE, *further)
        return RecordSet(self._store, base, KIND, COLUMNS, lambda _, source: shown(source))

    async def of_assets(self, visit: Visit) -> RecordSet:
        """The balances of some addresses, of some assets, or of both. Raises 12001 and 2013 for what is none."""
        await visit.actor.check(CONTROLLER, "search")
        addresses = [checked_address(text, "addresses") for text in _listed(visit, "address", "addresses")]
        assets = [_of_asset(text) for text in _listed(visit, "uniqueassetid", "uniqueassetids", "assetids")]
        further: list[Query] = []
        if addresses:
            further.append(any_of(Term("address", address) for address in addresses))
        if assets:
            further.append(any_of(query for query in assets if query is not None))
        return self._set(visit.engine, *further)

    async def of_ether(self, visit: Visit) -> list[dict[str, str]]:
        """How much money of the chain addresses have, in Wei. Raises 12001 and 2013 for what is none."""
        addresses = [checked_address(text, "addresses") for text in _listed(visit, "address", "addresses")]
        if not addresses:
            raise unusable("The addresses are missing: GetEthBalances(addresses=['0x...']).", "addresses")
        amounts = await self._chain.funds(addresses)
        return [{"Address": address, "Balance": str(amount)} for address, amount in amounts.items()]

    async def get(self, visit: Visit) -> dict[str, Any]:
        """One balance by address and asset; 0 for who has nothing. Raises 404 for no address and no asset's id."""
        await visit.actor.check(CONTROLLER, "get")
        names = visit.route.names
        address, number = names.get("address", ""), number_of(names.get("uniqueassetid", ""))
        if not ADDRESS_FORM.fullmatch(address) or number is None:
            raise not_found("A balance is found by address and uniqueAssetId.")
        key = balance_key(visit.engine, text_of(number), address)
        document = (await self._store.read((key,))).get(key)
        if document is not None:
            return shown(document.source)
        return shown({"address": checked_address(address, ""), "asset": text_of(number), "amount": "0"})


def shown(source: Source) -> dict[str, Any]:
    """A balance as clients see it, in sparks."""
    return {"Address": source["address"], "UniqueAssetId": source["asset"], "Amount": source["amount"]}


def total_amount(asset: Asset) -> str:
    """How many sparks of an asset there are, whoever has them."""
    return str(total_of(asset.record or {}))


def _listed(visit: Visit, *names: str) -> list[str]:
    """The texts that an argument of a function holds: one in quotes, or a list of such."""
    text = next((visit.route.arguments[name] for name in names if name in visit.route.arguments), "")
    if text.startswith("@"):
        text = visit.alias(text)
    if not text.startswith("["):
        return [text] if text else []
    try:
        found = orjson.loads(text.replace("'", '"'))
    except orjson.JSONDecodeError as error:
        raise unusable(f"The list {text[:100]} cannot be read.", names[-1]) from error
    if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
        raise unusable(f"'{names[-1]}' is a list of texts.", names[-1])
    if len(found) > MOST:
        raise invalid(2014, f"'{names[-1]}' has {len(found)} elements; {MOST} are allowed.", names[-1])
    return found
