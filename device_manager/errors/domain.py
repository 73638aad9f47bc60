"""The device manager's own errors (device-manager 5.6), in domain 16: like `native.TABLE`."""

from __future__ import annotations

TABLE: dict[tuple[str, int, int], list[tuple[str, int, int, str]]] = {}
