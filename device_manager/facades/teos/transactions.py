"""The life of a transaction: placed, signed and submitted, or revoked (facades 3.6, 3.7, 3.9)."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import orjson

from device_manager.call import Call
from device_manager.facades.teos.bodies import REVOCATION, SUBMISSION, bind_body
from device_manager.facades.teos.chain.contract import Chain, Terms
from device_manager.facades.teos.chain.local import signer_key
from device_manager.facades.teos.errors import TeosError, not_found, of_transaction
from device_manager.facades.teos.ethereum import (
    BLOCK_GAS,
    SignedTransaction,
    checksummed,
    raw_bytes,
    read_transaction,
    text_signer,
)
from device_manager.facades.teos.identity import guid_of, user_guid
from device_manager.facades.teos.odata.columns import Choice, Keyword, Moment, own_key
from device_manager.facades.teos.odata.schema import ADDRESS, GUID, STATE, STATES, TYPE
from device_manager.facades.teos.odata.schema import TRANSACTION as KIND
from device_manager.facades.teos.odata.translation import Columns
from device_manager.facades.teos.record_sets import RecordSet
from device_manager.facades.teos.records import (
    RAW,
    TRANSACTION,
    Source,
    instant,
    now,
    record_key,
    records_of,
)
from device_manager.facades.teos.telling import Telling
from device_manager.facades.teos.visit import Visit
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.tasks.records import add_task
from device_manager.tasks.runner import Tasks

COMMITTING = "teos-commit"
"""Kind of the tasks that commit what was submitted."""
RECEIVED, SUBMITTED, COMMITTED, CONFIRMED, BY_USER, BY_SERVER, BY_CHAIN = STATES
DATES = dict(
    zip(
        STATES,
        (
            "onCreated",
            "onSubmitted",
            "onCommitted",
            "onConfirmed",
            "onRevokedByUser",
            "onRevokedByTxServer",
            "onRevokedByBlockchain",
        ),
        strict=True,
    )
)
"""Which date tells since when a transaction is, or was, in a state."""
COLUMNS: Columns = {
    "State": Choice("state", STATE),
    "Type": Choice("type", TYPE),
    "SignedBy": Keyword("signedBy", ADDRESS),
    "BlockchainTransactionId": Keyword("hash", ADDRESS),
    "CorrelationId": Keyword("correlation", GUID),
    "OnCreated": Moment("createdAt"),
    "OnUpdated": Moment("updatedAt"),
    "GasPrice": Keyword("gasPrice"),
    "GasUsed": Keyword("gasUsed"),
    **{date[0].upper() + date[1:]: Moment(date) for date in DATES.values() if date != "onCreated"},
}
"""How the store knows the properties of transactions."""


class Plan(NamedTuple):
    """A transaction about to be placed.

    Attributes:
        kind: its type.
        signer: checksummed address of who has to sign it.
        data: what clients see of what it does.
        call: the data to sign.
        internal: what committing needs beside that.
    """

    kind: str
    signer: str
    data: Source
    call: bytes
    internal: Source


class Transactions:
    """Keeps transactions.

    Args:
        store: where they are.
        tasks: commit what was submitted.
        chain: what they are written to.
        telling: tells what becomes of them.
        binds_chain: whether signatures have to bind the chain (EIP-155).
        numbers_states: whether clients see the numbers of states instead of their names.
    """

    def __init__(
        self, store: Store, tasks: Tasks, chain: Chain, telling: Telling, *, binds_chain: bool, numbers_states: bool
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._chain = chain
        self._telling = telling
        self._binds_chain = binds_chain
        self._numbers_states = numbers_states

    async def place(self, visit: Visit, plan: Plan) -> dict[str, Any]:
        """Store a transaction that waits for its signature; as clients see it."""
        id, moment = str(uuid.uuid4()), now()
        terms = await self._chain.terms(visit.engine, plan.signer, plan.call)
        source: Source = {
            "engine": visit.engine,
            "kind": TRANSACTION,
            "type": plan.kind,
            "state": RECEIVED,
            "createdAt": moment,
            "updatedAt": moment,
            "onCreated": moment,
            "signedBy": plan.signer,
            "kuid": visit.kuid,
            "credential": visit.actor.caller.credential,
            "correlation": visit.correlation or str(uuid.uuid4()),
            "data": orjson.dumps(plan.data).decode(),
            "call": "0x" + plan.call.hex(),
            "parameters": _parameters(terms, plan.call),
            "gasPrice": str(terms.gas_price),
            "gasUsed": "0",
            "internal": plan.internal,
        }
        key = transaction_key(visit.engine, id)
        await self._store.transact(lambda tx: tx.create(key.index, key.collection, source, key.id))
        await self._telling.state(id, source)
        return self._shown(id, source)

    async def get(self, engine: str, id: str) -> dict[str, Any]:
        """A transaction as clients see it. Raises 404."""
        return self._shown(str(guid_of(id)), (await self._read(engine, id)).source)

    async def parameters(self, engine: str, id: str) -> dict[str, str]:
        """What has to be signed, as of now. Raises 404."""
        source = (await self._read(engine, id)).source
        if source["state"] != RECEIVED:
            return dict(source["parameters"])
        call = bytes.fromhex(source["call"][2:])
        return _parameters(await self._chain.terms(engine, source["signedBy"], call), call)

    def listed(self, engine: str, kuid: str | None = None) -> RecordSet:
        """The transactions of an engine, or those that a user placed."""
        by_user = () if kuid is None else (Term("kuid", kuid),)
        columns = {**COLUMNS, "Id": own_key(transaction_key(engine, "").id)}
        base = records_of(engine, TRANSACTION, *by_user)
        return RecordSet(self._store, base, KIND, columns, lambda id, source: self._shown(own_id(id), source))

    def _shown(self, id: str, source: Source) -> dict[str, Any]:
        return shown(id, source, number=self._numbers_states)

    async def submit(self, visit: Visit, id: str) -> dict[str, Any]:
        """Take a signed transaction, once; as clients see it.

        Raises:
            TeosError: 12001 and 12002 for the body, 32000 with the one thing that is wrong with the transaction.
        """
        content = bind_body(visit.body, SUBMISSION)
        document = await self._waiting(visit.engine, id)
        terms = await self._chain.terms(visit.engine, document.source["signedBy"], b"")
        raw = raw_bytes(content["SignedTransaction"])
        signed = read_transaction(raw)
        self._check(document.source, terms, signed, content["SignerAddress"])
        text = "0x" + raw.hex()
        if document.source.get("raw") != text:  # otherwise it may have reached the chain before the server ended
            _check_nonce(signed.nonce, terms.nonce)
        if not self._chain.keeps_nonces:
            await self._send(document_key(visit, id), raw)
        return await self._accept(visit, id, signed, text)

    async def _send(self, key: Key, raw: bytes) -> None:
        """Hand a transaction over to the chain, and know about it should the server end meanwhile."""
        await self._store.transact(lambda tx: _hold(tx, key, "0x" + raw.hex()))
        try:
            await self._chain.send(raw)
        except TeosError:
            await self._store.transact(lambda tx: _hold(tx, key, None))
            raise

    def _check(self, source: Source, terms: Terms, signed: SignedTransaction, claimed: str) -> None:
        """Compare what was signed with what had to be, in the order of facades 3.9."""
        wanted = source["parameters"]
        if signed.to != terms.target.lower():
            raise of_transaction(21002, f"The transaction goes to {signed.to or 'nobody'}, not to {terms.target}.")
        if signed.value != int(wanted["Amount"]):
            raise of_transaction(21003, f"The transaction carries {signed.value}, not {wanted['Amount']}.")
        if "0x" + signed.data.hex() != source["call"]:
            raise of_transaction(21004, "The data of the transaction is not DataToSign.")
        if signed.sender != source["signedBy"] or claimed.lower() != source["signedBy"].lower():
            message = f"The transaction has to be signed by {source['signedBy']}."
            raise of_transaction(21006, message, signer=signed.sender)
        if signed.chain_id is None:
            if self._binds_chain:
                raise of_transaction(21007, "The signature binds no chain (EIP-155).")
        elif signed.chain_id != terms.chain_id:
            raise of_transaction(21007, f"The signature is for chain {signed.chain_id}, not {terms.chain_id}.")
        if signed.is_malleable:
            raise of_transaction(21000, "The signature has its s in the upper half of the order.")
        if signed.gas > BLOCK_GAS:
            raise of_transaction(21008, f"The transaction may use {signed.gas} gas, more than a block: {BLOCK_GAS}.")

    async def _accept(self, visit: Visit, id: str, signed: SignedTransaction, raw: str) -> dict[str, Any]:
        """Write down that a transaction was submitted, and begin to commit it: one transaction of the store."""
        engine, moment = visit.engine, now()
        key, seen = document_key(visit, id), record_key(engine, RAW, signed.hash)
        signer = signer_key(engine, signed.sender)
        plan = self._tasks.plan(
            COMMITTING,
            {"engine": engine, "transaction": str(guid_of(id))},
            Call(user_id=visit.kuid),
            id=f"{COMMITTING}-{guid_of(id)}",
            engine=engine,
        )

        def decide(tx: Transaction) -> Source:
            found = tx.read((key, seen, signer, plan.key))
            source = _received(found.get(key))
            if seen in found:
                raise of_transaction(20004, "This very transaction was submitted before.")
            following = found[signer].source["next"] if signer in found else 0
            if self._chain.keeps_nonces:
                _check_nonce(signed.nonce, following)
            submitted = {
                **source,
                "hash": signed.hash,
                "raw": raw,
                "nonce": signed.nonce,
                "gasPrice": str(signed.gas_price),
            }
            source = moved(submitted, SUBMITTED, moment)
            tx.replace(key, source)
            tx.create(seen.index, seen.collection, {"engine": engine, "kind": RAW, "transaction": key.id}, seen.id)
            counted = {"engine": engine, "kind": "signer", "next": signed.nonce + 1}
            if signer in found:
                tx.replace(signer, counted)
            else:
                tx.create(signer.index, signer.collection, counted, signer.id)
            add_task(tx, plan)
            return source

        source = await self._store.transact(decide)
        await self._telling.state(str(guid_of(id)), source)
        return self._shown(str(guid_of(id)), source)

    async def revoke(self, visit: Visit, id: str) -> None:
        """Give a transaction up that waits for its signature.

        Raises:
            TeosError: 10401, 10402, 10053 for a signature that is not the signer's.
        """
        content = bind_body(visit.body, REVOCATION)
        document = await self._waiting(visit.engine, id)
        signer = text_signer(str(guid_of(id)), content["Signature"])
        if signer != document.source["signedBy"]:
            message = "The signature has to be that of the signer, over the transaction's id in lower case."
            raise of_transaction(10053, message)
        key, moment = document_key(visit, id), now()

        def decide(tx: Transaction) -> Source:
            source = moved(_received(tx.read((key,)).get(key), held=False), BY_USER, moment)
            tx.replace(key, source)
            return source

        await self._telling.state(str(guid_of(id)), await self._store.transact(decide))

    async def _waiting(self, engine: str, id: str) -> Document:
        key = transaction_key(engine, guid_of(id) or "")
        document = (await self._store.read((key,))).get(key)
        _received(document)
        assert document is not None  # noqa: S101  # otherwise refused
        return document

    async def _read(self, engine: str, id: str) -> Document:
        key = transaction_key(engine, guid_of(id) or "")
        document = (await self._store.read((key,))).get(key)
        if document is None:
            raise not_found(f"There is no transaction {id}.", transactionId=id)
        return document


def transaction_key(engine: str, id: str) -> Key:
    """Where a transaction is."""
    return record_key(engine, TRANSACTION, id)


def document_key(visit: Visit, id: str) -> Key:
    """Where a transaction of the caller's engine is, by its id as it was given."""
    return transaction_key(visit.engine, str(guid_of(id)))


def moved(source: Source, state: str, moment: int) -> Source:
    """A transaction in its next state."""
    return {**source, "state": state, "updatedAt": moment, DATES[state]: moment}


def own_id(record: str) -> str:
    """The id of a transaction, from that of its record."""
    return record.rpartition(":")[2]


def _received(document: Document | None, *, held: bool = True) -> Source:
    """The transaction, which has to wait for its signature. Raises 10401 and 10402.

    Args:
        document: as it was read.
        held: whether it may be on its way to a chain at this moment.
    """
    if document is None:
        raise of_transaction(10401, "There is no such transaction.")
    source = document.source
    if source["state"] != RECEIVED or (not held and "raw" in source):
        state = source["state"] if source["state"] != RECEIVED else "being submitted"
        raise of_transaction(10402, f"The transaction is {state}, and not waiting for its signature.")
    return source


def _hold(tx: Transaction, key: Key, raw: str | None) -> None:
    """Write down what is about to be sent, so that it is known after a crash; None when the chain refused it."""
    source = {name: value for name, value in _received(tx.read((key,)).get(key)).items() if name != "raw"}
    tx.replace(key, source if raw is None else {**source, "raw": raw})


def _check_nonce(nonce: int, wanted: int) -> None:
    if nonce < wanted:
        raise of_transaction(20002, f"The nonce {nonce} was used already; the next one is {wanted}.")
    if nonce > wanted:
        raise of_transaction(10024, f"The nonce {nonce} is ahead; the next one is {wanted}.")


def _parameters(terms: Terms, call: bytes) -> dict[str, str]:
    return {
        "Amount": "0",
        "TargetAddress": checksummed(terms.target),
        "Nonce": str(terms.nonce),
        "GasPrice": str(terms.gas_price),
        "GasLimit": str(terms.gas_limit),
        "DataToSign": "0x" + call.hex(),
        "ChainId": str(terms.chain_id),
    }


def shown(id: str, source: Source, *, number: bool) -> dict[str, Any]:
    """A transaction as clients see it.

    Args:
        id: its id.
        source: its record.
        number: whether its state is a number, as text, instead of a name.
    """
    dates = {name[0].upper() + name[1:]: instant(source.get(name)) for name in DATES.values()}
    return {
        "Id": id,
        "State": str(STATES.index(source["state"]) + 1) if number else source["state"],
        "BlockchainTransactionId": source.get("hash"),
        "CorrelationId": source["correlation"],
        "Type": source["type"],
        "OnCreated": dates.pop("OnCreated"),
        "OnUpdated": instant(source["updatedAt"]),
        **dates,
        "SignedBy": source["signedBy"],
        "CreatedBy": user_guid(source["kuid"]),
        "GasPrice": source["gasPrice"],
        "GasUsed": source["gasUsed"],
        "DataAsJson": source["data"],
        "SigningParametersAsJson": orjson.dumps(source["parameters"]).decode(),
    }
