"""The routes of values, all of them in v1.6 (facades 4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.bodies import is_label
from device_manager.facades.ubidots.content import IS_ID, LABEL_SIGN, Variable, variable_id, variables_of
from device_manager.facades.ubidots.errors import UbidotsError, invalid, translated
from device_manager.facades.ubidots.exchange import V1, Exchange, answer
from device_manager.facades.ubidots.measuring import Dot, Measuring, Window, read_dot
from device_manager.facades.ubidots.pages import enveloped, read_page
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.variables import labelled
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

PAGE_SIZE = 100
STORED = 201
ATTEMPTS = 20
PAUSE = 0.05
"""Seconds between two looks for a device that somebody else is creating."""


class ValueRoutes:
    """Takes and gives values.

    Args:
        reading: finds devices and variables.
        writing: creates those that are missing.
        measuring: stores and reads values.
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting, measuring: Measuring) -> None:
        self._reading = reading
        self._writing = writing
        self._measuring = measuring

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            Route("GET", f"{V1}/variables/{{}}/values", self.page),
            Route("POST", f"{V1}/variables/{{}}/values", self.send),
            Route("DELETE", f"{V1}/variables/{{}}/values/{{}}/{{}}", self.delete),
            Route("POST", f"{V1}/collections/values", self.send_collection),
            Route("POST", f"{V1}/devices/_/bulk/values", self.send_to_devices),
            Route("POST", f"{V1}/devices/{{}}", self.send_to_device),
            Route("GET", f"{V1}/devices/{{}}/{{}}/values", self.list_by_label),
            Route("POST", f"{V1}/devices/{{}}/{{}}/values", self.send_by_label),
            Route("GET", f"{V1}/devices/{{}}/{{}}/lv", self.last_by_label),
        ]

    async def page(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """A page of the history of a variable, the newest value first."""
        return await self._list(exchange, *await self._reading.variable(exchange.actor, id))

    async def list_by_label(self, exchange: Exchange, device: str, label: str) -> ForeignAnswer:
        """The same of the variable with a label."""
        twin = await self._device(exchange.actor, device)
        return await self._list(exchange, twin, labelled(exchange.engine, twin, label))

    async def _list(self, exchange: Exchange, twin: Twin, one: Variable) -> ForeignAnswer:
        incoming = exchange.incoming
        page = read_page(incoming, PAGE_SIZE)
        window = Window(page.offset, page.size, _moment(exchange, "start"), _moment(exchange, "end"))
        measures, count = await self._measuring.history(exchange.actor, twin, one, window)
        rows = [shapes.value(exchange, twin, one, measure) for measure in measures]
        return answer(enveloped(incoming, page, rows, count))

    async def send(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """Store a value, or several in a list, each of which is accepted or refused for itself."""
        body = exchange.incoming.json()
        twin, one = await self._reading.variable(exchange.actor, id)
        return await self._send(exchange, twin, one, body)

    async def send_by_label(self, exchange: Exchange, device: str, label: str) -> ForeignAnswer:
        """The same for the variable with a label, which is created if it is missing."""
        body = exchange.incoming.json()
        twin = await self._obtain(exchange.actor, device, [label])
        return await self._send(exchange, twin, labelled(exchange.engine, twin, label), body)

    async def _send(self, exchange: Exchange, twin: Twin, one: Variable, body: Any) -> ForeignAnswer:
        if isinstance(body, list):
            return answer(await self._send_each(exchange.actor, twin, [(one, item) for item in body]))
        dot = read_dot(body)
        await self._measuring.send(exchange.actor, twin, [(one, dot)])
        return answer(_shown(exchange, twin, one, dot), STORED)

    async def delete(self, exchange: Exchange, id: str, start: str, end: str) -> ForeignAnswer:
        """Remove the values of a variable between two moments, both inclusive."""
        twin, one = await self._reading.variable(exchange.actor, id)
        if not (start.isdigit() and end.isdigit()):
            raise invalid({"timestamp": ["Whole numbers of milliseconds since 1970 are required."]})
        await self._writing.remove_values(exchange.actor, twin.id, one.label, int(start), int(end))
        return answer({})

    async def send_collection(self, exchange: Exchange) -> ForeignAnswer:
        """Store values of several variables, each of which is accepted or refused for itself."""
        body = exchange.incoming.json()
        if not isinstance(body, list):
            raise invalid({"non_field_errors": ["Expected an array."]})
        return answer([await self._send_item(exchange.actor, item) for item in body])

    async def _send_item(self, actor: Actor, item: Any) -> Source:
        try:
            id = item.get("variable") if isinstance(item, dict) else None
            if not isinstance(id, str):
                raise invalid({"variable": ["The id of a variable is required."]})
            twin, one = await self._reading.variable(actor, id)
        except UbidotsError as error:
            return {"status_code": error.status, **error.body}
        [outcome] = await self._send_each(actor, twin, [(one, item)])
        return outcome

    async def send_to_device(self, exchange: Exchange, label: str) -> ForeignAnswer:
        """Store values by the labels of their variables; the device and its variables are created if missing."""
        body = exchange.incoming.json_object()
        _check_labels(body)
        return answer(await self._send_named(exchange, label, body))

    async def send_to_devices(self, exchange: Exchange) -> ForeignAnswer:
        """The same for several devices, by their labels."""
        body = exchange.incoming.json_object()
        _check_labels(body)
        for label, content in body.items():
            if not isinstance(content, dict):
                raise invalid({label: ["Expected an object with values by the labels of variables."]})
            _check_labels(content)
        return answer({label: await self._try_named(exchange, label, content) for label, content in body.items()})

    async def _try_named(self, exchange: Exchange, label: str, body: Source) -> dict[str, list[Source]]:
        """What `_send_named` does; values of a device that cannot take them are refused, and others are not."""
        try:
            return await self._send_named(exchange, label, body)
        except (UbidotsError, ApiError) as error:
            outcome = _refused(error)
            return {name: [outcome] for name in body}

    async def _send_named(self, exchange: Exchange, label: str, body: Source) -> dict[str, list[Source]]:
        """Store values by the labels of their variables; what became of each, by these labels."""
        twin = await self._obtain(exchange.actor, label, list(body))
        items = [
            (labelled(exchange.engine, twin, name), item)
            for name, content in body.items()
            for item in (content if isinstance(content, list) else [content])
        ]
        outcomes: dict[str, list[Source]] = {name: [] for name in body}
        for (one, _), outcome in zip(items, await self._send_each(exchange.actor, twin, items), strict=True):
            outcomes[one.label].append(outcome)
        return outcomes

    async def last_by_label(self, exchange: Exchange, device: str, label: str) -> ForeignAnswer:
        """The last value, as a plain number."""
        twin = await self._device(exchange.actor, device)
        one = labelled(exchange.engine, twin, label)
        return answer(shapes.last_value(one, await self._measuring.last(exchange.actor, twin, one)).get("value"))

    async def _send_each(self, actor: Actor, twin: Twin, items: Sequence[tuple[Variable, Any]]) -> list[Source]:
        """What became of each of several values of one device; those that can be used are stored together."""
        outcomes: list[Source] = [{"status_code": STORED} for _ in items]
        accepted: list[tuple[int, tuple[Variable, Dot]]] = []
        for place, (one, item) in enumerate(items):
            try:
                accepted.append((place, (one, read_dot(item))))
            except UbidotsError as error:
                outcomes[place] = {"status_code": error.status, **error.body}
        try:
            await self._measuring.send(actor, twin, [dot for _, dot in accepted])
        except (UbidotsError, ApiError) as error:
            refused = _refused(error)
            for place, _ in accepted:
                outcomes[place] = refused
        return outcomes

    async def _device(self, actor: Actor, named: str) -> Twin:
        return await self._reading.get(actor, named if IS_ID.fullmatch(named) else _key(named))

    async def _obtain(self, actor: Actor, named: str, labels: Sequence[str]) -> Twin:
        """The device with a label and variables with these; what is missing is created."""
        twin = await self._obtain_device(actor, named)
        known = {one.label for one in variables_of(actor.engine, twin.id, twin.source)}
        missing = [label for label in labels if label not in known]
        if missing:
            twin = await self._writing.add_variables(actor, twin, [{"label": label} for label in missing])
        return twin

    async def _obtain_device(self, actor: Actor, named: str) -> Twin:
        for _ in range(ATTEMPTS):
            try:
                return await self._device(actor, named)
            except UbidotsError as error:
                if error.status != 404 or IS_ID.fullmatch(named):
                    raise
            try:
                return await self._writing.create(actor, {"label": _key(named)[len(LABEL_SIGN) :]})
            except UbidotsError as error:
                refused = error
            await asyncio.sleep(PAUSE)  # somebody else may be creating it in this moment
        raise refused


def _refused(error: UbidotsError | ApiError) -> Source:
    """What becomes of a value that is refused. Raises the error itself when it is the server's."""
    refused = translated(error) if isinstance(error, ApiError) else error
    if refused.status >= 500:
        raise error
    return {"status_code": refused.status, **refused.body}


def _key(named: str) -> str:
    return named if named.startswith(LABEL_SIGN) else LABEL_SIGN + named


def _check_labels(labels: Iterable[str]) -> None:
    for label in labels:
        if wrong := is_label(label):
            raise invalid({label: [wrong]})


def _shown(exchange: Exchange, twin: Twin, one: Variable, dot: Dot) -> Source:
    url = f"{V1}/variables/{variable_id(exchange.engine, twin.id, one.label)}/values"
    return {
        "url": exchange.url(url),
        "value": dot.value,
        "timestamp": dot.timestamp,
        "context": dot.context,
        "created_at": dot.timestamp,
    }


def _moment(exchange: Exchange, name: str) -> int | None:
    text = exchange.incoming.argument(name)
    if not text:
        return None
    if not text.isdigit():
        raise invalid({name: ["A whole number of milliseconds since 1970 is required."]})
    return int(text)
