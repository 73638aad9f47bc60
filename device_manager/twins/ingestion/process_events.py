"""The events around measures that are stored, and the ids of those that listeners add (device-manager 3.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from device_manager.errors import api_error, unexpected
from device_manager.events.bus import EventBus
from device_manager.events.documents import fresh
from device_manager.storage.stamps import Source
from device_manager.twins.call import Call
from device_manager.twins.ingestion.contexts import Run
from device_manager.twins.ingestion.identity import pushed_id

EVENT = "device-manager:measures:process"
REPLACEABLE = ("measures", "asset")
"""Members of the payload that a listener may replace by returning a dictionary."""


class ProcessEvents:
    """Runs the pipes of `device-manager:measures:process:before` and `after`, then their forms for one engine.

    Args:
        bus: the listeners.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def _heard(self, run: Run, moment: str) -> list[str]:
        """The events of `run` that anything listens to."""
        names = [f"{EVENT}:{moment}"]
        if run.engine is not None:
            names.append(f"engine:{run.engine}:{EVENT}:{moment}")
        return [name for name in names if self._bus.listens(name)]

    async def before(self, runs: Iterable[Run], call: Call) -> None:
        """Let the pipes see and change the measures of each run; what they add gets an id.

        Raises:
            ApiError: what a pipe raised; `device_manager.ingestion.unusable_pipe_result`.
        """
        for run in runs:
            names = self._heard(run, "before")
            if not names:
                continue
            payload = _payload(run)
            given = list(zip(payload["measures"], run.ids, strict=True))
            for name in names:
                payload = await self._bus.pipe(name, payload, call.request, check=_check, merge=_merge)
            _take_over(run, given, payload["measures"])

    async def after(self, runs: Iterable[Run], call: Call) -> None:
        """Tell the pipes what is stored now, all of them whatever some raise.

        Raises:
            ApiError: the first thing that a pipe raised, with `committed: true`.
        """
        failure: Exception | None = None
        for run in runs:
            names = self._heard(run, "after")
            try:
                payload = _payload(run) if names else {}
                for name in names:
                    payload = await self._bus.pipe(name, payload, call.request, merge=_merge)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            refusal = unexpected(failure)
            refusal.extra = refusal.extra | {"committed": True}
            raise refusal


def _payload(run: Run) -> dict[str, Any]:
    """What listeners get: copies, because documents that were read are shared."""
    return {
        "source": fresh(run.source),
        "target": dict(run.target),
        "asset": fresh(run.asset.source) if run.asset else None,
        "measures": fresh(run.measures),
    }


def _merge(payload: Any, returned: Any) -> Any:
    """The payload after a listener returned something: only some members count."""
    if not isinstance(returned, dict):
        return payload
    return payload | {name: returned[name] for name in REPLACEABLE if name in returned}


def _check(owner: str, payload: Any) -> None:
    measures = payload.get("measures") if isinstance(payload, dict) else None
    if not isinstance(measures, list) or not all(isinstance(measure, dict) for measure in measures):
        raise api_error("device_manager.ingestion.unusable_pipe_result", owner)


def _take_over(run: Run, given: list[tuple[Source, str]], left: list[Source]) -> None:
    """Give the measures that the pipes left their ids.

    One that was sent keeps its id whatever was changed in it; so does a copy that a pipe put in its place, found by its
    origin and time. All others were added.
    """
    by_identity = {id(measure): key for measure, key in given}
    kept = {id(measure) for measure in left if id(measure) in by_identity}
    replaced: dict[tuple[Any, ...], list[str]] = {}
    for measure, key in given:
        if id(measure) not in kept:
            replaced.setdefault(_origin_and_time(measure), []).append(key)
    counts: dict[_Added, int] = {}
    run.ids, run.measures = [], []
    for measure in left:
        if id(measure) in by_identity:
            key = by_identity.pop(id(measure))
        elif waiting := replaced.get(_origin_and_time(measure)):
            key = waiting.pop(0)
        else:
            added = _added(measure)
            counts[added] = counts.get(added, 0) + 1
            key = pushed_id(run.sent, *added, counts[added])
        run.add(key, measure)


def _member(measure: Source, name: str) -> Source:
    value = measure.get(name)
    return value if isinstance(value, dict) else {}


def _origin_and_time(measure: Source) -> tuple[Any, ...]:
    origin = _member(measure, "origin")
    return *(repr(origin.get(name)) for name in ("type", "_id", "measureName")), repr(measure.get("measuredAt"))


class _Added(NamedTuple):
    """What tells the measures apart that pipes add to one run; values as repr shows them."""

    origin_type: str
    rule: str
    slot: str
    asset_id: str


def _added(measure: Source) -> _Added:
    origin = _member(measure, "origin")
    type, rule, slot = (repr(origin.get(name)) for name in ("type", "_id", "measureName"))
    return _Added(type, rule, slot, repr(_member(measure, "asset").get("_id")))
