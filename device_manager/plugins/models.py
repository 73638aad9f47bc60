"""Models that plugins bring along (device-manager 5.1): the same content that the API takes."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class ModelDeclaration(NamedTuple):
    """One model, written at every start as if it were sent to `device-manager/models`.

    Attributes:
        kind: which of `writeAsset`, `writeDevice`, `writeMeasure`, `writeGroup` would take it.
        body: the body of that action, such as `{"engineGroup": "commons", "model": "Airport", "measures": [...]}`.
    """

    kind: Literal["asset", "device", "measure", "group"]
    body: dict[str, Any]
