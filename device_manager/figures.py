"""The figures of one application for `GET /metrics`: what is counted where, under which name (design 10).

Parts of the product count in plain attributes and know nothing of this module; a new figure is one more call below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_manager.metrics import Metrics

if TYPE_CHECKING:
    from device_manager.app import Application


def figures_of(application: Application) -> Metrics:
    """All figures of an application, none of them read yet."""
    metrics = Metrics()
    _admission(metrics, application)
    return metrics


def _admission(metrics: Metrics, application: Application) -> None:
    admission, streams = application.router.admission, application.router.streams
    metrics.gauge("requests_running", "Requests that have a slot.", lambda: admission.running)
    metrics.gauge("requests_waiting", "Requests that wait for a slot.", lambda: admission.waiting)
    metrics.gauge("streams_running", "Streaming answers that are being sent.", lambda: streams.running)
