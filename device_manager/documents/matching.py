"""Finding what a query matches, to change or delete it page by page (router-protocol 5.5, 5.6)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from device_manager.documents.addresses import Target, check_address
from device_manager.errors import api_error
from device_manager.query.fields import field_types
from device_manager.query.matcher import Matcher, compile_matcher
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.finding import read_search
from device_manager.storage.stamps import Source
from device_manager.storage.steps import step, unrecorded

T = TypeVar("T")

PAGE = 1000
"""Documents that are written in one transaction."""

Write = Callable[[Sequence[Document], Matcher], Awaitable[T]]
"""Writes a page of documents. The matcher tells whether one that has changed since it was found matches still."""


class Matching:
    """Finds documents.

    Args:
        store: where they are.
        limit: most documents of one call that has a limit.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit

    async def write_pages(
        self, target: Target, query: Any, lang: str, write: Write[T], *, limited: bool
    ) -> AsyncGenerator[T, None]:
        """Write what matches, all that was acknowledged before; what came of each page.

        A request that is sent again does what is left to do. What has a limit is found once for all attempts, and each
        page is a step of the request. Without one each attempt finds what matches by then, and no step of an attempt
        before may stand for a page of this one.

        Args:
            target: the collection.
            query: the query of a request; None for all documents.
            lang: its language.
            write: writes a page.
            limited: find all of it first, and refuse more documents than one call may write.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.write_limit_exceeded` (413), `unknown_index`,
                `unknown_collection`, what `write` raises.
        """
        check_address(*target)
        parsed = self._read(query, lang)
        matches = await self._matcher(target, parsed)
        async with contextlib.aclosing(self._pages(target, parsed, limited=limited)) as pages:
            async for page in pages:
                with contextlib.nullcontext() if limited else unrecorded():
                    done = await write(page, matches)
                yield done

    def _read(self, query: Any, lang: str) -> Query:
        body = {} if query is None else {"query": query}
        return read_search(body, offset=None, size=0, lang=lang, limit=self._limit).query

    async def _pages(self, target: Target, query: Query, *, limited: bool) -> AsyncGenerator[list[Document], None]:
        if limited:
            documents = await self._find(target, query)
            for start in range(0, len(documents), PAGE):
                yield documents[start : start + PAGE]
            return
        await self._store.refresh(*target)
        async with contextlib.aclosing(self._store.scan(*target, query, page=PAGE)) as scan:
            async for page in scan:
                yield page

    @step
    async def _find(self, target: Target, query: Query) -> list[Document]:
        """What matches, found once: a retry would not find what is deleted already."""
        await self._store.refresh(*target)
        documents: list[Document] = []
        async for page in self._store.scan(*target, query, page=min(PAGE, self._limit + 1)):
            documents += page
            if len(documents) > self._limit:
                raise api_error("services.storage.write_limit_exceeded")
        return await self._store.transact(lambda tx: documents)

    async def _matcher(self, target: Target, query: Query) -> Matcher:
        if query == MATCH_ALL:
            return everything
        return compile_matcher(query, field_types(await self._store.mappings(*target)))


def matching_still(
    found: Mapping[Key, Document], stored: Mapping[Key, Document], matches: Matcher
) -> Iterator[Document]:
    """The documents that were found, as they are stored now, without those that are gone or match no more."""
    for key, known in found.items():
        now = stored.get(key)
        if now is not None and (now.version == known.version or matches(now.id, now.source)):
            yield now


def everything(id: str, source: Source) -> bool:
    """Matches every document."""
    return True
