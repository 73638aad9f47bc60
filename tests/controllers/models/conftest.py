"""Names that no other test uses: models stay, and all share one platform."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest


@pytest.fixture
def name() -> Callable[[str], str]:
    """A PascalCase name that begins as asked."""

    def make(prefix: str) -> str:
        letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:8])
        return prefix + letters.capitalize()

    return make
