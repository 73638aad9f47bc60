"""Records of tokens that must not be used any more, as steps inside a transaction (design 6, 8).

A session token carries the epoch of its user. It is valid while the user's epoch is that one and no record says that
it was revoked or used up. So logging in writes nothing, and revoking all tokens of a user writes one document.
"""

from __future__ import annotations

from device_manager.security.places import REVOCATION_LOG, TOKENS, epoch_key, revocation_key
from device_manager.storage.contract import Document, Transaction
from device_manager.storage.generation import generation_key, raise_generation

GENERATION = generation_key("tokens")
LOG_LENGTH = 200
"""Users in the log; a process that missed more forgets every token that it has seen."""


def epoch_of(record: Document | None) -> int:
    """The epoch that the record of a user says, 0 when there is none."""
    epoch = record.source.get("epoch") if record else None
    return epoch if isinstance(epoch, int) else 0


def revoke_one(tx: Transaction, kuid: str, token_id: str, *, at: int, expires_at: int) -> bool:
    """End one session token; False when it was ended before.

    Args:
        tx: the transaction.
        kuid: its user.
        token_id: which one.
        at: from when on it is refused, milliseconds since 1970.
        expires_at: until when the record is needed, milliseconds since 1970 or -1.
    """
    key = revocation_key(token_id)
    known = tx.read((key,)).get(key)
    if known is not None and known.source["revokedAt"] <= at:
        return False
    record = {"kuid": kuid, "revokedAt": at, "expiresAt": expires_at}
    if known is None:
        tx.create(key.index, key.collection, record, key.id)
    else:
        tx.replace(key, record)
    announce(tx, kuid)
    return known is None


def use_up(tx: Transaction, kuid: str, token_id: str, *, now: int, expires_at: int) -> bool:
    """Note that a single-use token was used; False when it was used before. Nobody keeps those in memory."""
    key = revocation_key(token_id)
    if key in tx.read((key,)):
        return False
    tx.create(key.index, key.collection, {"kuid": kuid, "revokedAt": now, "expiresAt": expires_at}, key.id)
    return True


def revoke_all(tx: Transaction, kuid: str) -> None:
    """End all session tokens that a user has. API keys are documents of their own and stay."""
    key = epoch_key(kuid)
    known = tx.read((key,)).get(key)
    if known is None:
        tx.create(key.index, key.collection, {"kuid": kuid, "epoch": 1}, key.id)
    else:
        tx.replace(key, {"kuid": kuid, "epoch": epoch_of(known) + 1})
    announce(tx, kuid)


def announce(tx: Transaction, kuid: str) -> None:
    """Tell all processes to look again at the tokens and API keys of a user."""
    log = tx.read((REVOCATION_LOG,)).get(REVOCATION_LOG)
    if log is None:
        tx.create(TOKENS.index, TOKENS.collection, {"position": 1, "latest": [kuid]}, REVOCATION_LOG.id)
    else:
        latest = [*log.source["latest"], kuid][-LOG_LENGTH:]
        tx.replace(REVOCATION_LOG, {"position": log.source["position"] + 1, "latest": latest})
    raise_generation(tx, GENERATION)
