"""Binding the bodies of actions: members by name in any case, each of its type, none beside them (facades 3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from device_manager.facades.teos.errors import UNBOUND, UNUSABLE, Detail, TeosError, refused


class Member(NamedTuple):
    """What a body may hold.

    Attributes:
        kind: `string`, `strings`, `boolean`, `objects`, `amount`, or `fixed` for what nobody can change.
        required: whether it has to be there.
    """

    kind: str
    required: bool = False


Shape = Mapping[str, Member]
REQUIRED = Member("string", required=True)
OPTIONAL = Member("string")
LINKS: Shape = {"targetAssetIds": Member("strings", required=True)}
SUBMISSION: Shape = {"SignerAddress": REQUIRED, "SignedTransaction": REQUIRED, "Description": OPTIONAL}
SPARKS: Shape = {
    "amount": Member("amount", required=True),
    **dict.fromkeys(("type", "senderAddress", "targetAddress"), OPTIONAL),
}
REVOCATION: Shape = {"Signature": REQUIRED}
WALLET: Shape = {
    "Name": REQUIRED,
    "EthereumAddress": REQUIRED,
    "Description": OPTIONAL,
    "Signable": Member("boolean"),
}
ASSET: Shape = {
    **dict.fromkeys(("Author", "Name", "Description", "LanguageCode", "JurisdictionCode"), REQUIRED),
    **dict.fromkeys(
        ("UnitOfMeasureCode", "CurrencyCode", "SparkFactor", "SparkFactorModifier", "AssetClassCode"), OPTIONAL
    ),
    "CustomDefinitionItems": Member("objects"),
}
AMENDMENT: Shape = {
    **dict.fromkeys(("Name", "Description", "LanguageCode", "JurisdictionCode"), OPTIONAL),
    "CustomDefinitionItems": Member("objects"),
    **dict.fromkeys(
        ("Author", "UnitOfMeasureCode", "CurrencyCode", "SparkFactor", "SparkFactorModifier", "AssetClassCode"),
        Member("fixed"),
    ),
}
ITEM: Shape = {
    **dict.fromkeys(("Key", "Name", "Value"), REQUIRED),
    "Type": OPTIONAL,
    "SectionsPath": Member("strings"),
    "SectionsPathNames": Member("strings"),
}


def bind_body(body: bytes, shape: Shape) -> dict[str, Any]:
    """The members of a body under their names in `shape`; those that are null are left out.

    Raises:
        TeosError: 12002 for what is no JSON object, 12001 with everything that is wrong with its members.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise TeosError(400, UNBOUND, f"The body is no JSON: {error}", (Detail(UNBOUND, str(error)),)) from error
    return bind(content, shape)


def bind(content: Any, shape: Shape, prefix: str = "") -> dict[str, Any]:
    """The members of an object under their names in `shape`. Raises what `bind_body` raises.

    Args:
        content: what came.
        shape: what may come.
        prefix: in front of the names of members, for messages.
    """
    if not isinstance(content, dict):
        message = "The body has to be a JSON object."
        raise TeosError(400, UNBOUND, message, (Detail(UNBOUND, message, target=prefix.rstrip("/")),))
    names = {name.lower(): name for name in shape}
    known = {names[name.lower()]: value for name, value in content.items() if name.lower() in names}
    reasons = [
        Detail(UNUSABLE, f"The property '{prefix}{name}' is unknown here.", target=f"{prefix}{name}")
        for name in content
        if name.lower() not in names
    ]
    for name, member in shape.items():
        if reason := _reason(prefix + name, member, known.get(name)):
            reasons.append(Detail(UNUSABLE, reason, target=prefix + name))
    if reasons:
        raise refused(UNUSABLE, reasons)
    return {name: value for name, value in known.items() if value is not None}


def _reason(name: str, member: Member, value: Any) -> str:
    if value is None:
        return f"The property '{name}' is missing." if member.required else ""
    if member.kind == "fixed":
        return f"The property '{name}' cannot be amended: it stays as it was when the asset was created."
    return "" if _fits(member.kind, value) else f"The property '{name}' has a value of the wrong type."


def _fits(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "amount":
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    wanted = str if kind == "strings" else dict
    return isinstance(value, list) and all(isinstance(element, wanted) for element in value)
