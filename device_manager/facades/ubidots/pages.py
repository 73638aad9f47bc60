"""Pages of lists (facades 4.5): `{count, next, previous, results}`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from device_manager.facades.ubidots.errors import invalid, not_found
from device_manager.facades.ubidots.exchange import Incoming
from device_manager.storage.stamps import Source

MOST = 1000


class Page(NamedTuple):
    """A part of a list: the number of the page, from 1 on, and how much it holds."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How much comes before it."""
        return (self.number - 1) * self.size

    def of(self, rows: Sequence[Source]) -> list[Source]:
        """Its part of the whole list."""
        return list(rows[self.offset : self.offset + self.size])


def read_page(incoming: Incoming, size: int) -> Page:
    """The page that a request wants.

    Args:
        incoming: the request.
        size: of a page, unless the request says otherwise.

    Raises:
        UbidotsError: 404001 for a page below 1 or that is none, 400001 for such a size.
    """
    number, wanted = incoming.argument("page") or "1", incoming.argument("page_size") or str(size)
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise not_found()
    if not wanted.isascii() or not wanted.isdigit() or int(wanted) < 1:
        raise invalid({"page_size": ["A whole number of at least 1 is required."]})
    return Page(int(number), min(int(wanted), MOST))


def enveloped(incoming: Incoming, page: Page, rows: Sequence[Source], count: int) -> dict[str, Any]:
    """A page as it is answered.

    Args:
        incoming: the request.
        page: what it wants.
        rows: what is on the page.
        count: how much there is on all pages.

    Raises:
        UbidotsError: 404001 behind the last page.
    """
    if page.number > 1 and page.offset >= count:
        raise not_found()
    return {
        "count": count,
        "next": _link(incoming, page.number + 1) if page.offset + page.size < count else None,
        "previous": _link(incoming, page.number - 1) if page.number > 1 else None,
        "results": [with_fields(incoming, row) for row in rows],
    }


def wanted_fields(incoming: Incoming) -> frozenset[str] | None:
    """The names in the parameter `fields`; None without it."""
    fields = incoming.argument("fields")
    return frozenset(name.strip() for name in fields.split(",")) if fields else None


def with_fields(incoming: Incoming, row: Source) -> Source:
    """Those members that the parameter `fields` names, all without it; names that there are not are left out."""
    wanted = wanted_fields(incoming)
    return row if wanted is None else {name: value for name, value in row.items() if name in wanted}


def _link(incoming: Incoming, number: int) -> str:
    query = [(name, value) for name, value in incoming.query if name not in ("page", "token")]
    path = "/".join(incoming.path)
    return f"{incoming.base}/{path}/?{urlencode([*query, ('page', str(number))])}"
