"""The service document and `$metadata`, from the types (facades 3.5)."""

from __future__ import annotations

import functools
from typing import Any
from xml.sax.saxutils import quoteattr

from device_manager.facades.teos.odata.schema import (
    ADDRESS,
    ASSET_ID,
    ENTITY_SETS,
    METADATA,
    STATE,
    STATES,
    STRING,
    TYPE,
    TYPES,
    VERSION,
    EntityType,
)

MODEL, ENUMS = "Teos.Api.Model", "Teos.Api.Model.Enums"
ENUM_MEMBERS = {STATE: {name: number for number, name in enumerate(STATES, 1)}, TYPE: TYPES}
Parameters = tuple[tuple[str, str], ...]
TARGETS: Parameters = (("targetAssetIds", f"[{STRING}]"),)
UNITS: Parameters = tuple((name, STRING) for name in ("amount", "type", "senderAddress", "targetAddress"))
AMENDED: Parameters = (
    *((name, STRING) for name in ("Name", "Description", "LanguageCode", "JurisdictionCode")),
    ("CustomDefinitionItems", "[CustomDefinitionItem]"),
)
ACTIONS: dict[str, tuple[str, Parameters, str | None]] = {
    "LinkAssets": ("Asset", TARGETS, "Transaction"),
    "UnlinkAssets": ("Asset", TARGETS, "Transaction"),
    "Amendment": ("Asset", AMENDED, "Transaction"),
    **dict.fromkeys(("CreateUnits", "DestroyUnits", "TransferUnits"), ("Asset", UNITS, "Transaction")),
    "Submit": (
        "Transaction",
        (("SignerAddress", STRING), ("SignedTransaction", STRING), ("Description", STRING)),
        "Transaction",
    ),
    "Revoke": ("Transaction", (("Signature", STRING),), None),
}
"""Actions by name: what they are bound to, their parameters, what they return."""
ADDRESSES: Parameters = (("addresses", f"[{STRING}]"),)
FUNCTIONS: dict[str, tuple[str, Parameters, str]] = {
    "GetLinkedFromAssetIds": ("Asset", (), f"[{STRING}]"),
    "ChangeLog": ("Asset", (), "[AssetVersion]"),
    "DocumentDbRecord": ("Asset", (), STRING),
    "MetaData": ("Asset", (), "AssetMetaData"),
    "TotalAmount": ("Asset", (), STRING),
    "GetSigningParameters": ("Transaction", (), "SigningParameters"),
    "GetAssetsBalances": ("[Balance]", (*ADDRESSES, ("uniqueAssetIds", f"[{STRING}]")), "[Balance]"),
    "GetEthBalances": ("[Balance]", ADDRESSES, "[EthBalance]"),
}
"""Functions by name: what they are bound to, their parameters, what they return."""
SIGNING_PARAMETERS = dict.fromkeys(
    ("Amount", "TargetAddress", "Nonce", "GasPrice", "GasLimit", "DataToSign", "ChainId"), STRING
)


def service_document(context: str) -> dict[str, Any]:
    """The names of the entity sets; `context` is the URL of the metadata document."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in ENTITY_SETS]
    return {"@odata.context": context, "value": sets}


def _edm(kind: str) -> str:
    if kind.startswith("["):
        return f"Collection({_edm(kind[1:-1])})"
    if kind in (ADDRESS, ASSET_ID):
        return STRING
    if kind in ENUM_MEMBERS:
        return f"{ENUMS}.{kind}"
    return kind if kind.startswith("Edm.") else f"{MODEL}.{kind}"


def _types() -> tuple[dict[str, EntityType], dict[str, dict[str, str]]]:
    """Entity types and complex types, each once."""
    entities = {kind.name: kind for kind in (*ENTITY_SETS.values(), VERSION)}
    complex_types = {name: dict(properties) for kind in entities.values() for name, properties in kind.complex.items()}
    balance = {"Address": STRING, "Balance": STRING}
    own = {"SigningParameters": SIGNING_PARAMETERS, "EthBalance": balance, "AssetMetaData": METADATA}
    return entities, complex_types | own


@functools.cache
def metadata_xml() -> str:
    """The document as CSDL in XML."""
    entities, complex_types = _types()
    body = [_entity_xml(kind) for kind in entities.values()]
    body += [
        f'<ComplexType Name="{name}">{_xml_properties(of, ())}</ComplexType>' for name, of in complex_types.items()
    ]
    for name, (bound, parameters, result) in ACTIONS.items():
        returned = f'<ReturnType Type="{_edm(result)}"/>' if result else ""
        body.append(f'<Action Name="{name}" IsBound="true">{_xml_parameters(bound, parameters)}{returned}</Action>')
    for name, (bound, parameters, answer) in FUNCTIONS.items():
        shape = f'{_xml_parameters(bound, parameters)}<ReturnType Type="{_edm(answer)}"/>'
        body.append(f'<Function Name="{name}" IsBound="true">{shape}</Function>')
    sets = "".join(f'<EntitySet Name="{name}" EntityType="{MODEL}.{kind.name}"/>' for name, kind in ENTITY_SETS.items())
    body.append(f'<EntityContainer Name="Container">{sets}</EntityContainer>')
    enums = "".join(
        f'<EnumType Name="{name}">'
        + "".join(f'<Member Name="{member}" Value="{value}"/>' for member, value in values.items())
        + "</EnumType>"
        for name, values in ENUM_MEMBERS.items()
    )
    edm = 'xmlns="http://docs.oasis-open.org/odata/ns/edm"'
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{MODEL}" {edm}>{"".join(body)}</Schema>'
        f'<Schema Namespace="{ENUMS}" {edm}>{enums}</Schema>'
        "</edmx:DataServices></edmx:Edmx>"
    )


def _entity_xml(kind: EntityType) -> str:
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in kind.key)
    properties = _xml_properties(dict(kind.properties), kind.key)
    return f'<EntityType Name="{kind.name}"><Key>{keys}</Key>{properties}</EntityType>'


def _xml_properties(properties: dict[str, str], key: tuple[str, ...]) -> str:
    return "".join(
        f"<Property Name={quoteattr(name)} Type={quoteattr(_edm(kind))}"
        + (' Nullable="false"/>' if name in key else "/>")
        for name, kind in properties.items()
    )


def _xml_parameters(bound: str, parameters: Parameters) -> str:
    everything = (("bindingParameter", bound), *parameters)
    return "".join(f'<Parameter Name="{name}" Type="{_edm(kind)}"/>' for name, kind in everything)


@functools.cache
def metadata_json() -> dict[str, Any]:
    """The document as CSDL in JSON."""
    entities, complex_types = _types()
    model: dict[str, Any] = {}
    for name, kind in entities.items():
        model[name] = {"$Kind": "EntityType", "$Key": list(kind.key), **_json_properties(dict(kind.properties))}
    for name, properties in complex_types.items():
        model[name] = {"$Kind": "ComplexType", **_json_properties(properties)}
    for name, (bound, parameters, result) in ACTIONS.items():
        action: dict[str, Any] = {
            "$Kind": "Action",
            "$IsBound": True,
            "$Parameter": _json_parameters(bound, parameters),
        }
        model[name] = [action | ({"$ReturnType": _json_type(result)} if result else {})]
    for name, (bound, parameters, answer) in FUNCTIONS.items():
        function = {"$Kind": "Function", "$IsBound": True, "$Parameter": _json_parameters(bound, parameters)}
        model[name] = [function | {"$ReturnType": _json_type(answer)}]
    sets = {name: {"$Collection": True, "$Type": f"{MODEL}.{kind.name}"} for name, kind in ENTITY_SETS.items()}
    model["Container"] = {"$Kind": "EntityContainer", **sets}
    enums = {name: {"$Kind": "EnumType", **members} for name, members in ENUM_MEMBERS.items()}
    return {"$Version": "4.01", "$EntityContainer": f"{MODEL}.Container", MODEL: model, ENUMS: enums}


def _json_type(kind: str) -> dict[str, Any]:
    if kind.startswith("["):
        return {"$Collection": True, "$Type": _edm(kind[1:-1])}
    return {"$Type": _edm(kind)}


def _json_properties(properties: dict[str, str]) -> dict[str, Any]:
    return {name: {"$Nullable": True, **_json_type(kind)} for name, kind in properties.items()}


def _json_parameters(bound: str, parameters: Parameters) -> list[dict[str, Any]]:
    return [{"$Name": name, **_json_type(kind)} for name, kind in (("bindingParameter", bound), *parameters)]
