"""The types of what the interface shows: for filters, and for the metadata document (facades 3.5, 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STATES = (
    "Received",
    "Submitted",
    "Committed",
    "Confirmed",
    "RevokedByUser",
    "RevokedByTxServer",
    "RevokedByBlockchain",
)
"""Of transactions; the first one has the number 1."""
TYPES = {
    "ActivateAsset": 1,
    "CreateSparks": 2,
    "DestroySparks": 3,
    "TransferSparks": 4,
    "ActivateAmendments": 11,
    "AddAssetLinks": 43,
    "DeleteAssetLinks": 44,
}
"""Of transactions, with their numbers."""

STRING, GUID, DATE, BOOLEAN, WHOLE = "Edm.String", "Edm.Guid", "Edm.DateTimeOffset", "Edm.Boolean", "Edm.Int32"
ASSET_ID, ADDRESS = "AssetId", "Address"
"""Strings that are compared as numbers, and without regard to case."""
STATE, TYPE = "TransactionState", "TransactionType"


@dataclass(frozen=True, slots=True)
class EntityType:
    """What the members of an entity set look like.

    Attributes:
        name: of the type.
        key: names of the properties that make up the key.
        properties: their types by name; `[x]` stands for a list of x.
        complex: types of those properties that are objects, or lists of such.
        unfilterable: properties that filters may not use.
    """

    name: str
    key: tuple[str, ...]
    properties: Mapping[str, str]
    complex: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unfilterable: frozenset[str] = frozenset()

    def find(self, path: tuple[str, ...]) -> str | None:
        """The type of a property, None for an unknown one."""
        kind = self.properties.get(path[0])
        if kind is None or len(path) == 1:
            return kind
        inner = self.complex.get(kind.strip("[]"))
        return inner.get(path[1]) if inner is not None and len(path) == 2 else None


ITEM = {
    "Key": STRING,
    "Name": STRING,
    "Value": STRING,
    "Type": STRING,
    "SectionsPath": f"[{STRING}]",
    "SectionsPathNames": f"[{STRING}]",
}
TRANSLATION = {"LanguageCode": STRING, "Name": STRING, "Description": STRING}
ASSET = EntityType(
    "Asset",
    ("Id",),
    {
        "Id": ASSET_ID,
        "Author": ADDRESS,
        "Name": STRING,
        "Description": STRING,
        "LanguageCode": STRING,
        "JurisdictionCode": STRING,
        "UnitOfMeasureCode": STRING,
        "CurrencyCode": STRING,
        "SparkFactor": STRING,
        "SparkFactorModifier": STRING,
        "AssetClassCode": STRING,
        "CustomDefinitionItems": "[CustomDefinitionItem]",
        "AssetLinkIds": f"[{ASSET_ID}]",
        "CreatedInTeosOn": DATE,
        "CreatedInBlockchainOn": DATE,
        "AmendedInBlockchainOn": DATE,
        "BlockchainHash": STRING,
        "DocumentDbHash": STRING,
        "TransactionId": GUID,
        "ControllerAddress": ADDRESS,
        "Translations": "[AssetTranslation]",
        "State": STRING,
    },
    {"CustomDefinitionItem": ITEM, "AssetTranslation": TRANSLATION},
    frozenset({"BlockchainHash", "ControllerAddress", "CreatedInBlockchainOn", "AmendedInBlockchainOn", "State"}),
)
TRANSACTION = EntityType(
    "Transaction",
    ("Id",),
    {
        "Id": GUID,
        "State": STATE,
        "BlockchainTransactionId": ADDRESS,
        "CorrelationId": GUID,
        "Type": TYPE,
        "OnCreated": DATE,
        "OnUpdated": DATE,
        "OnSubmitted": DATE,
        "OnCommitted": DATE,
        "OnConfirmed": DATE,
        "OnRevokedByBlockchain": DATE,
        "OnRevokedByUser": DATE,
        "OnRevokedByTxServer": DATE,
        "SignedBy": ADDRESS,
        "CreatedBy": GUID,
        "GasPrice": STRING,
        "GasUsed": STRING,
        "DataAsJson": STRING,
        "SigningParametersAsJson": STRING,
    },
)
WALLET = EntityType(
    "Wallet",
    ("Id",),
    {
        "Id": GUID,
        "Name": STRING,
        "Description": STRING,
        "EthereumAddress": ADDRESS,
        "UserId": GUID,
        "Signable": BOOLEAN,
    },
)
BALANCE = EntityType(
    "Balance", ("Address", "UniqueAssetId"), {"Address": ADDRESS, "UniqueAssetId": ASSET_ID, "Amount": STRING}
)
CHANGE = {"Property": STRING, "OldValue": STRING, "NewValue": STRING}
VERSION = EntityType(
    "AssetVersion",
    ("UniqueAssetId", "Version"),
    {
        "UniqueAssetId": ASSET_ID,
        "Version": WHOLE,
        "Type": TYPE,
        "TransactionId": GUID,
        "BlockchainTransactionId": ADDRESS,
        "SignedBy": ADDRESS,
        "CreatedInTeosOn": DATE,
        "CreatedInBlockchainOn": DATE,
        "BlockchainHash": STRING,
        "DocumentDbHash": STRING,
        "Changes": "[AssetChange]",
    },
    {"AssetChange": CHANGE},
)
METADATA = {
    "UniqueAssetId": ASSET_ID,
    "Version": WHOLE,
    "Name": STRING,
    "Description": STRING,
    "LanguageCode": STRING,
    "JurisdictionCode": STRING,
    "CustomDefinitionItems": "[CustomDefinitionItem]",
    "AmendedInBlockchainOn": DATE,
    "BlockchainHash": STRING,
    "DocumentDbHash": STRING,
}
"""What describes an asset: what an amendment may change, and which version it is."""
ATTRIBUTE = EntityType(
    "AttributeValue", ("Code", "LanguageCode"), {"Code": STRING, "LanguageCode": STRING, "Name": STRING}
)
ENTITY_SETS = {
    "Assets": ASSET,
    "Transactions": TRANSACTION,
    "Wallets": WALLET,
    "Balances": BALANCE,
    "Languages": ATTRIBUTE,
    "Countries": ATTRIBUTE,
    "Units": ATTRIBUTE,
    "AssetClasses": ATTRIBUTE,
}
