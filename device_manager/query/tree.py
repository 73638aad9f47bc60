"""The one filter tree that every query language is parsed to and every store compiles from."""

from __future__ import annotations

from dataclasses import dataclass

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class MatchAll:
    """Every document."""


@dataclass(frozen=True, slots=True)
class MatchNone:
    """No document."""


@dataclass(frozen=True, slots=True)
class Term:
    """Documents in which some value of `field` equals `value`, compared as the field's type compares.

    `case_insensitive` is for keywords and holds for ASCII letters only.
    """

    field: str
    value: Scalar
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """Documents in which some value of `field` equals one of `values`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Documents in which one and the same value of `field` is inside the bounds; None means unbounded."""

    field: str
    gt: Scalar = None
    gte: Scalar = None
    lt: Scalar = None
    lte: Scalar = None
    format: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """Documents in which `field`, or anything below it, has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Ids:
    """Documents with one of these ids."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Documents in which some value of the keyword `field` starts with `value`."""

    field: str
    value: str
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Documents in which some value of the keyword `field` matches the pattern: `*` any text, `?` one character."""

    field: str
    value: str
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True)
class Bool:
    """All of `must` and `filter`, none of `must_not`, and at least `minimum_should_match` of `should`.

    Without `minimum_should_match` one of `should` has to match when there is neither `must` nor `filter`, else none.
    """

    must: tuple[Query, ...] = ()
    filter: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()
    minimum_should_match: int | None = None

    @property
    def should_needed(self) -> int:
        """How many of `should` have to match; more than there are means that nothing matches."""
        if self.must or self.filter:
            return self.minimum_should_match or 0
        return max(1, self.minimum_should_match or 0) if self.should else 0


Query = MatchAll | MatchNone | Term | Terms | Range | Exists | Ids | Prefix | Wildcard | Bool

MATCH_ALL = MatchAll()
