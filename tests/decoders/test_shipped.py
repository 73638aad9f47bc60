"""The decoders that ship with the product, on messages as their network servers document them."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.decoders import Decoder, Outcome, State, run_decoder, uuid_of
from device_manager.decoders.shipped import (
    ChirpStackDecoder,
    JsonDeviceDecoder,
    TheThingsStackDecoder,
    shipped_decoders,
)
from device_manager.decoders.shipped.readings import read_object
from device_manager.errors import ApiError

Message = dict[str, Any]

IN_FRAME = {
    "temperature": {"temperature": -4.1},
    "humidity": {"humidity": 63.5},
    "position": {"position": {"lat": 42.3519, "lon": -87.9094}, "altitude": 10.0},
    "acceleration": {"acceleration": {"x": 1.234, "y": -1.234, "z": 0.0}},
    "digitalInput": {"digitalInput": 1},
    "presence": {"presence": True},
    "analogInput": {"analogInput": 3.25},
}


def measured(outcome: Outcome, reference: str) -> tuple[set[int], dict[str, Any]]:
    """The times and the values by slot of a device's measures."""
    assert outcome.decoded is not None, outcome
    assert outcome.decoded.references == [reference]
    measurements = outcome.decoded.get_measurements(reference)
    return {one.measured_at for one in measurements}, {one.measure_name: one.values for one in measurements}


async def test_an_uplink_of_the_things_stack(the_things_stack: Message, request_with: Any) -> None:
    decoder = TheThingsStackDecoder()
    assert (decoder.device_model, decoder.action) == ("TheThingsStack", "the-things-stack")
    outcome = await run_decoder(decoder, the_things_stack, request_with())
    times, values = measured(outcome, "0004A30B001C0530")
    assert times == {1_700_000_000_665}
    assert values == IN_FRAME | {"signal": {"gateways": 2, "rssi": -97, "snr": 7}}


async def test_an_uplink_of_chirp_stack(chirp_stack: Message, request_with: Any) -> None:
    decoder = ChirpStackDecoder()
    assert (decoder.device_model, decoder.action) == ("ChirpStack", "chirp-stack")
    for request in (request_with(event="up"), request_with()):
        times, values = measured(await run_decoder(decoder, chirp_stack, request), "0101010101AABBCC")
        assert times == {1_700_000_000_701}
        assert values == IN_FRAME | {"signal": {"gateways": 1, "rssi": -36, "snr": 10.5}}
    del chirp_stack["rxInfo"][0]["nsTime"]
    assert measured(await run_decoder(decoder, chirp_stack, request), "0101010101AABBCC")[0] == {1_700_000_000_775}


async def test_what_the_network_server_decoded_is_used(
    the_things_stack: Message, chirp_stack: Message, request_with: Any
) -> None:
    uplink = the_things_stack["uplink_message"]
    del uplink["rx_metadata"]
    uplink["decoded_payload"] = {
        "temperature_1": 21.5,
        "relative_humidity_2": 40,
        "gps_3": {"latitude": 48.1, "longitude": 11.6, "altitude": 519},
        "battery": 87,
        "mode": "eco",
        "analog_in_9": "broken",
    }
    outcome = await run_decoder(TheThingsStackDecoder(), the_things_stack, request_with())
    assert measured(outcome, "0004A30B001C0530")[1] == {
        "temperature": {"temperature": 21.5},
        "humidity": {"humidity": 40},
        "position": {"position": {"lat": 48.1, "lon": 11.6}, "altitude": 519},
        "battery": {"battery": 87},
    }
    chirp_stack["object"] = {
        "temperatureSensor": {"4": 19.5, "2": 21.5},
        "gpsLocation": {"3": {"latitude": 48.1, "longitude": 11.6}},
        "presenceSensor": {"1": 0},
    }
    outcome = await run_decoder(ChirpStackDecoder(), chirp_stack, request_with())
    values = measured(outcome, "0101010101AABBCC")[1]
    assert (values["temperature"], values["presence"]) == ({"temperature": 21.5}, {"presence": False})


def test_names_of_formatters() -> None:
    found = read_object(
        {
            "temp": 1,
            "co2": 600,
            "Relative-Humidity": 2,
            "latitude": 3.5,
            "longitude": 4,
            "accelerometer_2": {"x": 1, "y": 2, "z": 3},
            "gyrometer": {"x": 1},
            "digital_out_7": True,
            "pressure": True,
            "battery": {"1": 50, "two": 60},
            "2": 5,
        }
    )
    assert [tuple(reading) for reading in found] == [
        ("temperature", None, {"temperature": 1}),
        ("co2", None, {"co2": 600}),
        ("humidity", None, {"humidity": 2}),
        ("acceleration", 2, {"acceleration": {"x": 1, "y": 2, "z": 3}}),
        ("digitalOutput", 7, {"digitalOutput": 1}),
        ("position", None, {"position": {"lat": 3.5, "lon": 4}}),
    ]


async def test_further_channels_go_to_slots_of_their_own(the_things_stack: Message, request_with: Any) -> None:
    class FridgeDecoder(TheThingsStackDecoder):
        measures = [{"name": "temperature", "type": "temperature"}, {"name": "temperature5", "type": "temperature"}]

    the_things_stack["uplink_message"]["frm_payload"] = "A2cBEAVnAP8="
    outcome = await run_decoder(FridgeDecoder(), the_things_stack, request_with())
    assert measured(outcome, "0004A30B001C0530")[1] == {
        "temperature": {"temperature": 27.2},
        "temperature5": {"temperature": 25.5},
    }
    outcome = await run_decoder(TheThingsStackDecoder(), the_things_stack, request_with())
    assert measured(outcome, "0004A30B001C0530")[1]["temperature"] == {"temperature": 27.2}


async def test_other_messages_of_the_things_stack(the_things_stack: Message, request_with: Any) -> None:
    decoder = TheThingsStackDecoder()
    uplink = the_things_stack.pop("uplink_message")
    joined = the_things_stack | {"join_accept": {"session_key_id": "AXBSH1Pk", "received_at": "2023-11-14T22:13:20Z"}}
    outcome = await run_decoder(decoder, joined, request_with())
    assert outcome[:2] == (State.SKIP, "A message without measures: join_accept")
    location = {"service": "lora-cloud", "location": {"latitude": 48.1, "longitude": 11.6, "accuracy": 20}}
    solved = the_things_stack | {"location_solved": location}
    times, values = measured(await run_decoder(decoder, solved, request_with()), "0004A30B001C0530")
    assert times == {1_700_000_000_871}
    assert values == {"position": {"position": {"lat": 48.1, "lon": 11.6}, "accuracy": 20}}
    empty = the_things_stack | {"uplink_message": {"received_at": uplink["received_at"], "f_cnt": 3}}
    assert (await run_decoder(decoder, empty, request_with()))[:2] == (State.SKIP, "The uplink carries no payload")
    nameless = the_things_stack | {"uplink_message": uplink, "end_device_ids": {"device_id": "cellar-1"}}
    measured(await run_decoder(decoder, nameless, request_with()), "cellar-1")


async def test_other_events_of_chirp_stack(chirp_stack: Message, request_with: Any) -> None:
    decoder = ChirpStackDecoder()
    common = {name: chirp_stack[name] for name in ("deduplicationId", "time", "deviceInfo")}
    joined = common | {"devAddr": "00189440"}
    for request, event in ((request_with(event="join"), "join"), (request_with(), "unknown")):
        outcome = await run_decoder(decoder, joined, request)
        assert outcome[:2] == (State.SKIP, f"An event without measures: {event}")
    status = common | {"margin": 10, "batteryLevel": 88.5}
    times, values = measured(await run_decoder(decoder, status, request_with()), "0101010101AABBCC")
    assert (times, values) == ({1_700_000_000_775}, {"battery": {"battery": 88.5}})
    plugged = common | {"margin": 10, "externalPowerSource": True}
    assert (await run_decoder(decoder, plugged, request_with())).state is State.SKIP
    located = common | {
        "location": {"latitude": 48.1, "longitude": 11.6, "altitude": 519, "source": "GEO_RESOLVER_TDOA"}
    }
    assert measured(await run_decoder(decoder, located, request_with(event="location")), "0101010101AABBCC")[1] == {
        "position": {"position": {"lat": 48.1, "lon": 11.6}, "altitude": 519}
    }


def test_messages_that_are_sent_again_have_the_same_id(
    the_things_stack: Message, chirp_stack: Message, request_with: Any
) -> None:
    stack = TheThingsStackDecoder()
    assert uuid_of(stack, the_things_stack, request_with()) == "as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"
    the_things_stack["correlation_ids"].pop()
    assert uuid_of(stack, the_things_stack, request_with()) == "ns:uplink:01E0WZGT6Y7657CPFPE5WEYDSD"
    without: list[Any] = [{}, [], {"correlation_ids": None}, {"correlation_ids": [5, "rpc:x"]}]
    for payload in without:
        assert uuid_of(stack, payload, request_with()) is None
    chirp, id = ChirpStackDecoder(), chirp_stack["deduplicationId"]
    assert uuid_of(chirp, chirp_stack, request_with()) == id
    assert uuid_of(chirp, {"deduplicationId": id}, request_with(event="join")) == f"{id}:join"
    without = [{}, [], {"deduplicationId": ""}]
    for payload in without:
        assert uuid_of(chirp, payload, request_with(event="up")) is None


@pytest.mark.parametrize(
    ("frame", "problem"),
    [("AWf/", "Buffer too small!"), ("AQ==", "Invalid buffer size!"), ("AfAA", "a type of value is unknown")],
)
async def test_frames_that_are_no_cayenne(
    frame: str, problem: str, the_things_stack: Message, request_with: Any
) -> None:
    the_things_stack["uplink_message"]["frm_payload"] = frame
    outcome = await run_decoder(TheThingsStackDecoder(), the_things_stack, request_with())
    assert outcome.error is not None and outcome.error.id == "device_manager.decoders.not_cayenne"
    assert outcome.error.status == 400 and outcome.reason is not None and outcome.reason.endswith(f"{problem}.")


async def test_broken_messages_are_refused(the_things_stack: Message, chirp_stack: Message, request_with: Any) -> None:
    the_things_stack["uplink_message"]["frm_payload"] = "no base64"
    outcome = await run_decoder(TheThingsStackDecoder(), the_things_stack, request_with())
    assert outcome.error is not None and "it is not base64" in outcome.error.message
    outcome = await run_decoder(TheThingsStackDecoder(), {"uplink_message": {}}, request_with())
    assert outcome.reason == 'Missing property "end_device_ids" in payload'
    del chirp_stack["deviceInfo"]["devEui"]
    outcome = await run_decoder(ChirpStackDecoder(), chirp_stack, request_with(event="up"))
    assert outcome.reason == 'Missing property "deviceInfo.devEui" in payload'
    chirp_stack["deviceInfo"]["devEui"] = "01"
    chirp_stack["time"], chirp_stack["rxInfo"] = "yesterday", []
    outcome = await run_decoder(ChirpStackDecoder(), chirp_stack, request_with(event="up"))
    assert outcome.reason == "The payload's time has to be in ISO-8601, not 'yesterday'."


async def test_plain_json(request_with: Any) -> None:
    decoder = JsonDeviceDecoder()
    assert (decoder.device_model, decoder.action) == ("JsonDevice", "json")
    one = {
        "reference": "boiler-7",
        "uuid": "u1",
        "measuredAt": "2023-11-14T22:13:20.5Z",
        "measures": {
            "temperature": 61.5,
            "humidity": {"humidity": 40},
            "position": {"lat": 48.1, "lon": 11.6, "accuracy": 5},
            "acceleration": {"x": 1, "y": 2, "z": 3},
            "signal": {"rssi": -80},
        },
    }
    assert uuid_of(decoder, one, request_with()) == "u1"
    assert measured(await run_decoder(decoder, one, request_with()), "boiler-7") == (
        {1_700_000_000_500},
        {
            "temperature": {"temperature": 61.5},
            "humidity": {"humidity": 40},
            "position": {"position": {"lat": 48.1, "lon": 11.6}, "accuracy": 5},
            "acceleration": {"acceleration": {"x": 1, "y": 2, "z": 3}},
            "signal": {"rssi": -80},
        },
    )
    at = {"measuredAt": 1_700_000_000_000}
    several = {
        "devices": [{"reference": "a", "measures": {"battery": 5}}, {"reference": "b", "metadata": {"x": 1}} | at]
    }
    outcome = await run_decoder(decoder, several, request_with())
    assert outcome.decoded is not None and outcome.decoded.references == ["a", "b"]
    (battery,) = outcome.decoded.get_measurements("a")
    assert (battery.measured_at, battery.values) == (1_700_000_001_000, {"battery": 5})
    assert outcome.decoded.get_metadata("b") == {"x": 1}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, 'Missing property "reference" in payload'),
        ({"devices": {}}, 'Wrong type for argument "devices" (expected: array)'),
        ({"devices": [5]}, 'Wrong type for argument "devices[0]" (expected: object)'),
        ({"reference": "a", "measures": []}, 'Wrong type for argument "measures" (expected: object)'),
        ({"devices": [{"reference": "a", "metadata": 5}]}, 'Wrong type for argument "devices[0].metadata"'),
        ({"reference": "a", "measures": {"heat": 1}}, 'Decoder "JsonDevice" has no measure named "heat"'),
        (
            {"reference": "a", "measures": {"battery": 1}, "measuredAt": 1_700_000_000},
            'Invalid payload: "measuredAt" should be a timestamp in milliseconds',
        ),
    ],
)
async def test_wrong_json_is_refused_by_the_name_of_the_member(
    payload: Message, reason: str, request_with: Any
) -> None:
    outcome = await run_decoder(JsonDeviceDecoder(), payload, request_with())
    assert outcome.state is State.ERROR
    assert str(outcome.reason).startswith(reason)


def test_decoders_are_switched_on_by_name() -> None:
    names: list[type[Decoder]] = [type(decoder) for decoder in shipped_decoders(["json", "chirp-stack", "json"])]
    assert names == [JsonDeviceDecoder, ChirpStackDecoder]
    with pytest.raises(ApiError) as error:
        shipped_decoders(["sigfox"])
    assert (
        error.value.message == 'No decoder named "sigfox" ships along; there are: the-things-stack, chirp-stack, json.'
    )
