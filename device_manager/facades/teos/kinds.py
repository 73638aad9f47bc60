"""The types of transactions, and what each is about (facades 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACTIVATION, AMENDMENT = "ActivateAsset", "ActivateAmendments"
DOCUMENTING = frozenset({ACTIVATION, AMENDMENT})
"""Types that give an asset its document."""
LINKING, UNLINKING = "AddAssetLinks", "DeleteAssetLinks"
CREATION, DESTRUCTION, TRANSFER = "CreateSparks", "DestroySparks", "TransferSparks"


def asset_of(kind: str, data: Mapping[str, Any]) -> str:
    """The id of the asset that a transaction is about, by its type and `DataAsJson`."""
    return str(data["Asset"]["UniqueAssetId"] if kind in DOCUMENTING else data["SourceAssetId"])
