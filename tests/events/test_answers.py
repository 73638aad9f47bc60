"""Questions that one module answers for all others (router-protocol 3.5)."""

from __future__ import annotations

import pytest

from device_manager.errors import ApiError
from device_manager.events import Answers


async def test_one_answerer_plain_or_async() -> None:
    answers = Answers()

    async def double(payload: int, times: int) -> int:
        return payload * times

    answers.answer("acme:double", double)
    answers.answer("acme:name", lambda payload: f"acme {payload}")
    assert await answers.ask("acme:double", 3, 2) == 6
    assert await answers.ask("acme:name", 7) == "acme 7"


async def test_second_answerer_and_unanswered_question_are_refused() -> None:
    answers = Answers()
    answers.answer("acme:name", str)
    with pytest.raises(ApiError, match="acme:name"):
        answers.answer("acme:name", repr)
    with pytest.raises(ApiError, match="nobody answers"):
        await answers.ask("acme:other")
