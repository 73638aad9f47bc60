"""OpenTelemetry traces (design 10)."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from device_manager.app import Application
from device_manager.operations import observers_of
from device_manager.router.observing import ObservedRouter
from device_manager.router.request import Connection, Request
from device_manager.settings import InvalidSettings, Settings
from device_manager.storage.watching import StoreWatch
from device_manager.telemetry import Telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Spans = Callable[[], dict[str, ReadableSpan]]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.shutdown()


@pytest.fixture
def telemetry(exporter: InMemorySpanExporter) -> Iterator[Telemetry]:
    telemetry = Telemetry(SimpleSpanProcessor(exporter))
    yield telemetry
    telemetry.close()


@pytest.fixture
async def application(tmp_path: Path, telemetry: Telemetry) -> AsyncIterator[Application]:
    application = Application(Settings(store=f"sqlite:{tmp_path}", port=0))
    application.store.watch = StoreWatch(telemetry.around)
    await application.start()
    yield application
    await application.stop()


async def test_a_span_for_the_request_and_for_what_it_asks_the_store(
    application: Application, telemetry: Telemetry, exporter: InMemorySpanExporter
) -> None:
    handler = ObservedRouter(application.router, observers_of(application.settings, telemetry))

    async def ask(controller: str, action: str, connection: Connection, **options: Any) -> dict[str, ReadableSpan]:
        exporter.clear()
        answer = handler.handle(Request(controller, action, id="r-1", connection=connection, **options))
        response = await answer if inspect.isawaitable(answer) else answer
        spans = {span.name: span for span in exporter.get_finished_spans()}
        attributes = spans[f"{controller}:{action}"].attributes
        assert attributes is not None
        assert attributes["device_manager.status"] == response.status
        assert attributes["device_manager.request"] == "r-1"
        return spans

    http = Connection("c", "http", headers={"traceparent": PARENT})
    spans = await ask("device-manager/engine", "exists", http, args={"index": "nowhere"})
    request, read = spans["device-manager/engine:exists"], spans["store read"]
    assert request.parent is not None
    assert request.context is not None
    assert format(request.parent.span_id, "016x") == "b7ad6b7169203331"
    assert format(request.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert read.parent is not None
    assert read.parent.span_id == request.context.span_id
    assert read.start_time is not None
    assert request.end_time is not None
    assert read.start_time < request.end_time

    socket = Connection("c", "websocket")
    spans = await ask("server", "now", socket, args={}, volatile={"traceparent": PARENT})
    assert spans["server:now"].parent is not None
    assert set(spans) == {"server:now"}
    spans = await ask("server", "now", socket, args={}, volatile={"traceparent": "nonsense"})
    assert spans["server:now"].parent is None
    spans = await ask("document", "get", socket, args={"index": "nowhere", "collection": "things", "_id": "1"})
    failed = spans["document:get"].attributes
    assert failed is not None
    assert failed["device_manager.error"] == "services.storage.unknown_index"
    exporter.clear()
    await application.store.indices()
    await application.twins.catalogue.look()
    assert exporter.get_finished_spans() == ()


async def test_nothing_is_in_the_way_when_nobody_observes(tmp_path: Path) -> None:
    application = Application(Settings(store=f"sqlite:{tmp_path}"))
    assert application.gateway.service.handler is application.router
    assert application.telemetry is None


def test_the_setting_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "device_manager.telemetry", None)
    with pytest.raises(InvalidSettings, match=r"device-manager\[telemetry\]"):
        Application(Settings(store=f"sqlite:{tmp_path}", telemetry="http://127.0.0.1:4318/v1/traces"))
