"""What a client asks to be done to assets, checked and made into a transaction that waits for its signature.

See facades 3.6 and 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from device_manager.facades.teos.asset_twins import CONTROLLER
from device_manager.facades.teos.assets import Asset, Assets, document_hash
from device_manager.facades.teos.bodies import ASSET, ITEM, LINKS, bind, bind_body
from device_manager.facades.teos.errors import PRECONDITIONS, VALIDATION, Detail, invalid, refused
from device_manager.facades.teos.ethereum import LINK, UNLINK, activation_call, links_call
from device_manager.facades.teos.identity import ledger_of, new_number, number_of, text_of, user_guid
from device_manager.facades.teos.kinds import ACTIVATION, LINKING, UNLINKING
from device_manager.facades.teos.records import Source, instant, now
from device_manager.facades.teos.tables import (
    CLASSES,
    COUNTRIES,
    DEFAULT_CLASS,
    DEFAULT_FACTOR,
    DEFAULT_UNIT,
    LANGUAGES,
    MONEY,
    UNITS,
)
from device_manager.facades.teos.transactions import Plan, Transactions
from device_manager.facades.teos.visit import Visit
from device_manager.facades.teos.wallets import Wallets, checked_address

CODES = (
    (2003, "LanguageCode", LANGUAGES),
    (2004, "JurisdictionCode", COUNTRIES),
    (2005, "UnitOfMeasureCode", UNITS),
    (2007, "AssetClassCode", CLASSES),
)
"""Members that have to be in a table: number of the refusal, name, table."""
ITEM_DEFAULTS: Source = {"Type": "STRING", "SectionsPath": ["General"], "SectionsPathNames": ["GENERAL"]}

LONGEST_FACTOR = 77
"""Digits of a spark factor: amounts are numbers of 256 bits."""


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
        document = _document(bind_body(visit.body, ASSET))
        number = new_number(self._ledger)
        document["UniqueAssetId"] = text_of(number)
        document["CreatedInTeosOn"] = instant(now())
        author = document["Author"]
        if not await self._wallets.may_sign(visit, author):
            raise refused(PRECONDITIONS, (issuer_reason(visit, document["UniqueAssetId"], author),))
        digest = document_hash(document)
        call = activation_call(number, bytes.fromhex(digest))
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

    async def _source_reasons(self, visit: Visit, key: str, source: Asset | None) -> list[Detail]:
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


def _document(content: Source) -> Source:
    """The document of a new asset, with defaults. Raises 22000 with everything that is wrong with it."""
    is_money = content.get("AssetClassCode") == MONEY
    defaults = {"UnitOfMeasureCode": DEFAULT_UNIT, "AssetClassCode": DEFAULT_CLASS, "SparkFactor": DEFAULT_FACTOR}
    document: Source = {**defaults, "CurrencyCode": None, "SparkFactorModifier": None, **content}
    reasons = [
        Detail(str(code), f"'{document[name]}' is no {name}.", {"value": document[name]}, name)
        for code, name, table in CODES
        if document[name] not in table
    ]
    if is_money and not document["CurrencyCode"]:
        reasons.append(Detail("2021", "Assets of this class need a currency.", target="CurrencyCode"))
    if document["CurrencyCode"] and not is_money:
        reasons.append(Detail("2023", "Only money has a currency.", target="CurrencyCode"))
    factor = document["SparkFactor"]
    if not (factor.isascii() and factor.isdigit() and len(factor) <= LONGEST_FACTOR and int(factor) > 0):
        message = f"'{factor[:100]}' is no whole number above 0 with up to {LONGEST_FACTOR} digits."
        reasons.append(Detail("2006", message, target="SparkFactor"))
    given = content.get("CustomDefinitionItems", [])
    items = [ITEM_DEFAULTS | bind(item, ITEM, f"CustomDefinitionItems/{at}/") for at, item in enumerate(given)]
    if any(len(item["SectionsPath"]) != len(item["SectionsPathNames"]) for item in items):
        reasons.append(Detail("2008", "Each section has one name.", target="CustomDefinitionItems"))
    if reasons:
        raise refused(VALIDATION, reasons)
    return document | {"CustomDefinitionItems": items, "Author": checked_address(document["Author"], "Author")}
