"""What the settings of the interface may be; a server with others does not start (facades 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from device_manager.facades.teos.ethereum import ADDRESS, BLOCK_GAS
from device_manager.facades.teos.identity import LEDGER_BITS
from device_manager.settings import InvalidSettings, Settings

LARGEST_CHAIN = (1 << 63) - 1
"""Chain ids go through JSON and through signers that know 64 bits."""
LARGEST_PRICE = (1 << 63) - 1
LONGEST_PAGE = 10_000
RANGES: dict[str, tuple[float, float]] = {
    "teos_ledger": (0, (1 << LEDGER_BITS) - 1),
    "teos_chain_id": (1, LARGEST_CHAIN),
    "teos_gas_price": (0, LARGEST_PRICE),
    "teos_gas_limit": (1, BLOCK_GAS),
    "teos_confirm_delay": (0, float("inf")),
    "teos_confirmations": (0, float("inf")),
    "teos_poll": (0.001, float("inf")),
    "teos_rate": (0, float("inf")),
    "teos_page": (1, LONGEST_PAGE),
}
"""The least and the most that settings may be."""


def check_settings(settings: Settings) -> None:
    """Refuse settings that no server could work with.

    Raises:
        InvalidSettings: says what is wrong with each of them.
    """
    faults = [*_out_of_range(settings), *_chain_faults(settings)]
    if faults:
        raise InvalidSettings("Unusable setting: " + "; ".join(faults))


def _out_of_range(settings: Settings) -> Iterator[str]:
    for name, (least, most) in RANGES.items():
        value = getattr(settings, name)
        if not least <= value <= most:
            accepted = f"from {least} to {most}" if most != float("inf") else f"{least} or more"
            yield f"{name} is {value}, and has to be {accepted}"


def _chain_faults(settings: Settings) -> Iterator[str]:
    """A chain elsewhere needs a URL and the address of a contract, both or none."""
    url, contract = settings.teos_rpc_url, settings.teos_contract
    if url and not url.startswith(("http://", "https://")):
        yield f"teos_rpc_url is {url!r}, and has to begin with http:// or https://"
    if contract and not ADDRESS.fullmatch(contract):
        yield f"teos_contract is {contract!r}, and has to be an address: 0x and 40 hexadecimal digits"
    if url and not contract:
        yield "teos_rpc_url needs teos_contract, the address of the contract to call on that chain"
    if contract and not url:
        yield "teos_contract needs teos_rpc_url, where the chain with that contract answers"
