"""OpenTelemetry traces: a span for each request, and one for each thing that it asks the store (design 10).

Needs the extra `telemetry`; nothing imports this module unless the setting `telemetry` is given.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from device_manager.router.envelope import NODE
from device_manager.router.request import Request
from device_manager.router.response import Response

PARENT_HEADERS = ("traceparent", "tracestate")
"""What makes our spans a part of the caller's trace: headers over HTTP, members of `volatile` elsewhere."""


class Telemetry:
    """Makes spans and hands them to an exporter.

    Args:
        processor: gets the spans that have ended.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        names = {
            "service.name": "device-manager",
            "service.version": version("device-manager"),
            "service.instance.id": NODE,
        }
        self._provider = TracerProvider(resource=Resource.create(names))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("device_manager")
        self._propagator = TraceContextTextMapPropagator()

    def observe(self, request: Request) -> RequestSpan:
        """Begin the span of a request; for `ObservedRouter`."""
        parent = self._propagator.extract(_parent(request))
        span = self._tracer.start_span(f"{request.controller}:{request.action}", parent, SpanKind.SERVER)
        return RequestSpan(span, request)

    def around(self, operation: str) -> AbstractContextManager[object]:
        """The span of something that a request asks the store; work in the background has none. For `StoreWatch`."""
        if not trace.get_current_span().get_span_context().is_valid:
            return nullcontext()
        return self._tracer.start_as_current_span(f"store {operation}", kind=SpanKind.CLIENT, record_exception=False)

    def close(self) -> None:
        """Send what is left; waits for it."""
        self._provider.shutdown()


class RequestSpan:
    """The span of one request; an `Observation`."""

    def __init__(self, span: Span, request: Request) -> None:
        self._span = span
        self._request = request

    def during(self) -> AbstractContextManager[object]:
        """What happens in this task meanwhile belongs to the request."""
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def end(self, response: Response | None) -> None:
        """End the span, and say how."""
        request, span = self._request, self._span
        span.update_name(f"{request.controller}:{request.action}")  # messages of other systems' clients have it late
        attributes: dict[str, str | int | None] = {
            "device_manager.controller": request.controller,
            "device_manager.action": request.action,
            "device_manager.request": request.id,
            "device_manager.protocol": request.connection.protocol,
            "device_manager.engine": request.args.get("engineId") or request.args.get("index"),
            "device_manager.status": None if response is None else response.status,
            "device_manager.error": None if response is None or response.error is None else response.error.id,
        }
        span.set_attributes({name: value for name, value in attributes.items() if isinstance(value, str | int)})
        if response is None or response.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()


def telemetry_to(address: str) -> Telemetry:
    """Traces that are sent over HTTP, some at a time, on a thread of their own.

    Args:
        address: where an OTLP collector takes them.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return Telemetry(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))


def _parent(request: Request) -> dict[str, str]:
    given = request.connection.headers if request.connection.protocol == "http" else request.volatile or {}
    return {name: value for name in PARENT_HEADERS if isinstance(value := given.get(name), str)}
