"""Hashes, addresses, calls and signatures of Ethereum; needs the extra `teos` (facades 3.9, 3.10)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from device_manager.facades.teos.errors import UNEXPECTED, TeosError, of_transaction

ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the group of points of secp256k1."""
ACTIVATE, AMEND = (bytes.fromhex(selector) for selector in ("583a6c45", "6645661c"))
"""Selectors: activateAsset(uint96,bytes32), activateAmendments(uint96,bytes32)."""
LINK, UNLINK = (bytes.fromhex(selector) for selector in ("88ba55ac", "1294b0aa"))
"""linkAssets(uint96,uint96[]), unlinkAssets(uint96,uint96[])."""
CREATE, DESTROY, TRANSFER = (bytes.fromhex(selector) for selector in ("fe3ba63c", "88152f3c", "8f485d69"))
"""createSparks(uint96,uint256), destroySparks(uint96,uint256), transferSparks(uint96,address,uint256)."""
WORD = 32
GAS_OF_TRANSACTION, GAS_OF_ZERO, GAS_OF_BYTE = 21_000, 4, 16
BLOCK_GAS = 30_000_000
"""What the transactions of one block may use."""
LONGEST = 1 << 20
"""Bytes of a raw transaction."""


class SignedTransaction(NamedTuple):
    """A raw transaction, taken apart.

    Attributes:
        nonce, gas_price, gas, value: as signed.
        to: address in lower case, empty for none.
        data: the call.
        sender: checksummed address that the signature tells; empty for a signature that is none.
        chain_id: that the signature binds; None for signatures that bind none.
        is_malleable: whether the signature's s is in the upper half.
        hash: keccak256 of the raw bytes, as text.
    """

    nonce: int
    gas_price: int
    gas: int
    to: str
    value: int
    data: bytes
    sender: str
    chain_id: int | None
    is_malleable: bool
    hash: str


def needed(module: str) -> Any:
    """A module of the extra `teos`.

    Raises:
        TeosError: 500 that says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        text = f'This server cannot work with signatures: install "device-manager[teos]" ({error}).'
        raise TeosError(500, UNEXPECTED, text) from error


def keccak(data: bytes) -> bytes:
    """The hash of Ethereum. Raises what `needed` raises."""
    return bytes(needed("eth_utils").keccak(data))


def checksummed(address: str) -> str:
    """An address in the case that signers insist on. Raises what `needed` raises."""
    return str(needed("eth_utils").to_checksum_address(address))


def contract_address(engine: str) -> str:
    """The address that stands for the local ledger of an engine."""
    return checksummed("0x" + keccak(f"device-manager/teos:{engine}".encode())[-20:].hex())


def document_call(selector: bytes, asset: int, document_hash: bytes) -> bytes:
    """The data of a transaction that gives an asset its document, the first one or an amended one."""
    return selector + asset.to_bytes(WORD) + document_hash


def links_call(selector: bytes, source: int, targets: Sequence[int]) -> bytes:
    """The data of a transaction that changes links."""
    words = [source, 2 * WORD, len(targets), *targets]
    return selector + b"".join(word.to_bytes(WORD) for word in words)


def sparks_call(asset: int, amount: int, *, is_creation: bool) -> bytes:
    """The data of a transaction that creates or destroys sparks."""
    return (CREATE if is_creation else DESTROY) + asset.to_bytes(WORD) + amount.to_bytes(WORD)


def transfer_call(asset: int, target: str, amount: int) -> bytes:
    """The data of a transaction that gives sparks to an address."""
    return TRANSFER + b"".join(word.to_bytes(WORD) for word in (asset, int(target, 16), amount))


def gas_used(data: bytes) -> int:
    """What a transaction costs that does nothing but carry its data."""
    return GAS_OF_TRANSACTION + sum(GAS_OF_BYTE if byte else GAS_OF_ZERO for byte in data)


def raw_bytes(text: str) -> bytes:
    """The bytes of a submitted transaction. Raises 21001 for what is no hexadecimal text."""
    digits = text.strip().removeprefix("0x").removeprefix("0X")
    if len(digits) > 2 * LONGEST:
        raise _unreadable(f"it has more than {LONGEST} bytes")
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise _unreadable("it is no hexadecimal text") from error


def read_transaction(raw: bytes) -> SignedTransaction:
    """A raw transaction, taken apart and its sender recovered.

    Raises:
        TeosError: 21001 for what is no legacy transaction.
    """
    rlp = needed("rlp")
    if raw and raw[0] < 0x80:
        raise _unreadable(f"it is in an envelope of type {raw[0]}; only legacy transactions are accepted")
    try:
        fields = rlp.decode(raw)
    except (rlp.exceptions.RLPException, TypeError) as error:
        raise _unreadable(str(error)) from error
    if not isinstance(fields, list) or len(fields) != 9 or not all(isinstance(part, bytes) for part in fields):
        raise _unreadable("it is no list of nine fields")
    nonce, gas_price, gas, value, v, r, s = (_whole(fields[place]) for place in (0, 1, 2, 4, 6, 7, 8))
    if len(fields[3]) not in (0, 20):
        raise _unreadable("its target is no address")
    chain_id = None if v in (27, 28) else (v - 35) // 2
    if chain_id is not None and chain_id < 0:
        raise _unreadable(f"its v is {v}")
    signed = fields[:6] + ([] if chain_id is None else [_bytes(chain_id), b"", b""])
    parity = v - 27 if chain_id is None else (v - 35) % 2
    return SignedTransaction(
        nonce,
        gas_price,
        gas,
        "0x" + fields[3].hex() if fields[3] else "",
        value,
        fields[5],
        _recover(keccak(rlp.encode(signed)), parity, r, s),
        chain_id,
        s > ORDER // 2,
        "0x" + keccak(raw).hex(),
    )


def text_signer(text: str, signature: str) -> str:
    """Who signed a text as a personal message (EIP-191); empty for a signature that is none."""
    digits = signature.strip().removeprefix("0x")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return ""
    if len(raw) != 65:
        return ""
    message = text.encode()
    envelope = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message
    r, s, v = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64]
    return _recover(keccak(envelope), v - 27 if v >= 27 else v, r, s)


def _recover(digest: bytes, parity: int, r: int, s: int) -> str:
    if parity not in (0, 1) or not (0 < r < ORDER and 0 < s < ORDER):
        return ""
    eth_keys = needed("eth_keys")
    try:
        signature = eth_keys.keys.Signature(vrs=(parity, r, s))
        return str(signature.recover_public_key_from_msg_hash(digest).to_checksum_address())
    except (eth_keys.exceptions.BadSignature, eth_keys.exceptions.ValidationError):
        return ""


def _whole(field: bytes) -> int:
    if field[:1] == b"\0" or len(field) > WORD:
        raise _unreadable("a number in it is not in its shortest form")
    return int.from_bytes(field)


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _unreadable(reason: str) -> TeosError:
    return of_transaction(21001, f"The signed transaction cannot be read: {reason}.")
