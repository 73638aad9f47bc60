"""Tokens of pages: the place where a page ended, signed and bound to what was asked (facades 2.8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import orjson

from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.shapes import Paged
from device_manager.facades.sitewise.visit import Visit
from device_manager.security.signing import Signer

T = TypeVar("T")

MAC_BYTES = 32
NOT_COMPARED = frozenset({"nextToken", "maxResults"})
"""Members in which a request for a further page may differ from that for the first one."""


class Continued(Protocol):
    """A request that may be for a further page."""

    @property
    def next_token(self) -> str | None:
        """Where the page begins."""


Place = list[Any]
"""The values of the sort keys of the last item."""


class Paging:
    """Makes and reads tokens.

    Args:
        signer: has the server's secret.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def place(self, visit: Visit, input: Continued) -> Place | None:
        """Behind which item the wanted page begins; None for the first page.

        Raises:
            SiteWiseError: `InvalidRequestException` for a token that is not of our making, or for another list.
        """
        if input.next_token is None:
            return None
        await self._signer.ready()
        try:
            raw = base64.b64decode(input.next_token, validate=True)
        except ValueError:
            raise _wrong_token() from None
        content, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(content)):
            raise _wrong_token()
        place, question, _ = orjson.loads(content)
        if question != _question(visit, input):
            raise _wrong_token()
        return list(place)

    async def token(self, visit: Visit, input: Continued, place: Sequence[Any]) -> str:
        """The token for the page behind the item at `place`."""
        await self._signer.ready()
        content = orjson.dumps([list(place), _question(visit, input), int(time.time())])
        return base64.b64encode(content + self._mac(content)).decode()

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._signer.derived_key("sitewise pages"), content, "sha256")


async def page_of(paging: Paging, visit: Visit, input: Paged, items: Sequence[T]) -> tuple[Sequence[T], str | None]:
    """A page of a list whose items keep their places, and the token of the next one."""
    place = await paging.place(visit, input)
    first = 0 if place is None else place[0]
    end = first + input.max_results
    return items[first:end], await paging.token(visit, input, [end]) if end < len(items) else None


def _question(visit: Visit, input: Continued) -> str:
    """What the pages are of."""
    members = {name: value for name, value in msgspec.to_builtins(input).items() if name not in NOT_COMPARED}
    asked = orjson.dumps([visit.engine, type(input).__name__, members], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(asked).hexdigest()


def _wrong_token() -> Exception:
    return invalid(
        "nextToken is not one of this list: send it as it was given, with the same members as for the first page."
    )
