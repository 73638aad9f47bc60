"""Runs a decoder over one payload, whatever it does; the outcome says what to archive (device-manager 3.2, 2 and 3)."""

from __future__ import annotations

import enum
import inspect
import traceback
from typing import Any, NamedTuple

from device_manager.decoders.decoded_payload import DecodedPayload
from device_manager.decoders.decoder import SKIP_REASON, Decoder, SkipPayload
from device_manager.errors import ApiError, api_error


class State(enum.StrEnum):
    """What became of a payload; stored with it."""

    VALID = "VALID"
    SKIP = "SKIP"
    ERROR = "ERROR"


class Outcome(NamedTuple):
    """What a decoder made of a payload.

    Attributes:
        state: VALID, SKIP or ERROR.
        reason: why it was skipped or refused.
        decoded: what is in it, if it is VALID.
        error: what the sender gets, if it is an ERROR.
    """

    state: State
    reason: str | None = None
    decoded: DecodedPayload | None = None
    error: ApiError | None = None


async def run_decoder(decoder: Decoder, payload: Any, request: Any) -> Outcome:
    """Validate and decode a payload; failures of the decoder are logged and come back as an ERROR.

    Args:
        decoder: of the device model that sent it.
        payload: the body of the request.
        request: what the decoder gets to see of the request.
    """
    decoded = DecodedPayload(decoder)
    try:
        verdict: Any = decoder.validate(payload, request)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if not verdict:
            return Outcome(State.SKIP, SKIP_REASON)
        returned: Any = decoder.decode(decoded, payload, request)
        if inspect.isawaitable(returned):
            returned = await returned
    except SkipPayload as skip:
        return Outcome(State.SKIP, skip.reason)
    except ApiError as error:
        return Outcome(State.ERROR, error.message, error=error)
    except Exception as error:
        return _failure(decoder, error)
    if returned is not None and not isinstance(returned, DecodedPayload):
        problem = TypeError(f"decode has to return the decoded payload or None, not {type(returned).__name__}")
        return _failure(decoder, problem)
    return Outcome(State.VALID, decoded=decoded if returned is None else returned)


def uuid_of(decoder: Decoder, payload: Any, request: Any) -> str | None:
    """The id that the vendor gave to a payload; None where there is none, or the decoder fails to find it."""
    try:
        return decoder.uuid_of(payload, request)
    except Exception as error:
        decoder.log.warning("the decoder failed to find the id of a payload", reason=f"{type(error).__name__}: {error}")
        return None


def _failure(decoder: Decoder, error: Exception) -> Outcome:
    """A vendor's payload that nobody foresaw, or a mistake in the decoder: the log tells where it happened.

    There is no stack in it: a device that sends such payloads would fill the log.
    """
    place = traceback.extract_tb(error.__traceback__)[-1:]
    at = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in place]
    decoder.log.warning("the decoder failed on a payload", reason=f"{type(error).__name__}: {error}", at=at)
    refusal = api_error("device_manager.decoders.failed", decoder.device_model, f"{type(error).__name__}: {error}")
    return Outcome(State.ERROR, refusal.message, error=refusal)
