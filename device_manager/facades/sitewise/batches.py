"""Requests about several entries, each of which is answered or refused for itself (facades 2.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from device_manager.errors import ApiError
from device_manager.facades.sitewise.errors import SiteWiseError, from_api_error, invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Continued, Paging, Place
from device_manager.facades.sitewise.visit import Visit


class Entry(Protocol):
    """What is asked for in a batch."""

    @property
    def entry_id(self) -> str:
        """By which the answer tells entries apart."""


E = TypeVar("E", bound=Entry)

Read = Callable[[E, int, Place | None], Awaitable[tuple[list[Content], Place | None]]]
"""(entry, most values, where to begin) -> values, and where the rest of them begins."""


def refuse_repeated_entries(entries: Sequence[Entry]) -> None:
    """Refuse a batch in which an entryId is there twice. Raises `InvalidRequestException`."""
    ids = [entry.entry_id for entry in entries]
    for id in ids:
        if ids.count(id) > 1:
            raise invalid(f"The entryId {id} is there more than once.")


def empty_answer() -> Content:
    """An answer of which no entry tells anything yet."""
    return {"successEntries": [], "errorEntries": [], "skippedEntries": []}


def entry_error(entry: Entry, error: SiteWiseError | ApiError) -> Content:
    """The error of an entry; what concerns more than the entry is raised again."""
    refused = from_api_error(error, is_data=True) if isinstance(error, ApiError) else error
    if refused.status >= 500 or refused.status == 429:
        raise error
    return {"entryId": entry.entry_id, "errorCode": refused.name, "errorMessage": refused.message}


async def page_of_each(
    paging: Paging, visit: Visit, input: Continued, entries: Sequence[E], *, size: int, member: str, read: Read[E]
) -> Content:
    """A page of the values of several entries: one entry after the other, until the page is full.

    Args:
        paging: makes the tokens of pages.
        visit: the request.
        input: its members.
        entries: those among them.
        size: most values of the page.
        member: where an entry of the answer holds its values.
        read: reads the values of an entry.
    """
    refuse_repeated_entries(entries)
    place = await paging.place(visit, input)
    first, inner = (0, None) if place is None else (place[0], place[1])
    answer = empty_answer()
    for number, entry in enumerate(entries):
        if number < first:
            answer["skippedEntries"].append({"entryId": entry.entry_id, "completionStatus": "SUCCESS"})
            continue
        if size == 0:
            answer["nextToken"] = await paging.token(visit, input, [number, None])
            break
        try:
            values, rest = await read(entry, size, inner)
        except (SiteWiseError, ApiError) as error:
            answer["errorEntries"].append(entry_error(entry, error))
            continue
        inner = None
        size -= len(values)
        answer["successEntries"].append({"entryId": entry.entry_id, member: values})
        if rest is not None:
            answer["nextToken"] = await paging.token(visit, input, [number, rest])
            break
    return answer
