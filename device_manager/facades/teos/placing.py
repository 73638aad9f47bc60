"""What a client asks to be done to assets, checked and made into a transaction that waits for its signature.

See facades 3.6 and 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from device_manager.facades.teos.asset_twins import CONTROLLER
from device_manager.facades.teos.assets import Asset, Assets
from device_manager.facades.teos.bodies import AMENDMENT as AMENDMENT_BODY
from device_manager.facades.teos.bodies import ASSET, LINKS, bind_body
from device_manager.facades.teos.documents import DESCRIPTIVE, amended_members, document_hash, new_document
from device_manager.facades.teos.errors import PRECONDITIONS, Detail, invalid, refused, unusable
from device_manager.facades.teos.ethereum import ACTIVATE, AMEND, LINK, UNLINK, document_call, links_call
from device_manager.facades.teos.identity import ledger_of, new_number, number_of, text_of, user_guid
from device_manager.facades.teos.kinds import ACTIVATION, AMENDMENT, LINKING, UNLINKING
from device_manager.facades.teos.records import Source, instant, now
from device_manager.facades.teos.transactions import Plan, Transactions
from device_manager.facades.teos.visit import Visit
from device_manager.facades.teos.wallets import Wallets


class Placing:
    """Places transactions.

    Args:
        assets: finds assets.
        wallets: know who may sign for an address.
        transactions: keep what is placed.
        ledger: number of the ledger that new assets belong to.
    """

    def __init__(self, assets: Assets, wallets: Wallets, transactions: Transactions, ledger: int) -> None:
        self._assets = assets
        self._wallets = wallets
        self._transactions = transactions
        self._ledger = ledger

    async def create(self, visit: Visit) -> dict[str, Any]:
        """Place the creation of an asset.

        Raises:
            TeosError: 12001 and 12002 for the body, 22000 for codes that are unknown, 1002 for the author.
            ApiError: the caller may not create assets.
        """
        await visit.actor.check(CONTROLLER, "create")
        document = new_document(bind_body(visit.body, ASSET))
        number = new_number(self._ledger)
        document["UniqueAssetId"] = text_of(number)
        document["CreatedInTeosOn"] = instant(now())
        author = document["Author"]
        if not await self._wallets.may_sign(visit, author):
            raise refused(PRECONDITIONS, (issuer_reason(visit, document["UniqueAssetId"], author),))
        digest = document_hash(document)
        call = document_call(ACTIVATE, number, bytes.fromhex(digest))
        plan = Plan(ACTIVATION, author, {"Asset": document}, call, {"documentHash": digest})
        return await self._transactions.place(visit, plan)

    async def change_links(self, visit: Visit, *, is_link: bool) -> dict[str, Any]:
        """Place the addition or the removal of links.

        Raises:
            TeosError: 12001 and 12002 for the body, 2016 without targets, 2011 for the source as target, 21000 with
                every precondition that does not hold.
            ApiError: the caller may not change assets.
        """
        await visit.actor.check(CONTROLLER, "update")
        key = str(visit.route.key)
        wanted = bind_body(visit.body, LINKS)["targetAssetIds"]
        if not wanted:
            raise invalid(2016, "At least one target is needed.", "targetAssetIds")
        if number_of(key) in map(number_of, wanted):
            raise invalid(2011, "An asset cannot be linked to itself.", "targetAssetIds")
        targets = list({number_of(text) or text: text for text in wanted}.values())
        found = await self._assets.find_many(visit.actor, [key, *targets])
        source = found.get(key)
        reasons = await self._source_reasons(visit, key, source)
        reasons += [_unknown(text) for text in targets if text not in found]
        known = [found[text] for text in targets if text in found]
        if source is not None:
            linked = source.links.keys()
            reasons += link_reasons(source.id, linked, [target.id for target in known], is_link=is_link)
        if reasons or source is None or source.author is None:
            raise refused(PRECONDITIONS, reasons)
        call = links_call(LINK if is_link else UNLINK, source.number, [target.number for target in known])
        data = {"SourceAssetId": source.id, "TargetAssetIds": [target.id for target in known]}
        kind = LINKING if is_link else UNLINKING
        plan = Plan(kind, source.author, data, call, {"twins": [target.twin for target in known]})
        return await self._transactions.place(visit, plan)

    async def amend(self, visit: Visit) -> dict[str, Any]:
        """Place an amendment: what describes an asset, with new values for some of its members.

        Raises:
            TeosError: 12001 and 12002 for the body, also for one that changes nothing; 22000 for codes that are
                unknown, 21000 with the precondition that does not hold.
            ApiError: the caller may not change assets.
        """
        await visit.actor.check(CONTROLLER, "update")
        key = str(visit.route.key)
        members = amended_members(bind_body(visit.body, AMENDMENT_BODY))
        if not members:
            raise unusable(f"An amendment needs at least one of {', '.join(DESCRIPTIVE)}.")
        asset = await self._assets.find(visit.actor, key)
        reasons = await self._source_reasons(visit, key, asset)
        if reasons or asset is None or asset.record is None:
            raise refused(PRECONDITIONS, reasons)
        before: Source = asset.record["document"]
        amended = {name: value for name, value in members.items() if before.get(name) != value}
        if not amended:
            raise unusable(f"The amendment changes nothing: {asset.id} has these values already.")
        document = before | amended | {"AmendedInTeosOn": instant(now())}
        digest = document_hash(document)
        call = document_call(AMEND, asset.number, bytes.fromhex(digest))
        internal = {"documentHash": digest, "amends": asset.record["documentHash"]}
        data = {"Asset": document, "Amendment": amended}
        return await self._transactions.place(visit, Plan(AMENDMENT, asset.record["author"], data, call, internal))

    async def _source_reasons(self, visit: Visit, key: str, source: Asset | None) -> list[Detail]:
        """Why the caller cannot change an asset: it is not to be worked on, or its issuer is somebody else."""
        reasons = missing_reasons(key, source, self._ledger)
        if reasons or source is None:
            return reasons
        author = source.author
        if author is None or not await self._wallets.may_sign(visit, author):
            return [issuer_reason(visit, source.id, author or "")]
        return []


def missing_reasons(key: str, asset: Asset | None, ledger: int) -> list[Detail]:
    """Why an asset cannot be worked on: it belongs to another ledger, or there is none.

    Args:
        key: its id as it was given.
        asset: what was found.
        ledger: number of the ledger of this server.
    """
    number = number_of(key)
    if number is not None and ledger_of(number) != ledger:
        message = f"The asset {key} belongs to another ledger."
        ledgers = {"configuredLedgerId": str(ledger), "assetLedgerId": str(ledger_of(number))}
        return [Detail("1007", message, {"uniqueAssetId": key, **ledgers})]
    return [_unknown(key)] if asset is None else []


def link_reasons(source: str, linked: Iterable[str], targets: Sequence[str], *, is_link: bool) -> list[Detail]:
    """Why links cannot be added, or removed: one reason for each target that is linked already, or is not.

    Args:
        source: id of the asset whose links they are.
        linked: ids that it is linked to.
        targets: ids.
        is_link: whether links are added.
    """
    known = frozenset(linked)
    code, state = ("1008", "is linked to it already") if is_link else ("1009", "is not linked to it")
    return [
        Detail(
            code,
            f"The asset {target} {state}: {source}.",
            {"sourceUniqueAssetId": source, "targetUniqueAssetId": target},
        )
        for target in targets
        if (target in known) is is_link
    ]


def _unknown(text: str) -> Detail:
    return Detail("1001", f"There is no asset {text}.", {"uniqueAssetId": text})


def issuer_reason(visit: Visit, id: str, author: str) -> Detail:
    """The caller may not act for the issuer of an asset."""
    message = f"The caller does not own the address of the issuer of {id}."
    arguments = {"userId": user_guid(visit.kuid), "uniqueAssetId": id, "assetIssuerAddress": author}
    return Detail("1002", message, arguments)
