"""Questions that one plugin or module answers for all others (router-protocol 3.5: asks)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from device_manager.errors import api_error

Answerer = Callable[..., Any]


class Answers:
    """One answerer for each name."""

    def __init__(self) -> None:
        self._answerers: dict[str, Answerer] = {}

    def answer(self, name: str, answerer: Answerer) -> None:
        """Let `answerer(payload, *rest)` answer `name`, at once or as a coroutine.

        Raises:
            ApiError: `core.fatal.assertion_failed` if somebody answers it already.
        """
        if name in self._answerers:
            raise api_error("core.fatal.assertion_failed", f'the question "{name}" has an answerer already.')
        self._answerers[name] = answerer

    async def ask(self, name: str, payload: Any = None, *rest: Any) -> Any:
        """The answer to `name`.

        Raises:
            ApiError: `core.fatal.assertion_failed` if nobody answers it, and what the answerer raises.
        """
        answerer = self._answerers.get(name)
        if answerer is None:
            raise api_error("core.fatal.assertion_failed", f'nobody answers the question "{name}".')
        answer = answerer(payload, *rest)
        return await answer if inspect.isawaitable(answer) else answer
