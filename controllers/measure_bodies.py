"""Bodies of the actions that read measures (device-manager 2.2, 2.3)."""

from __future__ import annotations

import msgspec


class TwinsBody(msgspec.Struct):
    """The twins that are asked about."""

    ids: list[str]
