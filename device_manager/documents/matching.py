"""Finding what a query matches, to change or delete it (router-protocol 5.5, 5.6)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from device_manager.documents.addresses import Target
from device_manager.errors import api_error
from device_manager.query.fields import field_types
from device_manager.query.matcher import Matcher, compile_matcher
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.storage.contract import Document, Store
from device_manager.storage.finding import read_search
from device_manager.storage.stamps import Source
from device_manager.storage.steps import step, unrecorded

PAGE = 1000
"""Documents that are written in one transaction."""


class Matching:
    """Finds documents.

    Args:
        store: where they are.
        limit: most documents of one call that has a limit.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit

    def read(self, query: Any, lang: str) -> Query:
        """The query of a request. Raises a 400 that names the clause."""
        body = {} if query is None else {"query": query}
        return read_search(body, offset=None, size=0, lang=lang, limit=self._limit).query

    async def pages(self, target: Target, query: Query, *, limited: bool) -> AsyncGenerator[list[Document], None]:
        """What matches, all that was acknowledged before, in pages.

        Args:
            target: the collection.
            query: the query.
            limited: find all of it first, and refuse more documents than one call may write.

        Raises:
            ApiError: `services.storage.write_limit_exceeded` (413), `unknown_index`, `unknown_collection`.
        """
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

    async def matcher(self, target: Target, query: Query) -> Matcher:
        """Tells whether a document that has changed since it was found matches still."""
        if query == MATCH_ALL:
            return everything
        return compile_matcher(query, field_types(await self._store.mappings(*target)))


def repeatable(*, limited: bool) -> contextlib.AbstractContextManager[None]:
    """Around the writing of one of `Matching.pages`, so that a request that is sent again does what is left to do.

    What has a limit is found once for all attempts, and each page is a step. Without one each attempt finds what
    matches by then, and no step of an attempt before may stand for a page of this one.
    """
    return contextlib.nullcontext() if limited else unrecorded()


def everything(id: str, source: Source) -> bool:
    """Matches every document."""
    return True
