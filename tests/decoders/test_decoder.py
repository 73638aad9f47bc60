"""The class that authors of decoders subclass, and what it fills (device-manager 3.1)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.decoders import DecodedPayload, Decoder, Decoders, SkipPayload, State, run_decoder, uuid_of
from device_manager.decoders.decoder import kebab_case
from device_manager.errors import ApiError

TEMPERATURE = {"name": "temperature", "type": "temperature"}
AT = 1_700_000_000_000


class DummyTempPositionDecoder(Decoder):
    measures = [TEMPERATURE, {"name": "place", "type": "position"}]

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> DecodedPayload:
        for device in payload["devices"]:
            decoded.add_measurement(device["id"], "temperature", measured_at=AT, values={"temperature": device["t"]})
        return decoded


class Named(Decoder):
    device_model = "Probe2nd"
    action = "probe"
    http = ["PUT /probes", "POST probes/_in"]

    async def validate(self, payload: Any, request: Any) -> bool:
        if "why" in payload:
            raise SkipPayload(payload["why"])
        return "id" in payload

    async def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        decoded.add_metadata(payload["id"], {"color": payload["color"]})


def test_what_a_decoder_does_not_say_follows_from_its_class() -> None:
    decoder = DummyTempPositionDecoder()
    assert decoder.device_model == "DummyTempPosition"
    assert decoder.action == "dummy-temp-position"
    assert list(decoder.http) == ["POST device-manager/payload/dummy-temp-position"]
    assert (decoder.measure_names, decoder.measure_types) == (["temperature", "place"], ["temperature", "position"])
    assert decoder.serialize() == {
        "action": "dummy-temp-position",
        "deviceModel": "DummyTempPosition",
        "measures": [TEMPERATURE, {"name": "place", "type": "position"}],
    }
    named = Named()
    assert (named.device_model, named.action, named.http) == ("Probe2nd", "probe", ["PUT /probes", "POST probes/_in"])
    with pytest.raises(AttributeError, match="'colour'"):
        _ = named.colour  # type: ignore[attr-defined]


def test_only_the_first_decoder_in_a_name_goes() -> None:
    class DecoderDecoder(DummyTempPositionDecoder):
        pass

    assert DecoderDecoder().device_model == "Decoder"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("DummyTemp", "dummy-temp"), ("Abeeway2Tracker", "abeeway2tracker"), ("A B_c", "a-b-c"), ("GPSTag", "gpstag")],
)
def test_kebab_case(name: str, expected: str) -> None:
    assert kebab_case(name) == expected


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[str | None, int, str]:
    return error.value.id, error.value.status, error.value.message


def test_missing_properties_are_named() -> None:
    decoder, payload = DummyTempPositionDecoder(), {"rx": [{"rssi": None}], "data": {"deep": 1}}
    decoder.ensure_properties(payload, ["rx.0.rssi", "data.deep", "rx"])
    for path in ("rx.1", "data.deep.er", "rx.first", "nothing"):
        with pytest.raises(ApiError) as error:
            decoder.ensure_properties(payload, ["data", path, "other"])
        expected = ("device_manager.decoders.missing_property", 412, f'Missing property "{path}" in payload')
        assert refusal(error) == expected


def test_a_decoded_payload_holds_measures_and_metadata_by_reference() -> None:
    decoded = DecodedPayload(DummyTempPositionDecoder())
    assert not decoded.has_measurements() and not decoded.has_metadata() and decoded.references == []
    decoded.add_metadata("b", {"color": "red", "size": 1})
    decoded.add_metadata("b", {"size": 2})
    decoded.add_measurement("a", "temperature", measured_at=AT, values={"temperature": 1}, type="temperature")
    decoded.add_measurement("a", "temperature", measured_at=float(AT), values={"temperature": 2})
    decoded.add_measurement("b", "place", measured_at=AT, values={})
    assert decoded.references == ["a", "b"]
    assert [tuple(measurement) for measurement in decoded.get_measurements("a")] == [
        ("temperature", "temperature", AT, {"temperature": 1}),
        ("temperature", "temperature", AT, {"temperature": 2}),
    ]
    assert decoded.get_metadata("b") == {"color": "red", "size": 2}
    assert (decoded.get_metadata("a"), decoded.get_measurements("c")) == ({}, [])
    assert decoded.has_measurements() and decoded.has_metadata()


@pytest.mark.parametrize("wrong", [AT // 1000, AT * 10, AT + 0.5, str(AT), -AT // 10, True, None, 2**43, float("nan")])
def test_a_time_is_a_whole_number_of_13_digits(wrong: Any) -> None:
    decoded = DecodedPayload(DummyTempPositionDecoder())
    with pytest.raises(ApiError) as error:
        decoded.add_measurement("a", "temperature", measured_at=wrong, values={})
    text = 'Invalid payload: "measuredAt" should be a timestamp in milliseconds'
    assert refusal(error) == ("device_manager.decoders.invalid_measured_at", 400, text)


@pytest.mark.parametrize(
    ("arguments", "id", "text"),
    [
        (("a", "other", {}, None), "unknown_slot", 'Decoder "DummyTempPosition" has no measure named "other"'),
        (
            ("a", "place", {}, "temperature"),
            "wrong_type",
            'Decoder "DummyTempPosition" declares the measure "place" as "position", not as "temperature".',
        ),
        (
            (7, "place", {}, None),
            "invalid_reference",
            'Decoder "DummyTempPosition": a device\'s reference has to be a text, not 7.',
        ),
        (
            ("a", "place", 21.5, None),
            "invalid_values",
            'Decoder "DummyTempPosition": the values of the measure "place" have to be an object.',
        ),
    ],
)
def test_wrong_measures_are_refused(arguments: tuple[Any, ...], id: str, text: str) -> None:
    reference, name, values, type = arguments
    decoded = DecodedPayload(DummyTempPositionDecoder())
    with pytest.raises(ApiError) as error:
        decoded.add_measurement(reference, name, measured_at=AT, values=values, type=type)
    assert refusal(error) == (f"device_manager.decoders.{id}", 400, text)


def test_decoders_are_found_by_model_and_action() -> None:
    decoders = Decoders([DummyTempPositionDecoder(), Named()])
    assert [decoder.device_model for decoder in decoders] == ["DummyTempPosition", "Probe2nd"]
    assert decoders.for_model("Probe2nd") is decoders.for_action("probe")
    for find in (decoders.for_model, decoders.for_action):
        with pytest.raises(ApiError) as error:
            find("nothing")
        assert refusal(error) == ("device_manager.decoders.unknown", 400, 'Cannot find decoder for "nothing"')


class Twice(Named):
    action = "other"


class SameAction(Named):
    device_model = "Other"


class OtherModel(Named):
    device_model = "Other"
    action = "other"
    device_members = {"model": "Probe2nd"}


class Mapped(Named):
    device_model, action = "Mapped", "mapped"
    payloads_mappings = {"meta": {"properties": {"id": {"type": "keyword"}}}}


class MappedOtherwise(Named):
    device_model, action = "Otherwise", "otherwise"
    payloads_mappings = {"meta": {"properties": {"id": {"type": "text"}}}}


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (Named, Twice, 'Decoder for device model "Probe2nd" already registered'),
        (Named, SameAction, 'the action "probe" is that of the decoder for "Probe2nd" already.'),
        (Named, OtherModel, 'its device model is named "Probe2nd".'),
        (Mapped, MappedOtherwise, 'it maps the member "meta.id" of payloads differently than that for "Mapped".'),
    ],
)
def test_decoders_that_get_in_each_others_way_stop_the_start(
    first: type[Decoder], second: type[Decoder], text: str
) -> None:
    with pytest.raises(ApiError) as error:
        Decoders([first(), second()])
    assert error.value.status == 500
    assert error.value.message.endswith(text)


async def test_what_becomes_of_a_payload() -> None:
    several = await run_decoder(
        DummyTempPositionDecoder(), {"devices": [{"id": "a", "t": 1}, {"id": "b", "t": 2}]}, None
    )
    assert (several.state, several.reason, several.error) == (State.VALID, None, None)
    assert several.decoded is not None and several.decoded.references == ["a", "b"]

    metadata = await run_decoder(Named(), {"id": "a", "color": "red"}, None)
    assert metadata.decoded is not None and metadata.decoded.get_metadata("a") == {"color": "red"}

    skipped = await run_decoder(Named(), {}, None)
    assert skipped[:3] == (State.SKIP, "Skip by user defined validation", None)
    assert (await run_decoder(Named(), {"why": "a test frame"}, None))[:2] == (State.SKIP, "a test frame")


async def test_failures_of_a_decoder_are_refusals_of_the_payload() -> None:
    failed = await run_decoder(Named(), {"id": "a"}, None)
    assert failed.state is State.ERROR and failed.decoded is None and failed.error is not None
    assert failed.error.status == 400
    assert failed.reason == failed.error.message
    assert failed.reason == "The decoder for \"Probe2nd\" failed on this payload: KeyError: 'color'"

    refused = await run_decoder(DummyTempPositionDecoder(), {"devices": [{"id": 5, "t": 1}]}, None)
    assert refused.error is not None and refused.error.id == "device_manager.decoders.invalid_reference"

    class Confused(Named):
        async def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> Any:
            return {"temperature": 5}

    confused = await run_decoder(Confused(), {"id": "a"}, None)
    assert confused.state is State.ERROR and "not dict" in str(confused.reason)
    assert (await run_decoder(Decoder(), {}, None)).state is State.ERROR


def test_the_id_of_a_payload_is_the_vendors() -> None:
    class Known(Named):
        def uuid_of(self, payload: Any, request: Any) -> str | None:
            return str(payload["frame"])

    assert uuid_of(Known(), {"frame": 7}, None) == "7"
    assert uuid_of(Known(), {}, None) is None
    assert uuid_of(Named(), {"frame": 7}, None) is None
