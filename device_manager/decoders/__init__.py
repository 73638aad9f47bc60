"""How the payloads that vendors' devices and gateways send become measures (device-manager 3.1).

Authors of decoders need only this package: they subclass `Decoder`, fill the `DecodedPayload` that they are given, and
raise `SkipPayload` for payloads that are fine but tell nothing.
"""

from __future__ import annotations

from device_manager.decoders.decoded_payload import DecodedPayload, Measurement
from device_manager.decoders.decoder import Decoder, SkipPayload, Slot
from device_manager.decoders.outcome import Outcome, State, run_decoder, uuid_of
from device_manager.decoders.registry import Decoders

__all__ = [
    "DecodedPayload",
    "Decoder",
    "Decoders",
    "Measurement",
    "Outcome",
    "SkipPayload",
    "Slot",
    "State",
    "run_decoder",
    "uuid_of",
]
