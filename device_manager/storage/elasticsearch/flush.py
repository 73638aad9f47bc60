"""One flush: intent, marked writes, and the conditional delete that commits it (transactions 1, steps 4 to 8)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import orjson

from device_manager.errors import ApiError
from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch import bulks
from device_manager.storage.elasticsearch.client import Cluster, NoAnswer, document_path, expect
from device_manager.storage.elasticsearch.documents import delete_line
from device_manager.storage.elasticsearch.job import too_many_changes
from device_manager.storage.elasticsearch.names import TRANSACTIONS_ALIAS
from device_manager.storage.elasticsearch.protocol import Head, Image, State
from device_manager.storage.elasticsearch.recovery import Images, Recovery, part_id
from device_manager.storage.elasticsearch.settlement import FlushDocument
from device_manager.storage.elasticsearch.units import (
    PAUSE,
    Failure,
    Failures,
    StepObserver,
    Unit,
    failure_of,
    tombstone_lines,
    until_answered,
)

PART_BYTES = 4 << 20
COMMIT_WITHIN = 600.0
"""Seconds after the intent beyond which a commit is not even tried: an aborted intent is only kept for an hour."""


class TooLate(Exception):
    """So much time has passed since the intent that somebody may abort it: writing on would be in vain."""


class Flush:
    """Takes decided units through the protocol. `run` returns only when every unit is committed or undone.

    Attributes:
        seq_nos: the new sequence number of each document written.
        is_deciding: from here on only the cluster knows what is committed.
        is_kept: the flush was aborted and its document stays for an hour.
    """

    def __init__(
        self,
        name: str,
        units: list[Unit],
        cluster: Cluster,
        recovery: Recovery,
        *,
        process: str,
        grace: float,
        on_step: StepObserver,
        count: Callable[[], None],
    ) -> None:
        self.name = name
        self.seq_nos: dict[Key, tuple[int, int]] = {}
        self.is_deciding = False
        self.is_kept = False
        self._is_commit_sent = False
        self._units = units
        self._images: Images = {unit.number: [write.image for write in unit.writes] for unit in units}
        self._cluster = cluster
        self._recovery = recovery
        self._process = process
        self._grace = grace
        self._on_step = on_step
        self._count = count
        self._intent = FlushDocument(name, Head(State.OPEN), {}, -1, 0)
        self._fresh_at = 0.0
        self._renewals = 0
        self._renewing = asyncio.Lock()

    async def run(self, doomed: Callable[[], Failures]) -> Failures:
        """Commit what can be committed.

        Args:
            doomed: units whose callers were told meanwhile that nothing is written.

        Returns:
            The units that are not committed, all traces of them undone.
        """
        try:
            await self._intend()
        except ApiError as error:
            is_final = not isinstance(error, NoAnswer)
            return {unit.number: Failure(error, is_final) for unit in self._units}
        self._on_step("intended")
        try:
            failures = await self._apply()
        except (NoAnswer, TooLate) as error:
            problem = error if isinstance(error, ApiError) else too_many_changes(self._any_id())
            return await self._give_up(Failure(problem))
        self._on_step("applied")
        failures = doomed() | failures
        if failures:
            return await self._close_partly(failures)
        return await self._commit()

    async def _intend(self) -> None:
        """Step 4: write down how to undo everything, before-images in parts when they are large."""
        *parts, last = self._undo_parts()
        if parts:
            await self._write_parts(parts)
        head = {"state": State.OPEN, "process": self._process, "parts": len(parts), "undo": last}
        path = document_path(TRANSACTIONS_ALIAS, "_create", self.name)
        self._count()
        body = msgspec.json.encode(head)
        self._fresh_at = time.monotonic()  # nobody can have watched it before
        answer = await self._cluster.call("POST", path, body, parameters={"require_alias": "true"})
        expect(answer, 201)
        self._intent = FlushDocument(
            self.name, Head(State.OPEN), {"parts": len(parts)}, answer.body["_seq_no"], answer.body["_primary_term"]
        )

    def _undo_parts(self) -> Iterator[dict[str, list[Image]]]:
        """The before-images, cut so that each part holds at most about 4 MB."""
        part: dict[str, list[Image]] = {}
        size = 0
        for number, images in self._images.items():
            for image in images:
                weight = 200 if image.before is None else 200 + len(orjson.dumps(image.before))
                if part and size + weight > PART_BYTES:
                    yield part
                    part, size = {}, 0
                part.setdefault(number, []).append(image)
                size += weight
        yield part

    async def _write_parts(self, parts: list[dict[str, list[Image]]]) -> None:
        lines = []
        for number, part in enumerate(parts, 1):
            address = {"_index": TRANSACTIONS_ALIAS, "_id": part_id(self.name, number)}
            body = {"state": State.PART, "process": self._process, "undo": part}
            lines.append(orjson.dumps({"create": address}) + b"\n" + msgspec.json.encode(body) + b"\n")
        for result in await bulks.write(self._cluster, lines, self._count_bulk):
            if not result.is_done:
                raise NoAnswer(f"a part of the transaction was not stored: {result.problem}")

    async def _count_bulk(self) -> None:
        self._count()

    async def _apply(self) -> Failures:
        """Step 5; what failed, by unit.

        Raises:
            NoAnswer: what was written is not known.
            TooLate: the grace time of the intent is half over.
        """
        writes = [(unit, write) for unit in self._units for write in unit.writes]
        async with self._signs_of_life():
            results = await bulks.write(self._cluster, [write.line for _, write in writes], self._stay_fresh)
        failures: Failures = {}
        for (unit, write), result in zip(writes, results, strict=True):
            if result.is_done:
                self.seq_nos[write.key] = (result.seq_no, result.primary_term)
            elif unit.number not in failures or result.is_refused:
                failures[unit.number] = failure_of(write, result)
        return failures

    @contextlib.asynccontextmanager
    async def _signs_of_life(self) -> AsyncIterator[None]:
        """Renew the intent while bulks are under way: a cluster may take longer for one than the grace time."""
        over = asyncio.Event()
        renewing = asyncio.create_task(self._keep_fresh(over))
        try:
            yield
        finally:
            over.set()
            await renewing  # the commit needs the sequence number of the last renewal

    async def _keep_fresh(self, over: asyncio.Event) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self._grace / 4)
            if over.is_set():
                return
            try:
                await self._freshen()
            except (NoAnswer, TooLate):
                return  # what follows finds out, on condition of the last sequence number that is known

    async def _stay_fresh(self) -> None:
        """Before each bulk: nobody may be about to take this flush for abandoned."""
        await self._freshen()
        if self._age > self._grace / 2:
            raise TooLate
        self._count()

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fresh_at

    async def _freshen(self) -> None:
        """Renew an intent that is no longer fresh; each renewal is step 4 again, on condition that nobody aborted it.

        Raises:
            NoAnswer: it may be renewed or not.
            TooLate: somebody aborted it.
        """
        async with self._renewing:
            if self._age > self._grace / 5:
                await self._renew()

    async def _renew(self) -> None:
        now = time.monotonic()
        self._renewals += 1
        if not await self._recovery.change(self._intent, {"renewed": self._renewals}):
            raise TooLate
        current = await self._recovery.read(self.name)
        if current is None or current.raw.get("renewed") != self._renewals or current.head.state is not State.OPEN:
            raise TooLate
        self._intent = self._intent._replace(seq_no=current.seq_no, primary_term=current.primary_term)
        self._fresh_at = now

    async def _commit(self) -> Failures:
        """Step 6: the conditional delete; when its answer is lost, find out who decided."""
        failure = Failure(too_many_changes(self._any_id()))
        if time.monotonic() - self._fresh_at > COMMIT_WITHIN:
            return await self._give_up(failure)
        self.is_deciding = True
        self._on_step("committing")
        self._is_commit_sent = True
        self._count()
        line = delete_line(TRANSACTIONS_ALIAS, self.name, self._intent.seq_no, self._intent.primary_term)
        try:
            (result,) = await bulks.write(self._cluster, [line])
        except NoAnswer:
            return await self._find_out(failure)
        if result.is_done:
            self._on_step("committed")
            return {}
        if not (result.is_conflict or result.is_gone):
            return await self._find_out(failure)
        self._is_commit_sent = False  # refused: somebody aborted this flush, perhaps long ago
        return await self._give_up(failure)

    async def _find_out(self, failure: Failure) -> Failures:
        """No answer to the commit: what the flush document says, or its absence, is the outcome."""
        document = await until_answered(lambda: self._recovery.read(self.name))
        if document is None and self._is_commit_sent:
            return {}
        if document is not None and document.head.state is State.CLOSED:
            return await self._undo(document, dict.fromkeys(self._images, failure))
        return await self._give_up(failure)

    async def _give_up(self, failure: Failure) -> Failures:
        """Steps 7 and 8 by the owner; nothing is aborted when the commit was faster after all."""
        failures = dict.fromkeys(self._images, failure)
        while True:
            try:
                document = await self._recovery.read(self.name)
                if document is not None and document.head.state is State.OPEN:
                    document = await self._recovery.abort(document)
            except NoAnswer:
                await asyncio.sleep(PAUSE)
                continue
            if document is None:
                if self._is_commit_sent:
                    return {}
                document = FlushDocument(self.name, Head(State.CLOSED, tuple(self._images)), {}, -1, 0)
            if document.head.state is State.CLOSED:
                return await self._undo(document, failures)

    async def _close_partly(self, failures: Failures) -> Failures:
        """Step 6 when some units failed: closing the flush for those commits the others."""
        self.is_deciding = True
        aborted = list(failures)
        is_answered = True
        try:
            is_closed = await self._recovery.change(self._intent, {"state": State.CLOSED, "aborted": aborted})
        except NoAnswer:
            is_closed = is_answered = False
        if not is_closed:
            lost = dict.fromkeys(self._images, Failure(too_many_changes(self._any_id())))
            document = await until_answered(lambda: self._recovery.read(self.name))
            if document is None and not is_answered:
                return failures  # closed by us, undone and removed by a sweep: an abort by others would still be there
            if document is None or document.head.state is not State.CLOSED:
                return await self._give_up(Failure(too_many_changes(self._any_id()))) | failures
            return await self._undo(document, lost | failures)
        document = self._intent._replace(head=Head(State.CLOSED, tuple(aborted)))
        failed = await self._undo(document, failures)
        try:
            current = await self._recovery.read(self.name)
            if current is not None:
                await self._recovery.remove(current)
        except NoAnswer:
            pass  # the sweep of any process removes it
        return failed

    async def _undo(self, document: FlushDocument, failures: Failures) -> Failures:
        """Step 8 for the aborted units of the closed flush; those that are not among them are committed."""
        aborted = {unit: images for unit, images in self._images.items() if document.head.has_aborted(unit)}
        self.is_kept = "abortedAt" in document.raw
        await until_answered(lambda: self._recovery.undo(self.name, aborted))
        return {unit: failure for unit, failure in failures.items() if unit in aborted}

    @property
    def has_parts(self) -> bool:
        """Whether the intent was too large for one document."""
        return bool(self._intent.raw.get("parts"))

    async def clean(self) -> None:
        """Step 11: remove the tombstones of a committed flush, and the parts of its intent.

        Raises:
            NoAnswer: some may be left; they do no harm.
        """
        await bulks.write(self._cluster, tombstone_lines(self._units, self.seq_nos))
        parts: int = self._intent.raw.get("parts", 0)
        await self._recovery.remove_parts(part_id(self.name, number + 1) for number in range(parts))

    def _any_id(self) -> str:
        return next((write.key.id for unit in self._units for write in unit.writes), self.name)
