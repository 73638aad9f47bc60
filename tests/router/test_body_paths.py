"""The fast path of typed bodies and the walk by the rules of router-protocol 2.4 give the same verdict."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.router.body import StructBody


class Inner(msgspec.Struct, rename="camel"):
    slot_name: str
    size: float = 1.0


class Everything(msgspec.Struct, rename="camel"):
    plain_text: str
    whole: int
    maybe_whole: int | None = None
    ratio: float = 0.5
    flag: bool = False
    maybe_text: str | None = None
    names: list[str] = msgspec.field(default_factory=list)
    free: dict[str, Any] = msgspec.field(default_factory=dict)
    inner: Inner | None = None
    inners: list[Inner] = msgspec.field(default_factory=list)
    anything: Any = None
    counts: dict[str, int] = msgspec.field(default_factory=dict)


INNERS = st.fixed_dictionaries({}, optional={"slotName": st.text(max_size=2), "size": st.just(2)})
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, 1, 2**53 - 1, 2**53, -(2**53)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "12abc", "1.5", "-3", "true", "[]", "{}", "x", " 7"]),
    st.lists(st.one_of(st.text(max_size=2), st.integers(), INNERS), max_size=3),
    st.dictionaries(st.text(max_size=2), st.one_of(st.integers(), st.text(max_size=2)), max_size=2),
    INNERS,
)
FIELDS = [field.encode_name for field in msgspec.structs.fields(Everything)]
VALID = st.fixed_dictionaries({"plainText": st.text(max_size=3), "whole": st.integers(-9, 9)})
BODIES = st.one_of(
    st.none(),
    st.lists(VALUES, max_size=2),
    st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), VALUES),
    st.builds(lambda base, extra: base | extra, VALID, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2)),
)
READ = StructBody(Everything)


def verdict(body: Any, walk: bool) -> Any:
    try:
        return (READ.walk if walk else READ)(body)
    except ApiError as error:
        return (error.id, error.props)


@settings(max_examples=1500, deadline=None)
@given(BODIES)
def test_both_paths_agree(body: Any) -> None:
    fast, slow = verdict(body, walk=False), verdict(body, walk=True)
    assert fast == slow
    assert repr(fast) == repr(slow)
