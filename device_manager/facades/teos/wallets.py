"""Wallets: which addresses a user signs for (facades 3.6, 3.8)."""

from __future__ import annotations

import uuid
from typing import Any

from device_manager.facades.teos.bodies import WALLET as SHAPE
from device_manager.facades.teos.bodies import bind_body
from device_manager.facades.teos.errors import UNAUTHORISED, TeosError, invalid, not_found
from device_manager.facades.teos.ethereum import ADDRESS as ADDRESS_FORM
from device_manager.facades.teos.ethereum import checksummed
from device_manager.facades.teos.identity import guid_of, user_guid
from device_manager.facades.teos.odata.columns import Keyword, own_key
from device_manager.facades.teos.odata.schema import ADDRESS as ADDRESS_KIND
from device_manager.facades.teos.odata.schema import WALLET as KIND
from device_manager.facades.teos.odata.translation import Columns
from device_manager.facades.teos.record_sets import RecordSet
from device_manager.facades.teos.records import ADDRESS, RECORDS, WALLET, Source, now, record_key, records_of
from device_manager.facades.teos.transactions import own_id
from device_manager.facades.teos.visit import Visit
from device_manager.query.tree import Term
from device_manager.storage.contract import Store, Transaction


class Wallets:
    """Makes, shows and removes wallets.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, visit: Visit) -> dict[str, Any]:
        """A wallet for the caller.

        Raises:
            TeosError: 12001, 2024 for an address that somebody has a wallet for already.
        """
        content = bind_body(visit.body, SHAPE)
        address = checked_address(content["EthereumAddress"], "EthereumAddress")
        id, engine = str(uuid.uuid4()), visit.engine
        source = {
            "engine": engine,
            "kind": WALLET,
            "createdAt": now(),
            "kuid": visit.kuid,
            "name": content["Name"],
            "description": content.get("Description", ""),
            "address": address,
            "signable": content.get("Signable", True),
        }
        taken, place = record_key(engine, ADDRESS, address.lower()), record_key(engine, WALLET, id)
        owner = {"engine": engine, "kind": ADDRESS, "wallet": id, "kuid": visit.kuid}

        def decide(tx: Transaction) -> None:
            if taken in tx.read((taken,)):
                raise invalid(2024, f"There is a wallet for {address} already.", "EthereumAddress", address=address)
            tx.create(taken.index, taken.collection, owner, taken.id)
            tx.create(place.index, place.collection, source, place.id)

        await self._store.transact(decide)
        return shown(id, source)

    async def remove(self, visit: Visit, id: str) -> None:
        """Remove a wallet of the caller. Raises 404, and 403 for that of another user."""
        source = await self._own(visit, id)
        keys = [record_key(visit.engine, WALLET, id), record_key(visit.engine, ADDRESS, source["address"].lower())]

        def decide(tx: Transaction) -> None:
            for key in tx.read(keys):
                tx.delete(key)

        await self._store.transact(decide)

    async def get(self, visit: Visit, id: str) -> dict[str, Any]:
        """A wallet of the caller. Raises 404, and 403 for that of another user."""
        return shown(id, await self._own(visit, id))

    def listed(self, engine: str, kuid: str | None = None) -> RecordSet:
        """The wallets of an engine, or those of one user."""
        by_user = () if kuid is None else (Term("kuid", kuid),)
        columns: Columns = {
            "Id": own_key(record_key(engine, WALLET, "").id),
            "EthereumAddress": Keyword("address", ADDRESS_KIND),
        }
        base = records_of(engine, WALLET, *by_user)
        return RecordSet(self._store, base, KIND, columns, lambda id, source: shown(own_id(id), source))

    async def addresses(self, engine: str, kuid: str) -> list[str]:
        """The addresses in the wallets of a user."""
        await self._store.refresh(*RECORDS[:2])
        pages = self._store.scan(*RECORDS[:2], records_of(engine, WALLET, Term("kuid", kuid)))
        return [document.source["address"] async for page in pages for document in page]

    async def _own(self, visit: Visit, id: str) -> Source:
        key = record_key(visit.engine, WALLET, id)
        document = (await self._store.read((key,))).get(key) if guid_of(id) else None
        if document is None:
            raise not_found(f"There is no wallet {id}.", walletId=id)
        if document.source["kuid"] != visit.kuid:
            raise TeosError(403, UNAUTHORISED, "The wallet belongs to another user.")
        return document.source

    async def may_sign(self, visit: Visit, address: str) -> bool:
        """Whether the caller may act for an address.

        Users may for those of their wallets, API keys for all that no other user has a wallet for.
        """
        key = record_key(visit.engine, ADDRESS, address.lower())
        document = (await self._store.read((key,))).get(key)
        if document is None:
            return not visit.is_user
        return bool(document.source["kuid"] == visit.kuid)


def shown(id: str, source: Source) -> dict[str, Any]:
    """A wallet as clients see it."""
    return {
        "Id": id,
        "Name": source["name"],
        "Description": source["description"],
        "EthereumAddress": source["address"],
        "UserId": user_guid(source["kuid"]),
        "Signable": source["signable"],
    }


def checked_address(text: str, target: str) -> str:
    """An address in checksummed form. Raises 2013 for what is none."""
    if not ADDRESS_FORM.fullmatch(text):
        raise invalid(2013, f"'{text}' is no address: 0x and 40 hexadecimal digits.", target)
    return checksummed(text)
