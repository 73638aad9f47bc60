"""The decoders of one server, by device model and by action (device-manager 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog

from device_manager.decoders.decoder import Decoder
from device_manager.errors import api_error

log = structlog.get_logger("decoders")


class Decoders:
    """Decoders in the order of their registration; iterate over it to get them.

    Args:
        decoders: registered at once.

    Raises:
        ApiError: what `register` refuses.
    """

    def __init__(self, decoders: Iterable[Decoder] = ()) -> None:
        self._by_model: dict[str, Decoder] = {}
        self._by_action: dict[str, Decoder] = {}
        for decoder in decoders:
            self.register(decoder)

    def register(self, decoder: Decoder) -> None:
        """Add a decoder.

        Raises:
            ApiError: `device_manager.decoders.already_registered` when its device model has one already;
                `invalid_registration` when its action is taken, it names another device model than its own, or it maps
                a member of its payloads differently than another decoder does.
        """
        model, action = decoder.device_model, decoder.action
        if model in self._by_model:
            raise api_error("device_manager.decoders.already_registered", model)
        if action in self._by_action:
            other = self._by_action[action].device_model
            raise _unusable(decoder, f'the action "{action}" is that of the decoder for "{other}" already')
        named = decoder.device_body()["model"]
        if named != model:
            raise _unusable(decoder, f'its device model is named "{named}"')
        self._check_mappings(decoder)
        if not decoder.measures:
            log.warning("a decoder has no measures: its payloads can carry metadata only", device_model=model)
        self._by_model[model] = decoder
        self._by_action[action] = decoder

    def _check_mappings(self, decoder: Decoder) -> None:
        for other in self:
            path = _conflict(other.payloads_mappings, decoder.payloads_mappings)
            if path is not None:
                reason = f'it maps the member "{path}" of payloads differently than that for "{other.device_model}"'
                raise _unusable(decoder, reason)

    def for_model(self, device_model: str) -> Decoder:
        """The decoder of a device model. Raises `device_manager.decoders.unknown`."""
        decoder = self._by_model.get(device_model)
        if decoder is None:
            raise api_error("device_manager.decoders.unknown", device_model)
        return decoder

    def for_action(self, action: str) -> Decoder:
        """The decoder behind an action. Raises `device_manager.decoders.unknown`."""
        decoder = self._by_action.get(action)
        if decoder is None:
            raise api_error("device_manager.decoders.unknown", action)
        return decoder

    def __iter__(self) -> Iterator[Decoder]:
        return iter(self._by_model.values())

    def __len__(self) -> int:
        return len(self._by_model)


def _unusable(decoder: Decoder, reason: str) -> Exception:
    return api_error("device_manager.decoders.invalid_registration", decoder.device_model, reason)


def _conflict(first: Mapping[str, Any], second: Mapping[str, Any], above: str = "") -> str | None:
    """The path of the first member that both define but differently."""
    for name in first.keys() & second.keys():
        one, two = first[name], second[name]
        if one == two:
            continue
        if not (isinstance(one, Mapping) and isinstance(two, Mapping)):
            return above.rstrip(".")
        inside = f"{above}{name}." if name != "properties" else above
        path = _conflict(one, two, inside)
        if path is not None:
            return path
    return None
