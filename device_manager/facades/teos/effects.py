"""What a transaction changes when it is committed: its block, its effect and its state, all or nothing (facades 3.7).

Everything here decides inside one transaction of the store, and does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import structlog

from device_manager.facades.teos.asset_twins import twin_of
from device_manager.facades.teos.chain.contract import Receipt
from device_manager.facades.teos.documents import changes_between
from device_manager.facades.teos.errors import Detail
from device_manager.facades.teos.kinds import (
    ACTIVATION,
    AMENDMENT,
    CREATION,
    DOCUMENTING,
    LINKING,
    TRANSFER,
    UNLINKING,
    asset_of,
)
from device_manager.facades.teos.ledger import append, head_key
from device_manager.facades.teos.placing import link_reasons
from device_manager.facades.teos.records import ASSET, BALANCE, Source, balance_key, record_key
from device_manager.facades.teos.sparks import MOST, lacking_reason, total_of
from device_manager.facades.teos.transactions import BY_SERVER, COMMITTED, SUBMITTED, moved, own_id
from device_manager.facades.teos.versions import new_version
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.places import asset_key

GONE = Detail("1001", "An asset of the transaction is gone.")

log = structlog.get_logger("teos")


class Effect(NamedTuple):
    """What a transaction wants.

    Attributes:
        reasons: why that is no longer possible; then nothing was written.
        content: what its block says of it.
    """

    reasons: Sequence[Detail]
    content: Source


class Scene(NamedTuple):
    """What a decision looks at, read in one go.

    Attributes:
        transaction: the submitted one.
        data: what clients see of what it does.
        found: the records and twins that there are.
        place: where the record of its asset is.
        moment: now.
    """

    transaction: Document
    data: Source
    found: Mapping[Key, Document]
    place: Key
    moment: int

    @property
    def engine(self) -> str:
        """Whose ledger it is."""
        return str(self.transaction.source["engine"])

    @property
    def record(self) -> Source | None:
        """The asset, None when there is none."""
        return self.found[self.place].source if self.place in self.found else None


def commit(tx: Transaction, key: Key, receipt: Receipt, moment: int) -> str:
    """Write block, effect and new state; the state that the transaction has then, empty when it is gone.

    Args:
        tx: the transaction of the store.
        key: where the submitted transaction is.
        receipt: what the chain says.
        moment: milliseconds since 1970.
    """
    document = tx.read((key,)).get(key)
    if document is None or document.source["state"] != SUBMITTED:
        return "" if document is None else str(document.source["state"])
    source = document.source
    engine, data = source["engine"], orjson.loads(source["data"])
    id = asset_of(source["type"], data)
    place = record_key(engine, ASSET, id)
    twins = [asset_key(engine, twin) for twin in (twin_of(id), *source["internal"].get("twins", ()))]
    balances = [balance_key(engine, id, address) for address in source["internal"].get("addresses", ())]
    found = tx.read([place, head_key(engine), *twins, *balances])
    scene = Scene(document, data, found, place, moment)
    if source["type"] == ACTIVATION:
        effect = _created(tx, scene)
    elif scene.record is None or not all(twin in found for twin in twins):
        effect = Effect([GONE], {})
    elif source["type"] == AMENDMENT:
        effect = _amended(tx, scene, scene.record)
    elif source["type"] in (LINKING, UNLINKING):
        effect = _linked(tx, scene, scene.record)
    else:
        effect = _moved_sparks(tx, scene, scene.record)
    if effect.reasons:
        log.warning("a transaction is revoked", transaction=key.id, state=BY_SERVER, reason=effect.reasons[0].message)
        tx.replace(key, moved(source, BY_SERVER, moment))
        return BY_SERVER
    content = {
        "timestamp": moment,
        "txHash": source["hash"],
        "txId": own_id(key.id),
        "from": source["signedBy"],
        "nonce": source["nonce"],
        "rawTx": source["raw"],
        "action": source["type"],
    }
    block = append(tx, engine, content, effect.content)
    if source["type"] in DOCUMENTING:
        new_version(tx, block, source["onCreated"])
    done = {"gasUsed": str(receipt.gas_used), "block": block["number"], "minedIn": receipt.block}
    tx.replace(key, moved({**source, **done}, COMMITTED, moment))
    return COMMITTED


def _created(tx: Transaction, scene: Scene) -> Effect:
    """Write down a new asset."""
    source, document = scene.transaction.source, scene.data["Asset"]
    id, digest = document["UniqueAssetId"], source["internal"]["documentHash"]
    record = {
        "engine": source["engine"],
        "kind": ASSET,
        "id": id,
        "author": document["Author"],
        "document": document,
        "documentHash": digest,
        "transaction": own_id(scene.transaction.id),
        "placedAt": source["onCreated"],
        "createdAt": scene.moment,
        "version": 1,
        "links": [],
        "twins": [],
    }
    tx.create(scene.place.index, scene.place.collection, record, scene.place.id)
    return Effect([], {"source": id, "created": digest, "links": []})


def _amended(tx: Transaction, scene: Scene, record: Source) -> Effect:
    """Give an asset its amended document, if that was made of the one which it has."""
    internal, document = scene.transaction.source["internal"], scene.data["Asset"]
    id, digest = document["UniqueAssetId"], internal["documentHash"]
    if record["documentHash"] != internal["amends"]:
        return Effect([Detail("21000", f"The asset {id} was amended after this amendment was placed.")], {})
    version = record["version"] + 1
    amended = {"document": document, "documentHash": digest, "version": version, "amendedAt": scene.moment}
    tx.replace(scene.place, record | amended)
    changes = changes_between(record["document"], document)
    return Effect([], {"source": id, "amended": digest, "version": version, "changes": changes})


def _linked(tx: Transaction, scene: Scene, record: Source) -> Effect:
    """Change the links of an asset."""
    source, id, targets = scene.transaction.source, scene.data["SourceAssetId"], scene.data["TargetAssetIds"]
    is_link = source["type"] == LINKING
    reasons = link_reasons(id, record["links"], targets, is_link=is_link)
    if reasons:
        return Effect(reasons, {})
    links = dict(zip(record["links"], record["twins"], strict=True))
    if is_link:
        links |= dict(zip(targets, source["internal"]["twins"], strict=True))
    else:
        links = {target: twin for target, twin in links.items() if target not in targets}
    tx.replace(scene.place, {**record, "links": list(links), "twins": list(links.values())})
    change = "added" if is_link else "removed"
    return Effect([], {"source": id, change: targets, "links": list(links)})


def _moved_sparks(tx: Transaction, scene: Scene, record: Source) -> Effect:
    """Create sparks, destroy them, or give them to somebody else: the balances, and how many there are on all."""
    source, id, amount = scene.transaction.source, scene.data["SourceAssetId"], int(scene.data["Amount"])
    signer, total = source["signedBy"], total_of(record)
    changes: dict[str, int] = {}
    if source["type"] == CREATION:
        changes[signer] = amount
        total += amount
    else:
        changes[signer] = -amount
        if source["type"] == TRANSFER:
            changes[scene.data["TargetAddress"]] = amount
        else:
            total -= amount
    balances: dict[str, int] = {}
    for address, change in changes.items():
        document = scene.found.get(balance_key(scene.engine, id, address))
        balances[address] = (0 if document is None else int(document.source["amount"])) + change
    if balances[signer] < 0:
        return Effect([lacking_reason(id, signer, balances[signer] + amount, amount)], {})
    if total > MOST:
        return Effect([Detail("1003", f"The asset {id} cannot have more than {MOST} sparks.")], {})
    for address, left in balances.items():
        _set_balance(tx, scene, id, address, left)
    if total != total_of(record):
        tx.replace(scene.place, {**record, "sparks": str(total)})
    told = {address: str(left) for address, left in balances.items()}
    return Effect([], {"source": id, "sparks": str(total), "balances": told})


def _set_balance(tx: Transaction, scene: Scene, asset: str, address: str, amount: int) -> None:
    """Write down what an address has; who has nothing has no record."""
    key = balance_key(scene.engine, asset, address)
    before = scene.found.get(key)
    if amount == 0:
        tx.delete(key)
    elif before is not None:
        tx.replace(key, {**before.source, "amount": str(amount)})
    else:
        content = {"asset": asset, "address": address, "amount": str(amount), "createdAt": scene.moment}
        tx.create(key.index, key.collection, {"engine": scene.engine, "kind": BALANCE, **content}, key.id)
