"""The base of the controllers that work on the domain."""

from __future__ import annotations

from device_manager.router.controller import Controller
from device_manager.security.tokens import Tokens
from device_manager.twins.domain import Twins


class TwinsController(Controller):
    """A controller, or a group of actions of one, over the domain.

    Args:
        twins: the domain.
        tokens: makes the tokens of links that callers get; without it links have none.
    """

    def __init__(self, twins: Twins, tokens: Tokens | None = None) -> None:
        self._twins = twins
        self._tokens = tokens
