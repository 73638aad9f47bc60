"""Creating, changing and deleting devices and their variables, by actions (facades 4.3, 4.4)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.bodies import (
    Check,
    are_tags,
    checked,
    is_flag,
    is_label,
    is_no_expression,
    is_nullable_text,
    is_object,
    is_organization_of,
    is_raw,
    is_text,
)
from device_manager.facades.ubidots.content import (
    COUNT,
    LABEL_SIGN,
    MEMBER,
    Variable,
    content_of,
    is_own,
    label_of,
    model_name,
    packed,
    variables_of,
    with_digits,
)
from device_manager.facades.ubidots.errors import UbidotsError, invalid
from device_manager.facades.ubidots.models import DeviceModels
from device_manager.facades.ubidots.reading import DEVICES, DeviceReading, Twin
from device_manager.storage.contract import Document
from device_manager.storage.sources import patched
from device_manager.storage.stamps import Source
from device_manager.twins.measures.purging import MeasurePurging
from device_manager.twins.places import twin_id

DEVICE: Mapping[str, Check] = {
    "label": is_label,
    "name": is_text,
    "description": is_text,
    "tags": are_tags,
    "properties": is_object,
    "isActive": is_flag,
}
VARIABLE: Mapping[str, Check] = {
    "label": is_label,
    "name": is_text,
    "description": is_text,
    "tags": are_tags,
    "properties": is_object,
    "unit": is_nullable_text,
    "icon": is_nullable_text,
    "type": is_raw,
    "syntheticExpression": is_no_expression,
}
DEVICE_DEFAULTS: Source = {"name": None, "description": "", "tags": [], "properties": {}, "isActive": True}
VARIABLE_DEFAULTS: Source = {
    "name": None,
    "description": "",
    "tags": [],
    "properties": {},
    "unit": None,
    "icon": None,
}
TAKEN = "This label is already in use."
FIXED_VARIABLE = "The label of a variable cannot be changed."
EXISTS = "services.storage.document_already_exists"


def device_checks(engine: str) -> Mapping[str, Check]:
    """What the members of a device's body have to be, in an engine."""
    return {**DEVICE, "organization": is_organization_of(engine)}


class DeviceWriting:
    """Writes devices.

    Args:
        reading: finds them.
        models: of what clients create.
        purging: removes measures.
        purges: whether measures go with the device or the variable that they are of.
    """

    def __init__(self, reading: DeviceReading, models: DeviceModels, purging: MeasurePurging, *, purges: bool) -> None:
        self._reading = reading
        self._models = models
        self._purging = purging
        self._purges = purges

    async def create(self, actor: Actor, body: Source) -> Twin:
        """A new device.

        Raises:
            UbidotsError: 400001 for what cannot be used, a label that another device has included.
            ApiError: what `devices:create` refuses.
        """
        known = checked(body, device_checks(actor.engine), ("label",))
        label = known["label"]
        await self._refuse_taken(actor, label)
        try:
            made = await self.create_as(actor, twin_id(model_name(actor.engine), label), known)
        except UbidotsError:
            if not await self._has_moved(actor, label):
                raise
            made = await self.create_as(actor, twin_id(model_name(actor.engine), with_digits(label)), known)
        await self.remember(actor.engine, (made,))
        return made

    async def create_as(self, actor: Actor, id: str, known: Source, key: str | None = None) -> Twin:
        """A new device with the core id `id`, of what `checked` let through; it is up to the caller to remember it.

        With an idempotency key a second call with it answers what the first one did.

        Raises:
            UbidotsError: 400001 when there is a device with that id.
            ApiError: what `devices:create` refuses.
        """
        model = await self._models.ensure(actor)
        label = known["label"]
        content = _device_content(DEVICE_DEFAULTS | {"name": label} | known)
        content |= {"label": label, "variables": {}, COUNT: 0}
        body = {"model": model, "reference": id.removeprefix(f"{model}-"), "metadata": {MEMBER: content}}
        try:
            made = await actor.call(DEVICES, "create", body=body, **({"idempotencyKey": key} if key else {}))
        except ApiError as error:
            if error.id != EXISTS:
                raise
            raise invalid({"label": [TAKEN]}) from error
        return Twin(made["_id"], made["_source"])

    async def new_twins(self, engine: str, labels: Sequence[str]) -> dict[str, str]:
        """The core ids of devices to be created, by their labels: those that are taken get further digits."""
        model = model_name(engine)
        own = {label: twin_id(model, label) for label in labels}
        taken = await self._reading.stored(engine, list(own.values()))
        return {label: twin_id(model, with_digits(label)) if id in taken else id for label, id in own.items()}

    async def _refuse_taken(self, actor: Actor, label: str) -> None:
        if await self._reading.find(actor, LABEL_SIGN + label) is not None:
            raise invalid({"label": [TAKEN]})

    async def _has_moved(self, actor: Actor, label: str) -> bool:
        """Whether the device that was created with a label has another one now; one that is being made has not."""
        own = await self._reading.read_own(actor, label)
        return own is not None and label_of(actor.engine, own.id, own.source) != label

    async def remember(self, engine: str, twins: Iterable[Twin]) -> None:
        """Let devices be found by their keys at once. Raises what the store raises."""
        await self._reading.identities.remember(engine, [Document(twin.id, twin.source, 0) for twin in twins])

    async def change(self, actor: Actor, twin: Twin, body: Source, *, whole: bool) -> Twin:
        """A device with new content; with `whole`, what the body leaves out gets its default.

        Raises:
            UbidotsError: 400001.
            ApiError: what `devices:update` refuses.
        """
        known = checked(body, device_checks(actor.engine))
        label = label_of(actor.engine, twin.id, twin.source)
        content = _device_content(DEVICE_DEFAULTS | {"name": label} | known if whole else known)
        if known.get("label", label) != label:
            await self._refuse_taken(actor, known["label"])
            content["label"] = known["label"]
        if not content:
            return twin
        if not is_own(actor.engine, twin.source):
            await self._models.ensure(actor)  # what maps the metadata
        return await self._update(actor, twin, content)

    async def delete(self, actor: Actor, twin: Twin) -> None:
        """Delete a device with its links and, if so configured, its measures. Raises what `devices:delete` refuses."""
        await actor.call(DEVICES, "delete", _id=twin.id)
        await self.purge(actor.engine, (twin.id,))

    async def purge(self, engine: str, ids: Sequence[str], slot: str | None = None) -> None:
        """Remove the measures of devices, or of one of their slots, if it is configured so."""
        if self._purges and ids:
            await self._purging.purge(engine, ids, slot)

    async def add_variables(self, actor: Actor, twin: Twin, bodies: Sequence[Source]) -> Twin:
        """The device with further variables.

        Raises:
            UbidotsError: 400001, for a label that is taken and for devices that have their slots by another model too.
            ApiError: what `models:writeDevice` and `devices:update` refuse.
        """
        engine = actor.engine
        _refuse_other_models(engine, twin)
        taken = {one.label for one in variables_of(engine, twin.id, twin.source)}
        records = {}
        for body in bodies:
            known = checked(body, VARIABLE, ("label",))
            if known["label"] in taken:
                raise invalid({"label": [TAKEN]})
            taken.add(known["label"])
            records[known["label"]] = packed(_variable_content(VARIABLE_DEFAULTS | known) | {"createdAt": _now()})
        await self._models.ensure(actor, records)
        return await self._update(actor, twin, {"variables": records})

    async def change_variable(self, actor: Actor, twin: Twin, one: Variable, body: Source, *, whole: bool) -> Twin:
        """The device with new content of a variable. Raises what `change` raises."""
        known = checked(body, VARIABLE)
        if known.get("label", one.label) != one.label:
            raise invalid({"label": [FIXED_VARIABLE]})
        content = _variable_content(VARIABLE_DEFAULTS | known if whole else known)
        await self._models.ensure(actor)
        return await self._update(actor, twin, {"variables": {one.label: packed(one.record | content)}})

    async def remove_variable(self, actor: Actor, twin: Twin, label: str) -> None:
        """Take a variable away, and its measures if so configured.

        Raises:
            UbidotsError: 400001 for devices of other models.
            ApiError: what `devices:update` refuses.
        """
        _refuse_other_models(actor.engine, twin)
        await self._models.ensure(actor)
        await self._update(actor, twin, {"variables": {label: None}})
        await self.purge(actor.engine, (twin.id,), label)

    async def remove_values(self, actor: Actor, id: str, label: str, start: int, end: int) -> None:
        """Remove what a variable of the core device `id` measured between two moments, both inclusive.

        An update of the device that changes nothing comes before: whoever may not change it removes nothing.

        Raises:
            ApiError: what `devices:update` refuses.
        """
        await actor.call(DEVICES, "update", _id=id, body={"metadata": {}})
        await self._purging.purge(actor.engine, (id,), label, between=(start, end))

    async def ensure_slots(self, actor: Actor, labels: Sequence[str]) -> None:
        """Make sure that values of variables can be stored. Raises what `models:writeDevice` refuses."""
        await self._models.ensure(actor, labels)

    async def _update(self, actor: Actor, twin: Twin, content: Source) -> Twin:
        """The device after a change of its content.

        It can be found by what is new before it is so: a device that changes is not looked for again.
        """
        metadata = twin.source.get("metadata") or {}
        planned = Twin(
            twin.id, twin.source | {"metadata": metadata | {MEMBER: patched(content_of(twin.source), content)}}
        )
        await self.remember(actor.engine, (planned,))
        counts_variables = "variables" in content and is_own(actor.engine, twin.source)
        if counts_variables:
            content = content | {COUNT: _count(actor.engine, planned)}
        changed = await self._patch(actor, twin.id, content)
        while counts_variables and content_of(changed.source).get(COUNT) != _count(actor.engine, changed):
            changed = await self._patch(actor, twin.id, {COUNT: _count(actor.engine, changed)})  # somebody else did too
        return changed

    async def _patch(self, actor: Actor, id: str, content: Source) -> Twin:
        made = await actor.call(DEVICES, "update", _id=id, body={"metadata": {MEMBER: content}})
        return Twin(made["_id"], made["_source"])


def _count(engine: str, twin: Twin) -> int:
    return len(variables_of(engine, twin.id, twin.source))


def _refuse_other_models(engine: str, twin: Twin) -> None:
    """Slots of models that somebody else has written are not ours to change."""
    if not is_own(engine, twin.source):
        model = twin.source["model"]
        raise invalid({"device": [f'The variables of this device are the measure slots of its model "{model}".']})


def _device_content(known: Source) -> Source:
    content = {name: value for name, value in known.items() if name in DEVICE_DEFAULTS}
    if "properties" in content:
        content["properties"] = packed(content["properties"])
    return content


def _variable_content(known: Source) -> Source:
    return {name: value for name, value in known.items() if name in VARIABLE_DEFAULTS}


def _now() -> int:
    return time.time_ns() // 1_000_000
