"""The one filter tree that every query language is parsed to and every store compiles from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


MatchKind = Literal["match", "match_phrase", "match_phrase_prefix"]


@dataclass(frozen=True, slots=True)
class Match:
    """Documents whose `field` has the words of a text; on a field that is no text, documents that have the value.

    Attributes:
        kind: whether the words may stand anywhere (`match`), or have to follow each other (`match_phrase`), the last
            one being the start of a word (`match_phrase_prefix`).
        field: path of the field.
        value: the text, or the value for fields that hold no text.
        operator: whether all words have to be there or one of them; for `match` only.
        minimum_should_match: how many of the words have to be there, such as `2` or `75%`; for `match` with `or` only.
        zero_terms: what a text without any word finds.
        lenient: whether a value that the field cannot hold finds nothing instead of being refused.
        boost: factor of the score.
        extras: options that Elasticsearch alone runs, such as `fuzziness`, in the order of their names.
    """

    kind: MatchKind
    field: str
    value: Scalar
    operator: Literal["or", "and"] = "or"
    minimum_should_match: str | None = None
    zero_terms: Literal["none", "all"] = "none"
    lenient: bool = False
    boost: float = 1.0
    extras: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class MultiMatch:
    """Documents of which some of several fields match; `each` asks one field with a boost of its own.

    `type` is the name of the clause's type; it says how Elasticsearch adds up the scores.
    """

    each: tuple[Match, ...]
    type: Literal["best_fields", "most_fields", "phrase", "phrase_prefix"] = "best_fields"
    tie_breaker: float | None = None
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Words:
    """Documents in which one value of the text `field` has these words, already analysed, next to each other.

    With `open_end` the last one is the start of a word. Compilers turn `Match` into it; no language writes it.
    """

    field: str
    words: tuple[str, ...]
    open_end: bool = False
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Nested:
    """Documents with an object in the nested field `path` that `query` matches; its fields are written in full.

    With `ignore_unmapped` a path that is no nested field finds nothing instead of being refused.
    """

    path: str
    query: Query
    ignore_unmapped: bool = False
    score_mode: str | None = None


@dataclass(frozen=True, slots=True)
class GeoDistance:
    """Documents with a point of `field` at most `meters` from a point; degrees."""

    field: str
    lat: float
    lon: float
    meters: float
    ignore_unmapped: bool = False


@dataclass(frozen=True, slots=True)
class GeoBox:
    """Documents with a point of `field` in a box of degrees; `left` beyond `right` crosses the 180th meridian."""

    field: str
    top: float
    left: float
    bottom: float
    right: float
    ignore_unmapped: bool = False


@dataclass(frozen=True, slots=True)
class GeoPolygon:
    """Documents with a point of `field` in a polygon; corners are latitude and longitude in degrees.

    The last corner is joined to the first. Edges belong to it, and none of them crosses the 180th meridian.
    """

    field: str
    corners: tuple[tuple[float, float], ...]
    ignore_unmapped: bool = False


@dataclass(frozen=True, slots=True)
class Regexp:
    """Documents in which some value of the keyword `field` matches the pattern as a whole.

    Patterns are those that mean the same to Lucene and to RE2, see `regexp_clauses`.
    """

    field: str
    value: str


Query = (
    MatchAll | MatchNone | Term | Terms | Range | Exists | Ids | Prefix | Wildcard | Regexp | Bool
    | Match | MultiMatch | Words | Nested | GeoDistance | GeoBox | GeoPolygon
)  # fmt: skip

MATCH_ALL = MatchAll()
MATCH_NONE = MatchNone()
