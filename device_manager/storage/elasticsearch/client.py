"""Requests to the cluster: bytes out, parsed JSON in, a deadline on each, never repeated by itself (design 6)."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson
from aiohttp import ClientConnectorError
from elastic_transport import AiohttpHttpNode, AsyncTransport, HttpHeaders, TransportError
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import AsyncElasticsearch, OrjsonSerializer

from device_manager.errors import CATALOGUE, ApiError

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

JSON = "application/vnd.elasticsearch+json; compatible-with=8"
NDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
BULK_BYTES = 8 << 20
CONNECTIONS = 16
LARGE_BODY = 1 << 20
BULK_FIELDS = "error,errors,status,items.*.status,items.*._seq_no,items.*._primary_term,items.*._version,items.*.error"
HEALTH_DEADLINE = 1.0
TOO_MANY = 429
BUSY = frozenset({TOO_MANY, 503})
"""Statuses of a cluster that would take the same a little later."""
_TEMPORARY = BUSY | {502, 504}


class NoAnswer(ApiError):
    """The cluster did not answer, or could not: whether it did what was asked is not known.

    Attributes:
        is_refusal: it did answer, that it has too much to do now: the same request may be taken a little later.
        is_untaken: the request never reached it, or was sent back before any of it was done.
    """

    def __init__(self, reason: str, *, is_refusal: bool = False, is_untaken: bool = False) -> None:
        kind = CATALOGUE["services.storage.unavailable"]
        super().__init__(kind.text.format(reason), status=kind.status, id=kind.id, code=kind.code, props=(reason,))
        self.is_refusal = is_refusal
        self.is_untaken = is_untaken


class Answer(NamedTuple):
    """Status and parsed body of an answer; the status is below 500 and not 429."""

    status: int
    body: Any


class _Orjson(OrjsonSerializer):
    mimetype = "application/vnd.elasticsearch+json"


class _Node(AiohttpHttpNode):
    """Sends large bodies piece by piece, since aiohttp warns of those that block the event loop; logs no content."""

    async def perform_request(  # type: ignore[override]  # as in its own base class
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        sent: Any = io.BytesIO(body) if body is not None and len(body) >= LARGE_BODY else body
        return await super().perform_request(method, target, sent, headers, request_timeout)

    def _log_request(self, **_: Any) -> None:  # type: ignore[override]  # takes none of its arguments
        """Documents have no place in a log."""


class Cluster:
    """One cluster behind one URL.

    Attributes:
        last_answer: monotonic time of the latest answer that does not say that the cluster cannot serve.
        last_silence: monotonic time of the latest request that was given up while nothing else was answered either.
    """

    def __init__(self, url: str, deadline: float) -> None:
        self.last_answer = time.monotonic()
        self.last_silence = -1.0
        self._deadline = deadline
        self._client = AsyncElasticsearch(
            url,
            request_timeout=deadline,
            max_retries=0,
            retry_on_timeout=False,
            node_class=_Node,
            connections_per_node=CONNECTIONS,
            serializers={_Orjson.mimetype: _Orjson()},
        )
        self._transport: AsyncTransport = self._client.transport

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        parameters: dict[str, str | int] | None = None,
        content_type: str = JSON,
        deadline: float | None = None,
    ) -> Answer:
        """Send one request, once.

        Args:
            method: HTTP method. The transport repeats none of them, except that a DELETE, GET or PUT whose kept
                connection had been closed by the peer may arrive twice.
            path: starts with a slash; names in it are percent-encoded.
            body: bytes to send as they are, or a value to encode.
            parameters: of the query string.
            content_type: of the body.
            deadline: seconds; the store's otherwise.

        Raises:
            NoAnswer: no answer within the deadline, or one that says that the cluster cannot serve now.
        """
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        headers = {"accept": JSON}
        if body is not None:
            headers["content-type"] = content_type
            body = body if isinstance(body, bytes) else orjson.dumps(body)
        try:
            meta, parsed = await self._transport.perform_request(
                method, target, body=body, headers=headers, max_retries=0, request_timeout=deadline or self._deadline
            )
        except TransportError as error:
            now = time.monotonic()
            if now - self.last_answer >= self._deadline:
                self.last_silence = now
            is_untaken = isinstance(error.__cause__, ClientConnectorError)
            raise NoAnswer(f"{method} {path.split('?')[0]}: {error.message}", is_untaken=is_untaken) from error
        if meta.status in _TEMPORARY:
            problem = f"{method} {path}: status {meta.status}, {reason(parsed)}"
            raise NoAnswer(problem, is_refusal=meta.status in BUSY, is_untaken=meta.status == TOO_MANY)
        self.last_answer = time.monotonic()
        return Answer(meta.status, parsed)

    async def patiently(self, method: str, path: str, body: Any = None, *, deadline: float = 60.0) -> Answer:
        """Send a request that may take long, such as making an index; given up when the cluster stops answering.

        Raises:
            NoAnswer: as for `call`.
        """
        self.last_answer = max(self.last_answer, time.monotonic() - HEALTH_DEADLINE)
        request = asyncio.ensure_future(self.call(method, path, body, deadline=deadline))
        try:
            while True:
                await asyncio.wait({request}, timeout=HEALTH_DEADLINE)
                if request.done():
                    return request.result()
                if not await self.is_answering() and time.monotonic() - self.last_answer > self._deadline:
                    raise NoAnswer(f"{method} {path}: no answer within {self._deadline} s")
        finally:
            request.cancel()

    async def is_answering(self) -> bool:
        """Whether the cluster answers a small request within a second."""
        try:
            answer = await self.call(
                "GET", "/_cluster/health", parameters={"timeout": "500ms"}, deadline=HEALTH_DEADLINE
            )
        except NoAnswer:
            return False
        return answer.status == 200

    async def mget(self, addresses: Sequence[tuple[str, str]], *, without: str | None = None) -> list[dict[str, Any]]:
        """The documents at `(alias, id)`, realtime, in that order, as `_mget` writes them.

        Args:
            addresses: alias and id of each.
            without: a member of the sources that is left out.

        Raises:
            NoAnswer: as for `call`.
        """
        body = {"docs": [{"_index": alias, "_id": id} for alias, id in addresses]}
        answer = await self.call("POST", "/_mget", body, parameters={"_source_excludes": without} if without else None)
        expect(answer, 200)
        documents: list[dict[str, Any]] = answer.body["docs"]
        return documents

    async def bulk(self, lines: Iterable[bytes]) -> Answer:
        """Send one bulk; its writes are refused where the alias is gone instead of making an index of that name.

        Raises:
            NoAnswer: some, all or none of the writes were or will be made.
        """
        return await self.call(
            "POST",
            "/_bulk",
            b"".join(lines),
            parameters={
                "require_alias": "true",
                "timeout": f"{int(self._deadline * 750)}ms",
                "filter_path": BULK_FIELDS,
            },
            content_type=NDJSON,
        )


def document_path(alias: str, endpoint: str, id: str) -> str:
    """The path of one document, such as `/alias/_doc/id`."""
    return f"/{quote(alias, safe='')}/{endpoint}/{quote(id, safe='')}"


def index_path(name: str, endpoint: str = "") -> str:
    """The path of one or several comma-separated indices or aliases; wildcards pass."""
    return f"/{quote(name, safe=',*')}{endpoint}"


def reason(body: Any) -> str:
    """What an error answer says, for people."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)
    causes = error.get("root_cause") or [error]
    text = str(causes[0].get("reason") or causes[0].get("type"))
    cause = error.get("caused_by")
    below = reason(cause) if isinstance(cause, dict) and "reason" in cause else text
    return text if below.startswith(text) else f"{text} ({below})"


def expect(answer: Answer, *statuses: int) -> Answer:
    """Refuse any other status.

    Raises:
        ApiError: `services.storage.unexpected_bad_request` for a 4xx, `unexpected_error` for a 5xx.
    """
    if answer.status in statuses:
        return answer
    id = "services.storage." + ("unexpected_bad_request" if answer.status < 500 else "unexpected_error")
    kind = CATALOGUE[id]
    text = reason(answer.body)
    raise ApiError(kind.text.format(text), status=kind.status, id=id, code=kind.code, props=(text,))
