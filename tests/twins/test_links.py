"""The rules of linking, tried on random twins and random histories of requests (device-manager 4, design 12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.storage.contract import Document
from device_manager.twins.links import (
    Pairs,
    SlotPair,
    UnlinkSelection,
    WantedLink,
    WantedUnlink,
    asset_links,
    device_links,
    plan_link,
    plan_unlink,
    slot_types,
    with_asset_link,
    with_device_link,
)

Twins = dict[str, Document]

SLOTS = [f"s{number}" for number in range(5)]
TYPES = ["temperature", "humidity"]
DEVICES = [f"Device-{number}" for number in range(3)]
ASSETS = [f"Asset-{number}" for number in range(3)]

MANY = settings(max_examples=300, deadline=None)

slot_sets = st.dictionaries(st.sampled_from(SLOTS), st.sampled_from(TYPES), max_size=5)
pairs = st.lists(st.builds(SlotPair, st.sampled_from(SLOTS), st.sampled_from(SLOTS)), max_size=3)
wanted_links = st.builds(WantedLink, pairs.map(tuple), st.booleans())
links = st.tuples(st.just("link"), st.sampled_from(DEVICES), st.sampled_from(ASSETS), wanted_links)
selections = st.builds(
    UnlinkSelection,
    st.booleans(),
    st.lists(st.sampled_from(ASSETS), max_size=2).map(tuple),
    st.lists(st.sampled_from(SLOTS), max_size=2).map(tuple),
    st.lists(st.builds(WantedUnlink, st.sampled_from(ASSETS), st.booleans(), pairs.map(tuple)), max_size=2).map(tuple),
)
unlinks = st.tuples(st.just("unlink"), st.sampled_from(DEVICES), st.none(), selections)
histories = st.lists(links | unlinks, max_size=12)


def twin(id: str, slots: dict[str, str]) -> Document:
    measure_slots = [{"name": name, "type": type} for name, type in slots.items()]
    source: dict[str, Any] = {"model": id.partition("-")[0], "measureSlots": measure_slots, "linkedMeasures": []}
    return Document(id, source, 1)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Twins, Twins]:
    """Three devices and three assets with random slots, not linked."""
    return {id: twin(id, draw(slot_sets)) for id in DEVICES}, {id: twin(id, draw(slot_sets)) for id in ASSETS}


def store(devices: Twins, assets: Twins, device_id: str, asset_id: str, pairs: Pairs) -> None:
    device, asset = devices[device_id], assets[asset_id]
    devices[device_id] = Document(device_id, with_device_link(device.source, asset_id, pairs), device.version + 1)
    assets[asset_id] = Document(asset_id, with_asset_link(asset.source, device_id, pairs), asset.version + 1)


def apply(devices: Twins, assets: Twins, step: tuple[Any, ...]) -> ApiError | None:
    """Do one step as the operations do it; a refusal leaves everything as it was."""
    kind, device_id, asset_id, wanted = step
    try:
        if kind == "link":
            pairs = plan_link(devices[device_id], assets[asset_id], wanted)
            store(devices, assets, device_id, asset_id, pairs)
        else:
            for linked_asset, left in plan_unlink(devices[device_id], wanted).items():
                store(devices, assets, device_id, linked_asset, left)
    except ApiError as error:
        return error
    return None


@MANY
@given(worlds(), histories)
def test_no_history_of_requests_breaks_an_invariant(world: tuple[Twins, Twins], history: list[tuple[Any, ...]]) -> None:
    devices, assets = world
    for step in history:
        before = dict(devices), dict(assets)
        refusal = apply(devices, assets, step)
        if refusal is not None:
            assert refusal.status == 400
            assert (devices, assets) == before
        check_invariants(devices, assets)


def check_invariants(devices: Twins, assets: Twins) -> None:
    on_devices = {
        (device.id, asset_id): set(pairs)
        for device in devices.values()
        for asset_id, pairs in device_links(device.source).items()
    }
    on_assets = {
        (device_id, asset.id): set(pairs)
        for asset in assets.values()
        for device_id, pairs in asset_links(asset.source).items()
    }
    assert on_devices == on_assets, "the two sides differ"
    assert all(on_devices.values()), "there is a link without slot pairs"
    for device in devices.values():
        used = [pair.device for pairs in device_links(device.source).values() for pair in pairs]
        assert len(used) == len(set(used)), "a device slot takes part in two pairs"
    for asset in assets.values():
        fed = [pair.asset for pairs in asset_links(asset.source).values() for pair in pairs]
        assert len(fed) == len(set(fed)), "an asset slot takes part in two pairs"
    for (device_id, asset_id), pairs in on_devices.items():
        device_slots, asset_slots = slot_types(devices[device_id].source), slot_types(assets[asset_id].source)
        assert all(device_slots[pair.device] == asset_slots[pair.asset] for pair in pairs), "types differ"


@MANY
@given(worlds(), histories, links)
def test_a_link_asked_for_twice_changes_nothing_the_second_time(
    world: tuple[Twins, Twins], history: list[tuple[Any, ...]], step: tuple[Any, ...]
) -> None:
    devices, assets = world
    for earlier in history:
        apply(devices, assets, earlier)
    if apply(devices, assets, step) is None:
        _, device_id, asset_id, wanted = step
        device, asset = devices[device_id], assets[asset_id]
        pairs = plan_link(device, asset, wanted)
        assert with_device_link(device.source, asset_id, pairs) is device.source
        assert with_asset_link(asset.source, device_id, pairs) is asset.source


@MANY
@given(worlds(), histories, links)
def test_what_was_asked_for_holds_afterwards(
    world: tuple[Twins, Twins], history: list[tuple[Any, ...]], step: tuple[Any, ...]
) -> None:
    devices, assets = world
    for earlier in history:
        apply(devices, assets, earlier)
    if apply(devices, assets, step) is None:
        _, device_id, asset_id, wanted = step
        assert set(wanted.pairs) <= set(device_links(devices[device_id].source)[asset_id])


@MANY
@given(worlds(), histories, st.sampled_from(DEVICES))
def test_unlinking_everything_leaves_no_trace_of_the_device(
    world: tuple[Twins, Twins], history: list[tuple[Any, ...]], device_id: str
) -> None:
    devices, assets = world
    for step in history:
        apply(devices, assets, step)
    assert apply(devices, assets, ("unlink", device_id, None, UnlinkSelection(all_measures=True))) is None
    assert devices[device_id].source["linkedMeasures"] == []
    assert all(device_id not in asset_links(asset.source) for asset in assets.values())


@MANY
@given(worlds(), st.lists(links, max_size=6))
def test_links_between_different_twins_do_not_depend_on_their_order(
    world: tuple[Twins, Twins], steps: list[tuple[Any, ...]]
) -> None:
    """Requests that share neither device nor asset commute."""
    apart: list[tuple[Any, ...]] = []
    for step in steps:
        if all(step[1] != other[1] and step[2] != other[2] for other in apart):
            apart.append(step)
    forth, back = (dict(world[0]), dict(world[1])), (dict(world[0]), dict(world[1]))
    for step in apart:
        apply(*forth, step)
    for step in reversed(apart):
        apply(*back, step)
    assert forth == back


class TestRefusals:
    """Each refusal with its text."""

    device = twin("Device-0", {"in": "temperature", "wet": "humidity"})
    asset = twin("Asset-0", {"a": "temperature", "b": "temperature", "h": "humidity"})

    def refusal(self, device: Document, asset: Document, *pairs: tuple[str, str], implicit: bool = False) -> str:
        wanted = WantedLink(tuple(SlotPair(*pair) for pair in pairs), implicit)
        with pytest.raises(ApiError) as refused:
            plan_link(device, asset, wanted)
        assert refused.value.status == 400
        assert refused.value.id is not None
        return refused.value.message

    def test_an_asset_slot_that_does_not_exist(self) -> None:
        assert self.refusal(self.device, self.asset, ("x", "in")) == (
            'Measure slot "x" does not exist on asset "Asset-0".'
        )

    def test_a_device_slot_that_the_model_does_not_declare(self) -> None:
        assert self.refusal(self.device, self.asset, ("a", "x")) == (
            'Measure "x" is not declared in the device model "Device".'
        )

    def test_slots_of_different_types(self) -> None:
        assert self.refusal(self.device, self.asset, ("h", "in")) == (
            'Measure slots "in" (temperature) and "h" (humidity) have different types.'
        )

    def test_an_asset_slot_that_another_device_feeds(self) -> None:
        fed = Document("Asset-0", with_asset_link(self.asset.source, "Device-9", (SlotPair("a", "in"),)), 1)
        assert self.refusal(self.device, fed, ("a", "in")) == (
            'Measure name "a" is already provided by another device on this asset.'
        )

    def test_a_device_slot_that_feeds_another_asset(self) -> None:
        feeding = Document("Device-0", with_device_link(self.device.source, "Asset-9", (SlotPair("x", "in"),)), 1)
        assert self.refusal(feeding, self.asset, ("a", "in")) == (
            'Measure name "in" is already provided to another asset by this device.'
        )

    def test_a_slot_in_two_pairs_of_one_request(self) -> None:
        assert self.refusal(self.device, self.asset, ("a", "in"), ("b", "in")) == (
            'Measure slot "in" is named in two different pairs of one link.'
        )

    def test_nothing_fits(self) -> None:
        dry = twin("Asset-1", {"p": "pressure"})
        assert self.refusal(self.device, dry, implicit=True) == (
            'No free compatible measure slot available to link device "Device-0" to asset "Asset-1".'
        )


class TestImplicitPairing:
    """Pairing by type, in the order of the models."""

    def test_slots_are_paired_by_type_in_order_and_used_once(self) -> None:
        device = twin("Device-0", {"t1": "temperature", "h": "humidity", "t2": "temperature", "t3": "temperature"})
        asset = twin("Asset-0", {"a": "temperature", "b": "humidity", "c": "temperature"})
        assert plan_link(device, asset, WantedLink(implicit=True)) == (
            SlotPair("a", "t1"),
            SlotPair("b", "h"),
            SlotPair("c", "t2"),
        )

    def test_named_pairs_come_first_and_keep_their_slots(self) -> None:
        device = twin("Device-0", {"t1": "temperature", "t2": "temperature"})
        asset = twin("Asset-0", {"a": "temperature", "b": "temperature"})
        wanted = WantedLink((SlotPair("a", "t2"),), implicit=True)
        assert plan_link(device, asset, wanted) == (SlotPair("a", "t2"), SlotPair("b", "t1"))


class TestMerging:
    """What becomes of the pairs that a link had before."""

    device = twin("Device-0", {"t1": "temperature", "t2": "temperature"})
    asset = twin("Asset-0", {"a": "temperature", "b": "temperature"})

    def linked(self, *pairs: SlotPair) -> tuple[Document, Document]:
        return (
            Document("Device-0", with_device_link(self.device.source, "Asset-0", pairs), 1),
            Document("Asset-0", with_asset_link(self.asset.source, "Device-0", pairs), 1),
        )

    def test_a_further_pair_extends_the_link_in_front(self) -> None:
        device, asset = self.linked(SlotPair("a", "t1"))
        assert plan_link(device, asset, WantedLink((SlotPair("b", "t2"),))) == (
            SlotPair("b", "t2"),
            SlotPair("a", "t1"),
        )

    def test_a_remapped_slot_leaves_no_stale_pair_on_either_side(self) -> None:
        device, asset = self.linked(SlotPair("a", "t1"), SlotPair("b", "t2"))
        assert plan_link(device, asset, WantedLink((SlotPair("b", "t1"),))) == (SlotPair("b", "t1"),)

    def test_a_side_that_lost_the_link_gets_it_back(self) -> None:
        device, _ = self.linked(SlotPair("a", "t1"))
        pairs = plan_link(device, self.asset, WantedLink((SlotPair("a", "t1"),)))
        assert with_asset_link(self.asset.source, "Device-0", pairs)["linkedMeasures"] == [
            {"deviceId": "Device-0", "measureSlots": [{"asset": "a", "device": "t1"}]}
        ]


class TestUnlinkSelections:
    """The union of what the members name."""

    @staticmethod
    def device() -> Document:
        source = twin("Device-0", {"t1": "temperature", "t2": "temperature", "t3": "temperature"}).source
        source = with_device_link(source, "Asset-0", (SlotPair("a", "t1"), SlotPair("b", "t2")))
        return Document("Device-0", with_device_link(source, "Asset-1", (SlotPair("c", "t3"),)), 1)

    @pytest.mark.parametrize(
        ("selection", "left"),
        [
            (UnlinkSelection(all_measures=True), {"Asset-0": (), "Asset-1": ()}),
            (UnlinkSelection(assets=("Asset-1",)), {"Asset-1": ()}),
            (UnlinkSelection(device_slots=("t1",)), {"Asset-0": (SlotPair("b", "t2"),)}),
            (
                UnlinkSelection(assets=("Asset-1",), device_slots=("t2",)),
                {"Asset-0": (SlotPair("a", "t1"),), "Asset-1": ()},
            ),
            (
                UnlinkSelection(entries=(WantedUnlink("Asset-0", pairs=(SlotPair("b", "t2"),)),)),
                {"Asset-0": (SlotPair("a", "t1"),)},
            ),
            (UnlinkSelection(entries=(WantedUnlink("Asset-0", all_measures=True),)), {"Asset-0": ()}),
        ],
    )
    def test_what_stays(self, selection: UnlinkSelection, left: dict[str, Pairs]) -> None:
        assert plan_unlink(self.device(), selection) == left

    @pytest.mark.parametrize(
        ("selection", "text"),
        [
            (UnlinkSelection(assets=("Asset-7",)), 'Device "Device-0" is not linked to an asset.'),
            (UnlinkSelection(all_measures=True, assets=("Asset-7",)), 'Device "Device-0" is not linked to an asset.'),
            (UnlinkSelection(device_slots=("t9",)), 'Measure "t9" of device "Device-0" is not linked.'),
            (
                UnlinkSelection(entries=(WantedUnlink("Asset-0", pairs=(SlotPair("a", "t2"),)),)),
                'Measure "t2" of device "Device-0" is not linked.',
            ),
        ],
    )
    def test_what_is_refused(self, selection: UnlinkSelection, text: str) -> None:
        with pytest.raises(ApiError) as refused:
            plan_unlink(self.device(), selection)
        assert refused.value.message == text
        assert refused.value.status == 400
