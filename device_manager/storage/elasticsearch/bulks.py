"""Many conditional writes in as few bulks as their size allows, each with its own result (design 6, group commit)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.elasticsearch.client import BULK_BYTES, Answer, Cluster, expect, reason

PAGE_WRITES = 4000
"""Writes of one bulk: more than the 3,000 of a chunk of links, and few enough for an answer within the deadline."""


class Result(NamedTuple):
    """What became of one write: its status, what refused it, the document's new sequence number and version."""

    status: int
    problem: str
    seq_no: int
    primary_term: int
    version: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the write was made."""
        return self.status < 300

    @property
    def is_decided(self) -> bool:
        """Whether it is certain that the write was made, or that it was not: a fault of the cluster leaves it open."""
        return self.status < 500

    @property
    def is_conflict(self) -> bool:
        """Whether the document was not as the condition says."""
        return self.status == 409

    @property
    def is_refused(self) -> bool:
        """Whether the write is one that the cluster would never make."""
        return self.status in (400, 413)

    def refusal(self, id: str) -> ApiError:
        """What the caller of a write that is refused for good is told."""
        return api_error("services.storage.unexpected_bad_request", f'document "{id}": {self.problem}')

    @property
    def is_gone(self) -> bool:
        """Whether the alias, or the document to delete, does not exist."""
        return self.status == 404


def pages(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut into runs of at most 8 MB and 4,000 writes; one line may be larger by itself."""
    start = size = 0
    for place, line in enumerate(lines):
        if place > start and (size + len(line) > BULK_BYTES or place - start == PAGE_WRITES):
            yield lines[start:place]
            start, size = place, 0
        size += len(line)
    if start < len(lines):
        yield lines[start:]


async def write(
    cluster: Cluster, lines: Sequence[bytes], before_each: Callable[[], Awaitable[None]] | None = None
) -> list[Result]:
    """Send all `lines`; a bulk that is refused as a whole is split in halves until the culprit stands alone.

    Args:
        cluster: where to.
        lines: one or two lines of a bulk for each write.
        before_each: awaited before each bulk; what it raises ends the sending.

    Raises:
        NoAnswer: what became of the writes that were sent last is not known.
    """
    results: list[Result] = []
    for page in pages(lines):
        results.extend(await _send(cluster, page, before_each))
    return results


async def _send(
    cluster: Cluster, lines: Sequence[bytes], before_each: Callable[[], Awaitable[None]] | None
) -> list[Result]:
    if before_each is not None:
        await before_each()
    answer = await cluster.bulk(lines)
    if answer.status == 200:
        return [_result(item) for item in answer.body["items"]]
    if not _is_culprit_inside(answer):
        expect(answer, 200)
    if len(lines) == 1:
        return [Result(400, reason(answer.body), -1, 0)]
    half = len(lines) // 2
    first = await _send(cluster, lines[:half], before_each)
    return first + await _send(cluster, lines[half:], before_each)


def _is_culprit_inside(answer: Answer) -> bool:
    return answer.status in (400, 413)


def _result(item: dict[str, Any]) -> Result:
    content: dict[str, Any] = next(iter(item.values()))
    problem = reason(content["error"]) if "error" in content else ""
    return Result(
        content["status"],
        problem,
        content.get("_seq_no", -1),
        content.get("_primary_term", 0),
        content.get("_version", 0),
    )
