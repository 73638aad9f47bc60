"""Figures about this process for Prometheus and for `server:*`: see `metrics.Metrics` (design 10)."""

from device_manager.metrics.metrics import CONTENT_TYPE, Labelled, Metrics, Read
from device_manager.metrics.recent import Recent
from device_manager.metrics.timings import BOUNDS, Timings

__all__ = ["BOUNDS", "CONTENT_TYPE", "Labelled", "Metrics", "Read", "Recent", "Timings"]
