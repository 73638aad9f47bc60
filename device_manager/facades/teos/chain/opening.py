"""Which chain a server writes to, by its settings."""

from __future__ import annotations

from device_manager.facades.teos.chain.contract import Chain
from device_manager.facades.teos.chain.external import ExternalChain
from device_manager.facades.teos.chain.local import LocalChain
from device_manager.settings import Settings
from device_manager.storage.contract import Store


def open_chain(store: Store, settings: Settings) -> Chain:
    """The chain that `teos_...` settings describe."""
    if settings.teos_rpc_url:
        return ExternalChain(
            settings.teos_rpc_url,
            settings.teos_contract,
            settings.teos_gas_limit,
            settings.teos_confirmations,
            settings.teos_poll,
        )
    return LocalChain(
        store,
        settings.teos_chain_id,
        settings.teos_gas_price,
        settings.teos_gas_limit,
        settings.teos_confirm_delay,
    )
