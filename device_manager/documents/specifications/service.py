"""The specifications of all collections, in memory for writes, changed and listed by actions (router-protocol 5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from device_manager.call import Call
from device_manager.documents.addresses import Target, check_address
from device_manager.documents.specifications.checking import (
    curated,
    default_faults,
    error_messages,
    findings,
    with_defaults,
)
from device_manager.documents.specifications.parsing import ReadFilter, Rules, parse_specification
from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Change, Document, Key, Store, Transaction
from device_manager.storage.finding import read_search
from device_manager.storage.generation import Generation, raise_generation
from device_manager.storage.merging import LocatedHit
from device_manager.storage.scrolling import Scrolling, ScrollPage, Wanted
from device_manager.storage.specification_records import (
    GENERATION,
    SPECIFICATIONS,
    SPECIFICATIONS_INDEX,
    prepare_specifications,
    remove_leftovers,
    remove_specifications,
    specification_key,
)
from device_manager.storage.stamps import Source

KIND = "specifications"
"""Of scrolls that `collection:scrollSpecifications` continues."""

log = structlog.get_logger("specifications")


class Specifications:
    """Knows what the documents of each collection have to be like.

    Args:
        store: where the specifications are.
        scrolling: begins and continues scrolls.
        read_filter: reads the Koncorde filters that are validators.
        limit: largest page of a search.
    """

    def __init__(self, store: Store, scrolling: Scrolling, read_filter: ReadFilter, limit: int) -> None:
        self._store = store
        self._scrolling = scrolling
        self._read_filter = read_filter
        self._limit = limit
        self._rules: dict[Key, Rules] = {}
        self._generation = Generation(store, GENERATION, self, "specifications")
        self._starting = asyncio.Lock()
        self._is_started = False

    async def start(self) -> None:
        """Forget specifications of what is gone, read all others, then stay current; does nothing the second time.

        Raises:
            ApiError: the store does not answer.
        """
        async with self._starting:
            if not self._is_started:
                await self._generation.start()
                gone = await remove_leftovers(self._store)
                if gone:
                    log.info("specifications removed, because their collections are gone", ids=gone)
                self._is_started = True

    async def close(self) -> None:
        """Stop looking for changes."""
        await self._generation.close()

    async def read(self) -> Callable[[], None]:
        """See `generation.Memory`."""
        found: dict[Key, Rules] = {}
        try:
            for document in await self._store.read_collection(SPECIFICATIONS_INDEX, SPECIFICATIONS):
                self._take(found, Key(SPECIFICATIONS_INDEX, SPECIFICATIONS, document.id), document)
        except ApiError as error:
            if not error.is_unknown_place:
                raise

        def take_over() -> None:
            self._rules = found

        return take_over

    def apply(self, change: Change) -> bool:
        """See `generation.Memory`."""
        if change.key[:2] != (SPECIFICATIONS_INDEX, SPECIFICATIONS):
            return False
        self._rules.pop(change.key, None)
        if change.after is not None:
            self._take(self._rules, change.key, change.after)
        return True

    def _take(self, rules: dict[Key, Rules], key: Key, document: Document) -> None:
        parsed = parse_specification(document.source.get("validation"), self._read_filter)
        if parsed.faults:
            log.warning("specification left alone, because it has faults", id=document.id, faults=parsed.faults)
        else:
            rules[key] = parsed.rules

    async def rules(self, target: Target) -> Rules | None:
        """What documents of a collection have to be like; None for anything.

        Raises:
            ApiError: `services.storage.unavailable`.
        """
        if not self._is_started:
            await self.start()
        if not self._generation.is_trusted:
            await self._generation.ensure()
        return self._rules.get(specification_key(*target)) if self._rules else None

    async def curated(self, target: Target, id: str | None, source: Source) -> Source:
        """A new document with the defaults of its collection's specification, which it meets then.

        Raises:
            ApiError: `validation.check.failed_field` or `failed_document` (400).
        """
        rules = await self.rules(target)
        return source if rules is None else curated(rules, id, source, is_update=False)

    async def validate(self, target: Target, id: str | None, source: Source) -> Source:
        """Whether a document would meet its specification: `{valid, errorMessages}`.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._check(target)
        rules = await self.rules(target)
        if rules is None:
            return {"valid": True, "errorMessages": {}}
        found = list(findings(rules, id, with_defaults(rules, source, is_update=False)))
        return {"valid": not found, "errorMessages": error_messages(found)}

    async def get(self, target: Target) -> Source:
        """The specification of a collection: `{index, collection, validation}`.

        Raises:
            ApiError: `validation.assert.not_found`, `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._check(target)
        key = specification_key(*target)
        try:
            document = (await self._store.read((key,))).get(key)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            document = None
        if document is None:
            raise api_error("validation.assert.not_found", *target)
        return document.source

    async def update(self, target: Target, specification: Any, call: Call) -> None:
        """Give a collection a specification, in the place of the one that it has.

        Raises:
            ApiError: `validation.assert.invalid_specifications` with `details`, `services.storage.unknown_index`,
                `unknown_collection`.
        """
        await self._check(target)
        faults = self._faults(specification)
        if faults:
            raise api_error("validation.assert.invalid_specifications", "; ".join(faults), details=faults)
        if call.dry_run:
            return
        await prepare_specifications(self._store)
        key = specification_key(*target)
        source = {"index": target.index, "collection": target.collection, "validation": specification}

        def decide(tx: Transaction) -> None:
            if key in tx.read((key, GENERATION)):
                tx.replace(key, source)
            else:
                tx.create(key.index, key.collection, source, key.id)
            raise_generation(tx, GENERATION)

        await self._store.transact(decide, refresh=call.refresh)

    async def delete(self, target: Target, call: Call) -> None:
        """Let the documents of a collection be like anything.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._check(target)
        if not call.dry_run:
            await remove_specifications(self._store, *target)

    async def judge(self, target: Target, specification: Any) -> list[str]:
        """What is wrong with a specification for a collection.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._check(target)
        return self._faults(specification)

    def _faults(self, specification: Any) -> list[str]:
        parsed = parse_specification(specification, self._read_filter)
        return parsed.faults or list(default_faults(parsed.rules))

    async def search(
        self, body: Source, offset: int | None, size: int | None, scroll: str | None, call: Call
    ) -> Source:
        """Find specifications of all indices: `{hits: [{_id, _source}], total, scrollId?}`.

        Raises:
            ApiError: a 400 that names the clause; what `Scrolling.begin` raises.
        """
        target = Target(SPECIFICATIONS_INDEX, SPECIFICATIONS)
        try:
            if scroll is not None:
                wanted = Wanted(KIND, [target], body, offset=offset, size=size)
                return _shown_page(await self._scrolling.begin(wanted, scroll, call))
            search = read_search(body, offset=offset, size=size, lang="elasticsearch", limit=self._limit)
            found = await self._store.search(*target, search)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            return {"hits": [], "total": 0}
        return {"hits": [_shown(LocatedHit(hit, target)) for hit in found.hits], "total": found.total}

    async def scroll(self, id: str, scroll: str | None, call: Call) -> Source:
        """The next page of a search. Raises what `Scrolling.next` raises."""
        return _shown_page(await self._scrolling.next(KIND, id, scroll, call))

    async def _check(self, target: Target) -> None:
        check_address(*target)
        if target.collection not in await self._store.collections(target.index):
            raise api_error("services.storage.unknown_collection", *target)


def _shown(located: LocatedHit) -> Source:
    hit = located.hit
    return {"_id": hit.id, "_score": hit.score, "_source": hit.source}


def _shown_page(page: ScrollPage) -> Source:
    return page.to_dict([_shown(located) for located in page.hits])
