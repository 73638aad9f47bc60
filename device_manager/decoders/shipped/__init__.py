"""Decoders that ship with the product and are switched on by the setting `decoder` (device-manager 3.1)."""

from __future__ import annotations

from collections.abc import Iterable

from device_manager.decoders.decoder import Decoder
from device_manager.decoders.shipped.chirp_stack import ChirpStackDecoder
from device_manager.decoders.shipped.plain_json import JsonDeviceDecoder
from device_manager.decoders.shipped.the_things_stack import TheThingsStackDecoder
from device_manager.errors import api_error

__all__ = ["ChirpStackDecoder", "JsonDeviceDecoder", "TheThingsStackDecoder", "shipped_decoders"]

SHIPPED: dict[str, type[Decoder]] = {
    "the-things-stack": TheThingsStackDecoder,
    "chirp-stack": ChirpStackDecoder,
    "json": JsonDeviceDecoder,
}


def shipped_decoders(names: Iterable[str]) -> list[Decoder]:
    """The decoders of these names, as the setting `decoder` lists them.

    Raises:
        ApiError: `device_manager.decoders.not_shipped`.
    """
    found = []
    for name in dict.fromkeys(names):
        if name not in SHIPPED:
            raise api_error("device_manager.decoders.not_shipped", name, ", ".join(SHIPPED))
        found.append(SHIPPED[name]())
    return found
