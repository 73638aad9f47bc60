"""Decodes archived payloads again, after a decoder was repaired or added (device-manager 3.2)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from device_manager.decoders import Decoder, Decoders, Outcome, State, run_decoder
from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document
from device_manager.tasks import Progress, TaskKind, Tasks
from device_manager.twins.call import Call
from device_manager.twins.ingestion.service import Ingestion, ReceivedPayload
from device_manager.twins.payloads import RECEIVED, PayloadArchive, PayloadFilter

KIND = "payload-replay"
PAGE = 100
"""Payloads of one step."""
AT_ONCE = 16
"""Payloads that are decoded at the same time."""
SHOWN_ERRORS = 100
"""Refusals that the result of a task lists."""
BUSY, AWAY = 429, 503
"""Statuses of refusals that say nothing of the payload."""
PATIENCE = 30.0
PAUSE = 0.2
"""Seconds for which a device that has sent too much is waited for, and between two attempts."""

MakeRequest = Callable[[Document, Call], Any]
"""`(archived payload, caller) -> what its decoder gets to see of the request`."""


class PayloadReplay:
    """Decodes again what is archived.

    Args:
        archive: the payloads.
        ingestion: stores what they bring.
        tasks: runs those that are found by a filter.
        decoders: decode them.
        make_request: stands in for the request that each came with.
    """

    def __init__(
        self,
        archive: PayloadArchive,
        ingestion: Ingestion,
        tasks: Tasks,
        decoders: Decoders,
        make_request: MakeRequest,
    ) -> None:
        self._archive = archive
        self._ingestion = ingestion
        self._tasks = tasks
        self._decoders = decoders
        self._make_request = make_request
        tasks.register(TaskKind(KIND, self._step, cancellable=True))

    async def named(self, uuids: Sequence[str], call: Call) -> dict[str, Any]:
        """Decode some payloads again: `{states: {state: count}, errors: [{uuid, ...error}]}`.

        Raises:
            ApiError: the store does not answer.
        """
        uuids = list(dict.fromkeys(uuids))
        archived = await self._archive.read(uuids)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(uuid: str) -> Outcome:
            async with gate:
                return await self._replay(uuid, archived.get(uuid), call)

        outcomes = await asyncio.gather(*map(one, uuids))
        states = Counter(outcome.state for outcome in outcomes)
        errors = [
            {"uuid": uuid} | outcome.error.to_dict()
            for uuid, outcome in zip(uuids, outcomes, strict=True)
            if outcome.error is not None
        ]
        return {"states": {state.value: count for state, count in sorted(states.items())}, "errors": errors}

    async def start(self, filter: PayloadFilter, call: Call) -> dict[str, Any]:
        """Begin to decode again what a filter finds: `{taskId, total}`, the id being None in a dry run.

        Raises:
            ApiError: the store does not answer.
        """
        end = time.time_ns() // 1_000_000 + 1  # what arrives from now on is decoded by the decoder of now
        filter = filter._replace(decodable=True, end=end if filter.end is None else min(end, filter.end))
        total = await self._archive.count(filter)
        if call.dry_run:
            return {"taskId": None, "total": total}
        engines = None if call.engines is None else sorted(call.engines)
        arguments = {"filter": filter._asdict(), "engines": engines, "total": total}
        task = await self._tasks.start(KIND, arguments, call)
        return {"taskId": task.id, "total": total}

    async def _step(self, arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        """One page. A payload that is decoded twice is stored once."""
        filter = PayloadFilter(**arguments["filter"])
        uuids, following = await self._archive.page(filter, cursor, PAGE)
        if not uuids:
            return None
        engines = arguments["engines"]
        call = Call(progress.user_id, engines=None if engines is None else frozenset(engines))
        outcome = await self.named(uuids, call)
        so_far = progress.result or {"states": {}, "errors": []}
        progress.done += len(uuids)
        progress.total = max(arguments["total"], progress.done)
        progress.result = {
            "states": dict(Counter(so_far["states"]) + Counter(outcome["states"])),
            "errors": [*so_far["errors"], *outcome["errors"]][:SHOWN_ERRORS],
        }
        return following

    async def _replay(self, uuid: str, archived: Document | None, call: Call) -> Outcome:
        """What becomes of one payload. Raises 503 when the store is away."""
        try:
            if archived is None:
                raise api_error("device_manager.decoders.not_archived", uuid)
            if not str(archived.source.get("apiAction")).startswith(RECEIVED):
                raise api_error("device_manager.decoders.not_decodable", uuid, archived.source.get("apiAction"))
            decoder = self._decoders.for_model(archived.source["deviceModel"])
            outcome = await self._decode(archived, decoder, call)
        except ApiError as error:
            if error.status == AWAY:
                raise api_error("services.storage.unavailable", error.message) from error
            return Outcome(State.ERROR, error=error)
        if not call.dry_run:
            await self._settle(uuid, outcome)
        return outcome

    async def _decode(self, archived: Document, decoder: Decoder, call: Call) -> Outcome:
        """Decode a payload and store what it brings. Raises refusals that say nothing of the payload."""
        source = archived.source
        request = self._make_request(archived, call)
        outcome = await run_decoder(decoder, source["payload"], request)
        if outcome.state is not State.VALID:
            return outcome
        payload = ReceivedPayload(
            archived.id, source["payload"], source["apiAction"], is_repeatable=True, request=request
        )
        try:
            await self._ingest(payload, decoder, call._replace(request=request))
        except ApiError as error:
            if error.status in (BUSY, AWAY):
                raise
            if error.extra.get("committed"):
                return Outcome(State.VALID, error=error)
            return Outcome(State.ERROR, error.message, error=error)
        return outcome

    async def _ingest(self, payload: ReceivedPayload, decoder: Decoder, call: Call) -> None:
        """Store what a payload brings; a device that has sent too much of late is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                await self._ingestion.receive_payload(payload, decoder, call)
            except ApiError as error:
                if error.status != BUSY or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _settle(self, uuid: str, outcome: Outcome) -> None:
        """Bring the archive up to date where the ingestion left it as it was."""
        now = (await self._archive.read([uuid])).get(uuid)
        if now is not None:
            await self._archive.settle(now, outcome.state, outcome.reason)
