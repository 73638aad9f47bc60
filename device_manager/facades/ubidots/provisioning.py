"""A device with its variables in one request: what is missing is created, the rest is changed (facades 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.bodies import checked_each
from device_manager.facades.ubidots.content import LABEL_SIGN, variables_of
from device_manager.facades.ubidots.errors import UbidotsError, invalid
from device_manager.facades.ubidots.exchange import V2, Exchange, answer
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.variables import VariableRoutes, labelled
from device_manager.facades.ubidots.writing import VARIABLE, DeviceWriting, device_checks
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

STATUS, CREATED, UPDATED = "_status", "created", "updated"


class ProvisionRoutes:
    """Provisions devices.

    Args:
        reading: finds them.
        writing: writes them.
        variables: shows variables.
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting, variables: VariableRoutes) -> None:
        self._reading = reading
        self._writing = writing
        self._variables = variables

    def routes(self) -> list[Route]:
        """What there is."""
        return [Route("POST", f"{V2}/devices/_/provision", self.provision)]

    async def provision(self, exchange: Exchange) -> ForeignAnswer:
        """Create or change a device and its variables; each says in `_status` what became of it."""
        device, variables = _read(exchange.engine, exchange.incoming.json_object())
        actor = exchange.actor
        twin = await self._reading.find(actor, LABEL_SIGN + device["label"])
        status = CREATED if twin is None else UPDATED
        if twin is None:
            twin = await self._writing.create(actor, device)
        else:
            twin = await self._writing.change(actor, twin, device, whole=False)
        return await self._answer(exchange, twin, status, variables)

    async def _answer(self, exchange: Exchange, twin: Twin, status: str, variables: Sequence[Source]) -> ForeignAnswer:
        engine = exchange.engine
        known = {one.label for one in variables_of(engine, twin.id, twin.source)}
        if missing := [body for body in variables if body["label"] not in known]:
            twin = await self._writing.add_variables(exchange.actor, twin, missing)
        for body in variables:
            if body["label"] in known:
                one = labelled(engine, twin, body["label"])
                twin = await self._writing.change_variable(exchange.actor, twin, one, body, whole=False)
        rows = await self._variables.shown(exchange, [(twin, labelled(engine, twin, b["label"])) for b in variables])
        last = await self._reading.last_measured(exchange.actor, (twin.id,))
        return answer(
            {
                "device": {**shapes.device(exchange, twin, last.get(twin.id)), STATUS: status},
                "variables": [{**row, STATUS: UPDATED if row["label"] in known else CREATED} for row in rows],
            },
            201,
        )


def _read(engine: str, body: Source) -> tuple[Source, list[Source]]:
    """The device and the variables that a body is about.

    Raises:
        UbidotsError: 400001, which names what cannot be used.
    """
    variables = body.get("variables", [])
    if not isinstance(variables, list):
        raise invalid({"variables": ["Expected an array."]})
    try:
        [device] = checked_each([body.get("device")], device_checks(engine), ("label",))
    except UbidotsError as error:
        raise invalid({"device": error.body["detail"]["0"]}) from error
    try:
        known = checked_each(variables, VARIABLE, ("label",))
    except UbidotsError as error:
        raise invalid({"variables": error.body["detail"]}) from error
    labels = [one["label"] for one in known]
    if len(set(labels)) < len(labels):
        raise invalid({"variables": ["No two of them may have the same label."]})
    return device, known
