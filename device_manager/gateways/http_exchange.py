"""One HTTP request while it arrives: its head, what is wrong with it, its body (router-protocol 1.8)."""

from __future__ import annotations

from device_manager.errors import ApiError, api_error
from device_manager.router.request import Connection
from device_manager.settings import Settings

MOST_HEADERS = 128
MOST_HEAD_BYTES = 32_768
"""Bytes of the request line and the headers together."""
SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"transfer-encoding",
        b"x-kuzzle-request-id",
        b"x-kuzzle-volatile",
    }
)
"""Headers that may come once only: a proxy in front might believe another one of them than we do."""
VERBS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

Headers = list[tuple[bytes, bytes]]


class Exchange:
    """A request as it came, and whether the connection goes on after its answer.

    Attributes:
        verb: upper case.
        target: the raw request target.
        headers: names in lower case, in order, duplicates kept.
        named: the last value of each header.
        body: grows while it arrives.
        keep_alive: another request may follow on the connection.
        refused: why it is not handled at all.
        connection: what the router was told about the connection, once it was asked.
    """

    __slots__ = ("body", "connection", "headers", "keep_alive", "named", "refused", "target", "verb")

    def __init__(self, verb: str, target: bytes, headers: Headers, *, keep_alive: bool) -> None:
        self.verb = verb
        self.target = target
        self.headers = headers
        self.named = dict(headers)
        self.body = bytearray()
        self.keep_alive = keep_alive
        self.refused: ApiError | None = None
        self.connection: Connection | None = None

    @classmethod
    def refusing(cls, error: ApiError) -> Exchange:
        """Stands in the line of requests for one that cannot be read to its end."""
        exchange = cls("GET", b"", [], keep_alive=False)
        exchange.refused = error
        return exchange


def bad_request(reason: str, status: int = 400) -> ApiError:
    """The refusal of a message that breaks HTTP or a bound of ours."""
    error = api_error("network.http.unexpected_error", reason)
    error.status = status
    return error


def head_fault(exchange: Exchange, version: str, settings: Settings) -> ApiError | None:
    """Why the head of a request cannot be served, if so. The parser has refused the grosser offences by then."""
    headers, named = exchange.headers, exchange.named
    if version not in ("1.1", "1.0"):
        return bad_request(f"HTTP/{version} is not spoken here, HTTP/1.1 is", 505)
    if len(headers) > MOST_HEADERS or len(exchange.target) + _size(headers) > MOST_HEAD_BYTES:
        return head_too_large()
    if len(named) != len(headers):
        repeated = _repeated(headers)
        if repeated:
            return bad_request(f'the header "{repeated}" comes more than once')
    if b"host" not in named and version == "1.1":
        return bad_request('the header "host" is missing')
    if not exchange.target.isascii():
        return bad_request("the request target holds bytes outside ASCII; percent-encode them")
    coding = named.get(b"transfer-encoding")
    if coding is not None and coding.lower() != b"chunked":
        return bad_request('the only transfer encoding served is "chunked"')
    if int(named.get(b"content-length", b"0")) > settings.max_message_bytes:
        return body_too_large(settings)
    return None


def head_too_large() -> ApiError:
    """431: too many or too large headers."""
    return bad_request(f"the head exceeds {MOST_HEADERS} headers or {MOST_HEAD_BYTES} bytes", 431)


def body_too_large(settings: Settings) -> ApiError:
    """413 with the limit."""
    return api_error("network.http.request_too_large", settings.max_message_bytes)


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _repeated(headers: Headers) -> str | None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLE and name in seen:
            return name.decode("latin-1")
        seen.add(name)
    return None
