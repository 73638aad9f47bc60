"""The syntax of `expiresIn`."""

from __future__ import annotations

import pytest

from device_manager.errors import ApiError
from device_manager.security.lifetimes import NEVER, check_limit, read_lifetime

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (None, 5),
        (1500, 1500),
        (1500.7, 1500),
        ("1500", 1500),
        ("1h", HOUR),
        ("1.5h", HOUR * 3 // 2),
        (".5 h", HOUR // 2),
        ("2 days", 48 * HOUR),
        ("2 Days", 48 * HOUR),
        ("10 secs", 10_000),
        ("5 msecs", 5),
        ("3w", 3 * 7 * 24 * HOUR),
        ("1y", 31_557_600_000),
        (-1, NEVER),
        ("-1", NEVER),
    ],
)
def test_lifetimes(value: object, milliseconds: int) -> None:
    assert read_lifetime(value, 5) == milliseconds


@pytest.mark.parametrize(
    "value", [0, "0", -2, "-1h", "", "soon", "1 fortnight", "1h 2m", True, [], {}, "1" * 101, 1e300, float("nan")]
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ApiError) as refused:
        read_lifetime(value, 5)
    assert refused.value.id == "api.assert.invalid_argument"
    assert refused.value.props[0] == "expiresIn"


def test_the_limit() -> None:
    check_limit(5, 5)
    check_limit(NEVER, NEVER)
    for lifetime in (6, NEVER):
        with pytest.raises(ApiError) as refused:
            check_limit(lifetime, 5)
        assert refused.value.id == "security.token.ttl_exceeded"
