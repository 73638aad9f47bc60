"""What hangs at the events, and how long it takes (design 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from device_manager.controllers.server.server_parts import ServerPart
from device_manager.events.chain import Chain, Link
from device_manager.router.controller import action
from device_manager.security.scope import Scope


class Pipes(ServerPart):
    """`server`: `pipes`."""

    @action(http=["GET /_pipes"], scope=Scope.PLATFORM)
    def pipes(self, event: str | None = None) -> dict[str, Any]:
        """The live pipes and hooks of every event in calling order, with their owners, calls and latencies.

        Without `event` each listener stands at the name that it listens to, which may end in `*`; with it, the answer
        is the whole chain that runs when this event happens. Times are in milliseconds: `p50` and `p95` of the last 512
        calls, `max` of all. `slow` calls took longer than the setting `pipe_warning`, `failures` raised.

        Example request:

            {"controller": "server", "action": "pipes"}

        Example result:

            {"events": [{"event": "device-manager:device:link-asset:before",
                         "pipes": [{"order": 1, "plugin": "labels", "name": "Labels.add", "listensTo":
                                    "device-manager:device:link-asset:before", "position": "normal", "calls": 1200,
                                    "failures": 0, "slow": 3, "p50": 0.4, "p95": 1.1, "max": 620.5}],
                         "hooks": []}],
             "hooksRunning": 0}
        """
        bus = self._parts.router.bus
        chains = bus.chains() if event is None else [(event, bus.chain(event))]
        return {"events": listed_chains(chains), "hooksRunning": bus.hooks_running}


def listed_chains(chains: Iterable[tuple[str, Chain]]) -> list[dict[str, Any]]:
    """Chains by event as they are shown."""
    return [{"event": event, "pipes": _listed(chain.pipes), "hooks": _listed(chain.hooks)} for event, chain in chains]


def _listed(links: Iterable[Link]) -> list[dict[str, Any]]:
    return [_listener(order, link) for order, link in enumerate(links, 1)]


def _listener(order: int, link: Link) -> dict[str, Any]:
    statistics = link.statistics
    return {
        "order": order,
        "plugin": link.owner,
        "name": link.name,
        "listensTo": link.event,
        "position": link.position,
        "calls": statistics.calls,
        "failures": statistics.failures,
        "slow": statistics.slow,
        "p50": _milliseconds(link.recent.quantile(0.5)),
        "p95": _milliseconds(link.recent.quantile(0.95)),
        "max": _milliseconds(statistics.max_time),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
