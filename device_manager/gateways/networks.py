"""Networks whose callers may see something without asking for a right (design 8)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from device_manager.gateways.http_exchange import Exchange
from device_manager.settings import InvalidSettings

FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")
"""Headers of proxies: behind one, the address of a socket says nothing about the caller."""


class Networks:
    """Addresses by network.

    Args:
        setting: name of the setting that lists them.
        texts: such as `127.0.0.1`, `::1` or `10.0.0.0/8`.

    Raises:
        InvalidSettings: something else than that.
    """

    def __init__(self, setting: str, texts: Iterable[str]) -> None:
        try:
            self._networks = [ipaddress.ip_network(text) for text in texts]
        except ValueError as error:
            raise InvalidSettings(f'Unusable setting "{setting}": {error}; write 127.0.0.1 or 10.0.0.0/8.') from error

    def hold(self, host: str | None, exchange: Exchange) -> bool:
        """Whether a message comes from one of them, and from the caller himself."""
        if not self._networks or host is None or any(exchange.header(name) is not None for name in FORWARDED):
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)
