"""Filters, search and order of lists, on objects as clients see them (facades 4.5). Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from device_manager.facades.ubidots.errors import invalid
from device_manager.storage.stamps import Source

Test = Callable[[Any], bool]
"""Whether a value of an attribute passes."""
MakeTest = Callable[[str], Test]
"""From the text behind `=` to a test. Raises ValueError."""

NEGATED = "!"
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
SNAKE = {"created_at": "createdAt", "last_activity": "lastActivity"}
SORTABLE = ("label", "name", "createdAt", "lastActivity", "variablesCount")
RESERVED = frozenset({"fields", "page", "page_size", "search", "sort_by", "token"})
"""Query parameters that are no filters."""
DEVICE_ATTRIBUTES = {
    "id": "id",
    "label": "text",
    "name": "text",
    "description": "text",
    "tags": "tags",
    "isActive": "boolean",
    "organization": "absent",
    "createdAt": "date",
    "lastActivity": "date",
    "variablesCount": "number",
}
ORGANIZATION_ATTRIBUTES = {"id": "id", "label": "text", "name": "text"}
VARIABLE_ATTRIBUTES = {
    "id": "id",
    "label": "text",
    "name": "text",
    "description": "text",
    "unit": "text",
    "type": "text",
    "tags": "tags",
    "createdAt": "date",
    "lastActivity": "date",
}


class Filter(NamedTuple):
    """A condition on one attribute.

    Attributes:
        attribute: its name.
        operators: such as `("date", "gt")`; one at least.
        text: what stands behind `=`.
        is_negated: whether those are wanted that do not pass.
        passes: whether a value is wanted, negation included.
    """

    attribute: str
    operators: tuple[str, ...]
    text: str
    is_negated: bool
    passes: Test


class Selection(NamedTuple):
    """What a list is to hold, and in which order.

    Attributes:
        filters: all have to pass.
        search: lower case; a part of label or name; empty for anything.
        sort_by: an attribute.
        descending: the other way round.
    """

    filters: tuple[Filter, ...]
    search: str
    sort_by: str
    descending: bool

    @property
    def attributes(self) -> frozenset[str]:
        """What it looks at."""
        return frozenset((self.sort_by, *(one.attribute for one in self.filters)))

    def apply(self, rows: Sequence[Source]) -> list[Source]:
        """Those of `rows` that it wants, sorted; equal ones stay in their order."""
        kept = [row for row in rows if self.wants(row)]
        kept.sort(key=self.place, reverse=self.descending)
        return kept

    def wants(self, row: Source) -> bool:
        """Whether a row passes, as clients see it."""
        if self.search and not any(self.search in str(row.get(name) or "").lower() for name in ("label", "name")):
            return False
        return all(one.passes(row.get(one.attribute)) for one in self.filters)

    def place(self, row: Source) -> tuple[bool, Any]:
        """What a row is sorted by; rows without the attribute come first."""
        value = row.get(self.sort_by)
        return value is not None, value if value is not None else 0


def read_selection(query: Sequence[tuple[str, str]], attributes: Mapping[str, str]) -> Selection:
    """What the query of a list asks for.

    Args:
        query: names and values.
        attributes: those that there are, with their types.

    Raises:
        UbidotsError: 400001 for an attribute, an operator, a value or an order that there is not.
    """
    arguments = dict(query)
    sort_by = arguments.get("sort_by") or "createdAt"
    descending = sort_by.startswith("-")
    sort_by = sort_by.lstrip("-")
    sort_by = SNAKE.get(sort_by, sort_by)
    if sort_by not in SORTABLE:
        raise invalid({"sort_by": [f'"{sort_by}" is not a valid choice; there are {", ".join(SORTABLE)}.']})
    filters = tuple(_read_filter(name, value, attributes) for name, value in query if name not in RESERVED)
    return Selection(filters, arguments.get("search", "").lower(), sort_by, descending)


def _read_filter(name: str, text: str, attributes: Mapping[str, str]) -> Filter:
    is_negated = name.endswith(NEGATED)
    attribute, *operators = name.removesuffix(NEGATED).split("__")
    attribute = SNAKE.get(attribute, attribute)
    kind = attributes.get(attribute)
    if kind is None:
        raise invalid({name: [f'There is no attribute "{attribute}" to filter by.']})
    make = _maker(kind, operators or ["exact"])
    if make is None:
        raise invalid({name: [f'There is no operator "{"__".join(operators)}" for "{attribute}".']})
    try:
        test = make(text)
    except (ValueError, OverflowError) as error:
        raise invalid({name: [f'"{text}" is not a valid value: {error}']}) from error
    wanted = (lambda value: not test(value)) if is_negated else test
    return Filter(attribute, tuple(operators or ("exact",)), text, is_negated, wanted)


def _maker(kind: str, operators: Sequence[str]) -> MakeTest | None:
    first, *more = operators
    if kind == "date" and first in DATE_PARTS:
        made = NUMBER.get(more[0] if more else "exact") if len(more) < 2 else None
        return None if made is None else _of_part(first, made)
    return None if more else KINDS[kind].get(first)


def _of_part(part: str, make: Callable[[str, Callable[[str], float]], Test]) -> MakeTest:
    read, of_text = DATE_PARTS[part]

    def made(text: str) -> Test:
        test = make(text, of_text)
        return lambda value: (instant := _instant(value)) is not None and test(read(instant))

    return made


def _text(compare: Callable[[str, str], bool], *, lower: bool = False) -> MakeTest:
    def make(text: str) -> Test:
        wanted = text.lower() if lower else text
        return lambda value: value is not None and compare(str(value).lower() if lower else str(value), wanted)

    return make


def _one_of(text: str) -> Test:
    wanted = {part.strip() for part in text.split(",")}
    return lambda value: value in wanted


def _is_null(text: str) -> Test:
    wanted = boolean(text)
    return lambda value: (value is None or value in ("", [])) is wanted


def boolean(text: str) -> bool:
    """A flag as clients write it. Raises ValueError."""
    if text.lower() not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return text.lower() in TRUE


def _compare(compare: Callable[[float, float], bool]) -> Callable[[str, Callable[[str], float]], Test]:
    def make(text: str, read: Callable[[str], float]) -> Test:
        wanted = read(text)
        return lambda value: value is not None and compare(value, wanted)

    return make


def _range(text: str, read: Callable[[str], float]) -> Test:
    least, separator, most = text.partition(",")
    if not separator:
        raise ValueError("expected two values, separated by a comma")
    low, high = read(least), read(most)
    return lambda value: value is not None and low <= value <= high


def _has_tags(text: str) -> Test:
    wanted = {part.strip() for part in text.split(",")}
    return lambda value: wanted <= set(value or ())


def milliseconds(text: str) -> float:
    """A moment as clients write it: milliseconds since 1970, or a date of ISO 8601, in UTC unless it says otherwise."""
    try:
        return float(text)
    except ValueError:
        return _aware(datetime.fromisoformat(text)).timestamp() * 1000


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _instant(value: Any) -> datetime | None:
    """A moment as objects show it: ISO text, or milliseconds since 1970."""
    if value is None:
        return None
    if isinstance(value, str):
        return _aware(datetime.fromisoformat(value))
    return datetime.fromtimestamp(value / 1000, UTC)


def _moment(make: Callable[[str, Callable[[str], float]], Test]) -> MakeTest:
    def made(text: str) -> Test:
        test = make(text, milliseconds)
        return lambda value: (instant := _instant(value)) is not None and test(round(instant.timestamp() * 1000))

    return made


def _day(text: str) -> float:
    return datetime.fromisoformat(text).date().toordinal()


def _plain(make: Callable[[str, Callable[[str], float]], Test]) -> MakeTest:
    return lambda text: make(text, float)


NUMBER: dict[str, Callable[[str, Callable[[str], float]], Test]] = {
    "exact": _compare(operator.eq),
    "gt": _compare(operator.gt),
    "gte": _compare(operator.ge),
    "lt": _compare(operator.lt),
    "lte": _compare(operator.le),
    "range": _range,
}
DATE_PARTS: dict[str, tuple[Callable[[datetime], float], Callable[[str], float]]] = {
    "date": (lambda moment: moment.date().toordinal(), _day),
    "year": (lambda moment: moment.year, float),
    "quarter": (lambda moment: (moment.month + 2) // 3, float),
    "month": (lambda moment: moment.month, float),
    "week": (lambda moment: moment.isocalendar().week, float),
    "day": (lambda moment: moment.day, float),
    "hour": (lambda moment: moment.hour, float),
    "minute": (lambda moment: moment.minute, float),
    "second": (lambda moment: moment.second, float),
}
KINDS: dict[str, dict[str, MakeTest]] = {
    "text": {
        "exact": _text(operator.eq),
        "iexact": _text(operator.eq, lower=True),
        "contains": _text(operator.contains),
        "icontains": _text(operator.contains, lower=True),
        "startswith": _text(str.startswith),
        "istartswith": _text(str.startswith, lower=True),
        "endswith": _text(str.endswith),
        "iendswith": _text(str.endswith, lower=True),
        "in": _one_of,
        "isnull": _is_null,
    },
    "id": {"exact": _text(operator.eq), "in": _one_of},
    "tags": {"contains": _has_tags},
    "boolean": {"exact": lambda text: _equals(boolean(text)), "isnull": _is_null},
    "absent": {"isnull": _is_null},
    "number": {**{name: _plain(make) for name, make in NUMBER.items()}, "isnull": _is_null},
    "date": {**{name: _moment(make) for name, make in NUMBER.items()}, "isnull": _is_null},
}


def text_test(operator: str, text: str) -> Test:
    """Whether texts pass a filter."""
    return KINDS["text"][operator](text)


def _equals(wanted: Any) -> Test:
    return lambda value: value == wanted
