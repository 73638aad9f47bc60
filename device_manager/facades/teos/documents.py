"""The documents of assets: what they hold, what is wrong with them, their hashes (facades 3.6)."""

from __future__ import annotations

import hashlib
from typing import Any

from device_manager.facades.teos.bodies import ITEM, bind
from device_manager.facades.teos.errors import VALIDATION, Detail, refused
from device_manager.facades.teos.ledger import canonical
from device_manager.facades.teos.records import Source
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
from device_manager.facades.teos.wallets import checked_address

CODES = (
    (2003, "LanguageCode", LANGUAGES),
    (2004, "JurisdictionCode", COUNTRIES),
    (2005, "UnitOfMeasureCode", UNITS),
    (2007, "AssetClassCode", CLASSES),
)
"""Members that have to be in a table: number of the refusal, name, table."""
DEFAULTS: Source = {
    "UnitOfMeasureCode": DEFAULT_UNIT,
    "AssetClassCode": DEFAULT_CLASS,
    "SparkFactor": DEFAULT_FACTOR,
    "CurrencyCode": None,
    "SparkFactorModifier": None,
}
ITEMS = "CustomDefinitionItems"
ITEM_DEFAULTS: Source = {"Type": "STRING", "SectionsPath": ["General"], "SectionsPathNames": ["GENERAL"]}
DESCRIPTIVE = ("Name", "Description", "LanguageCode", "JurisdictionCode", ITEMS)
"""Members that an amendment may change. The others say whose an asset is and what its units are."""
LONGEST_FACTOR = 77
"""Digits of a spark factor: amounts are numbers of 256 bits."""


def new_document(content: Source) -> Source:
    """The document of a new asset, with defaults.

    Raises:
        TeosError: 22000 with everything that is wrong with it, 12001 for members of items, 2013 for the author.
    """
    document: Source = {**DEFAULTS, **content}
    reasons = _code_reasons(document)
    is_money = document["AssetClassCode"] == MONEY
    if is_money and not document["CurrencyCode"]:
        reasons.append(Detail("2021", "Assets of this class need a currency.", target="CurrencyCode"))
    if document["CurrencyCode"] and not is_money:
        reasons.append(Detail("2023", "Only money has a currency.", target="CurrencyCode"))
    factor = document["SparkFactor"]
    if not (factor.isascii() and factor.isdigit() and len(factor) <= LONGEST_FACTOR and int(factor) > 0):
        message = f"'{factor[:100]}' is no whole number above 0 with up to {LONGEST_FACTOR} digits."
        reasons.append(Detail("2006", message, target="SparkFactor"))
    items = _items(content.get(ITEMS, []), reasons)
    if reasons:
        raise refused(VALIDATION, reasons)
    return document | {ITEMS: items, "Author": checked_address(document["Author"], "Author")}


def amended_members(content: Source) -> Source:
    """The members of a document that an amendment gives new values.

    Raises:
        TeosError: 22000 with everything that is wrong with them, 12001 for members of items.
    """
    reasons = _code_reasons(content)
    items = {ITEMS: _items(content[ITEMS], reasons)} if ITEMS in content else {}
    if reasons:
        raise refused(VALIDATION, reasons)
    return content | items


def changes_between(before: Source, after: Source) -> list[dict[str, str | None]]:
    """What describes an asset in one document and differs in the next: `{Property, OldValue, NewValue}` each."""
    return [
        {"Property": name, "OldValue": _text(before.get(name)), "NewValue": _text(after.get(name))}
        for name in DESCRIPTIVE
        if before.get(name) != after.get(name)
    ]


def document_hash(document: Source) -> str:
    """SHA-256 of an asset's document without its footer, in hexadecimal digits."""
    return hashlib.sha256(canonical({name: value for name, value in document.items() if name != "footer"})).hexdigest()


def _code_reasons(members: Source) -> list[Detail]:
    return [
        Detail(str(code), f"'{members[name]}' is no {name}.", {"value": members[name]}, name)
        for code, name, table in CODES
        if name in members and members[name] not in table
    ]


def _items(given: list[Any], reasons: list[Detail]) -> list[Source]:
    """Items with defaults; what is wrong with their sections is added to the reasons."""
    items = [ITEM_DEFAULTS | bind(item, ITEM, f"{ITEMS}/{at}/") for at, item in enumerate(given)]
    if any(len(item["SectionsPath"]) != len(item["SectionsPathNames"]) for item in items):
        reasons.append(Detail("2008", "Each section has one name.", target=ITEMS))
    return items


def _text(value: Any) -> str | None:
    """A value as it stands in a list of changes: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else canonical(value).decode()
