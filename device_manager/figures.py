"""The figures of one application for `GET /metrics`: what is counted where, under which name (design 10).

Parts of the product count in plain attributes and know nothing of this module; a new figure is one more call below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from device_manager.metrics import Metrics, Read, Timings
from device_manager.router.router import Router

if TYPE_CHECKING:
    from device_manager.app import Application
    from device_manager.redis_connection import RedisConnection

T = TypeVar("T")


def figures_of(application: Application) -> Metrics:
    """All figures of an application, none of them read yet."""
    metrics = Metrics()
    _requests(metrics, application.router)
    _admission(metrics, application.router)
    _listeners(metrics, application.router)
    _store(metrics, application)
    _connections(metrics, application)
    _ingestion(metrics, application)
    _realtime(metrics, application)
    _accounts(metrics, application)
    if application.settings.redis:
        _redis(metrics, application)
    return metrics


def _requests(metrics: Metrics, router: Router) -> None:
    def answers() -> Counter[tuple[str, ...]]:
        counted: Counter[tuple[str, ...]] = Counter()
        for (protocol, status), count in router.stray.answers.items():
            counted["", "", protocol, str(status)] += count
        for bound in router.registry.actions():
            for (protocol, status), count in bound.traffic.answers.items():
                counted[bound.controller, bound.action, protocol, str(status)] += count
        for (interface, operation), traffic in router.foreign.items():
            for (protocol, status), count in traffic.answers.items():
                counted[interface, operation, protocol, str(status)] += count
        return counted

    def durations() -> dict[tuple[str, ...], Timings]:
        found: dict[tuple[str, ...], Timings] = {}
        for bound in router.registry.actions():
            if bound.traffic.answers:
                found.setdefault((bound.controller, bound.action), Timings()).include(bound.traffic)
        found.update(router.foreign.items())
        return found

    labels = ("controller", "action", "protocol", "status")
    text = (
        "Answered requests; unknown actions have no controller; other systems' clients: their interface and operation."
    )
    metrics.counter("requests", text, answers, labels)
    text = "Time from a request to its answer, the wait for a slot included; of a stream, to its beginning."
    metrics.histogram("request_seconds", text, durations, ("controller", "action"))


def _admission(metrics: Metrics, router: Router) -> None:
    admission, streams = router.admission, router.streams
    by_engine = ("engine",)
    metrics.gauge("requests_running", "Requests that have a slot.", lambda: admission.running)
    metrics.gauge("requests_waiting", "Requests that wait for a slot.", lambda: _by_one(admission.queues), by_engine)
    metrics.counter(
        "requests_waited", "Requests that had to wait for a slot.", lambda: _by_one(admission.waited), by_engine
    )
    metrics.counter(
        "requests_refused",
        "Requests that found no place to wait, or lost it to an engine with fewer of them.",
        lambda: _by_one(admission.refused),
        by_engine,
    )
    metrics.histogram(
        "request_wait_seconds",
        "How long requests waited for a slot, if they had to.",
        lambda: {(): admission.waits},
        (),
    )
    metrics.gauge("streams_running", "Streaming answers that are being sent.", lambda: streams.running)
    metrics.counter("streams_refused", "Streaming answers that found no place.", lambda: streams.refused.total())


def _listeners(metrics: Metrics, router: Router) -> None:
    bus = router.bus
    labels = ("event", "plugin", "name", "kind")

    def durations() -> dict[tuple[str, ...], Timings]:
        found: dict[tuple[str, ...], Timings] = {}
        for link in (link for _, chain in bus.chains() for link in (*chain.pipes, *chain.hooks)):
            found.setdefault((link.event, link.owner, link.name, link.kind), Timings()).include(link.timings)
        return found

    def failures() -> Counter[tuple[str, ...]]:
        failed: Counter[tuple[str, ...]] = Counter()
        for one in bus.statistics():
            failed[one.event, one.plugin, one.name, one.kind] += one.failures
        return failed

    metrics.histogram("listener_seconds", "How long pipes and hooks took.", durations, labels)
    metrics.counter("listener_failures", "Calls of pipes and hooks that raised.", failures, labels)
    metrics.gauge("hooks_running", "Calls of hooks that have not returned yet.", lambda: bus.hooks_running)


def _store(metrics: Metrics, application: Application) -> None:
    trips = application.store.round_trips
    watch = application.store_watch

    def purposes() -> dict[tuple[str, ...], float]:
        return _by_one({name: count for name, count in msgspec.to_builtins(trips).items() if name != "retries"})

    metrics.counter("store_round_trips", "Requests made to the store, by purpose.", purposes, ("purpose",))
    metrics.counter(
        "transaction_retries", "Transactions decided again because another one was faster.", lambda: trips.retries
    )
    metrics.histogram(
        "store_seconds",
        "How long callers waited for the store, failures apart.",
        lambda: _by_one(watch.timings),
        ("operation",),
    )


def _connections(metrics: Metrics, application: Application) -> None:
    metrics.gauge(
        "connections",
        "Open connections, to all ports.",
        lambda: _by_one(application.connections),
        ("protocol",),
    )
    metrics.counter(
        "messages_refused",
        "HTTP messages that could not be served, and WebSocket messages that were turned away unread, by error id.",
        lambda: _by_one(application.gateway.service.refused),
        ("error",),
    )
    metrics.counter(
        "slow_clients_cut",
        "WebSocket clients that were cut because they did not read.",
        lambda: application.gateway.service.cut,
    )
    metrics.counter(
        "lossy_clients_cut",
        "WebSocket clients that were cut because notifications were lost before their subscription was answered.",
        lambda: application.gateway.service.cut_for_losses,
    )
    metrics.gauge(
        "incoming_bytes",
        "Bytes of messages that clients have sent in part or that wait, as far as they count for `max_incoming_bytes`.",
        lambda: application.gateway.service.incoming.held_bytes,
    )


def _ingestion(metrics: Metrics, application: Application) -> None:
    twins = application.twins
    metrics.counter(
        "payloads_refused",
        "Payloads of devices that sent more than `device_rate` allows.",
        lambda: twins.ingestion.buckets.refused,
    )
    metrics.gauge("spool_bytes", "Bytes of payloads that wait for the store.", lambda: twins.ingestion.spooled_bytes)
    metrics.gauge("tasks_running", "Tasks that this process works on.", lambda: _by_one(twins.tasks.running), ("kind",))
    metrics.gauge("engines", "Engines.", lambda: len(twins.catalogue.engines))


def _realtime(metrics: Metrics, application: Application) -> None:
    metrics.gauge("rooms", "Filters that clients follow.", lambda: len(application.realtime.rooms))
    metrics.gauge(
        "subscriptions", "Rooms of all connections together.", lambda: application.realtime.rooms.subscriptions
    )
    metrics.counter("notifications", "Notifications that were sent.", lambda: application.realtime.delivery.sent)
    metrics.counter(
        "notifications_dropped",
        "Changes that nobody was told of, because pipes did not keep up.",
        lambda: application.realtime.delivery.dropped,
    )


def _accounts(metrics: Metrics, application: Application) -> None:
    accounts, links = application.security.accounts, application.security.tokens.links
    metrics.gauge("tokens_held", "Tokens that WebSocket connections act on.", lambda: len(links))
    metrics.counter("password_hashes", "Passwords hashed.", lambda: _by_one(accounts.passwords.work), ("kind",))
    metrics.counter(
        "logins_held_up", "Logins that came too early after failed ones.", lambda: accounts.guessing.refused
    )


def _redis(metrics: Metrics, application: Application) -> None:
    from device_manager.memory_storage.in_redis import RedisStorage  # loads a client that others do not need
    from device_manager.realtime.bus.shared import RedisBus

    bus, storage = application.realtime.bus, application.memory_storage
    if not isinstance(bus, RedisBus) or not isinstance(storage, RedisStorage):
        return
    connections = (*bus.connections, storage.connection)

    def each(read: Callable[[RedisConnection], float]) -> Read:
        return lambda: {(connection.purpose,): read(connection) for connection in connections}

    labels = ("purpose",)
    metrics.gauge(
        "redis_connected", "1 while Redis answers, 0 while it does not.", each(lambda one: not one.is_away), labels
    )
    metrics.counter("redis_losses", "How often Redis stopped answering.", each(lambda one: one.losses), labels)
    text = "Since Redis last answered: by so much reading the log of notifications lags, about 1 when all is well."
    metrics.gauge("redis_silence_seconds", text, each(lambda one: one.silence), labels)
    metrics.gauge(
        "redis_unconfirmed",
        "Changes of this server that did not come back from the log in Redis yet.",
        lambda: bus.outbox.waiting,
    )


def _by_one(figures: Mapping[str, T]) -> dict[tuple[str, ...], T]:
    """Figures by the values of one label."""
    return {(label,): figure for label, figure in figures.items()}
