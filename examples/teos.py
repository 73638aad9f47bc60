"""Code for TEOS: makes three assets, links the first to the others, and takes one link away again, all of it signed.

It is told where to go by nothing but its arguments, the URL of the service and a token (see docs/teos.md):

    pip install httpx eth-account
    python examples/teos.py http://127.0.0.1:7512/odata/v1.0 TOKEN
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

OVER = ("Confirmed", "RevokedByUser", "RevokedByTxServer", "RevokedByBlockchain")


def sign_and_submit(service: httpx.Client, issuer: LocalAccount, transaction: dict[str, Any]) -> str:
    """Sign what the server asks for; the state in which the transaction ends."""
    path = f"/Transactions({transaction['Id']})"
    given = service.get(f"{path}/GetSigningParameters").raise_for_status().json()
    signed = issuer.sign_transaction(
        {
            "nonce": int(given["Nonce"]),
            "gasPrice": int(given["GasPrice"]),
            "gas": int(given["GasLimit"]),
            "to": given["TargetAddress"],
            "value": int(given["Amount"]),
            "data": given["DataToSign"],
            "chainId": int(given["ChainId"]),
        }
    )
    body = {"SignerAddress": issuer.address, "SignedTransaction": signed.raw_transaction.hex(), "Description": ""}
    service.post(f"{path}/Submit", json=body).raise_for_status()
    while (state := service.get(path).raise_for_status().json()["State"]) not in OVER:
        time.sleep(0.1)
    return str(state)


def main(url: str, token: str) -> None:
    issuer = Account.create()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as service:
        wallet = {"Name": "Harbour", "EthereumAddress": issuer.address, "Signable": True}
        service.post("/Wallets", json=wallet).raise_for_status()
        ids = []
        for name in ("crane", "engine", "hook"):
            asset = {"Author": issuer.address, "Name": name, "Description": "", "LanguageCode": "en"}
            placed = service.post("/Assets", json=asset | {"JurisdictionCode": "CH"}).raise_for_status().json()
            print(name, sign_and_submit(service, issuer, placed))
            ids.append(json.loads(placed["DataAsJson"])["Asset"]["UniqueAssetId"])
        crane, engine, hook = ids
        for operation, targets in (("LinkAssets", [engine, hook]), ("UnlinkAssets", [hook])):
            path = f"/Assets('{crane}')/{operation}"
            placed = service.post(path, json={"targetAssetIds": targets}).raise_for_status().json()
            print(operation, sign_and_submit(service, issuer, placed))
        links = service.get(f"/Assets('{crane}')").raise_for_status().json()["AssetLinkIds"]
        print("linked to the engine alone:", links == [engine])


if __name__ == "__main__":
    main(*sys.argv[1:])
