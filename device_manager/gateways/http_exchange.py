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


def add_header(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header by its name in lower case, or join it to the one that is there."""
    if name in headers:
        value = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}"
    headers[name] = value


class HeaderBlock:
    """The headers of a request and what follows from them alone; clients repeat them, so a connection keeps the last.

    Attributes:
        lines: names in lower case, in order, duplicates kept.
        named: the last value of each header.
        text: values by name as text, repeated ones joined.
        forwarded: the addresses that proxies appended.
        size: bytes on the wire.
        content_length: bytes of body that are announced.
        fault: why no request with these headers is served.
    """

    __slots__ = ("content_length", "fault", "forwarded", "lines", "named", "size", "text")

    def __init__(self, lines: Headers) -> None:
        self.lines = lines
        self.named = dict(lines)
        self.text: dict[str, str] = {}
        for raw_name, raw_value in lines:
            add_header(self.text, raw_name.decode("latin-1"), raw_value.decode("latin-1"))
        hops = self.text.get("x-forwarded-for", "").split(",")
        self.forwarded = tuple(hop.strip() for hop in hops if hop.strip())
        self.size = sum(len(name) + len(value) + 4 for name, value in lines)
        self.content_length = int(self.named.get(b"content-length", b"0"))
        self.fault = self._find_fault()

    def _find_fault(self) -> ApiError | None:
        repeated = self._repeated()
        if repeated is not None:
            return bad_request(f'the header "{repeated}" comes more than once')
        coding = self.named.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            return bad_request('the only transfer encoding served is "chunked"')
        return None

    def _repeated(self) -> str | None:
        if len(self.named) == len(self.lines):
            return None
        seen: set[bytes] = set()
        for name, _ in self.lines:
            if name in SINGLE and name in seen:
                return name.decode("latin-1")
            seen.add(name)
        return None


class Exchange:
    """A request as it came, and whether the connection goes on after its answer.

    Attributes:
        verb: upper case.
        target: the raw request target.
        headers: see `HeaderBlock`.
        body: grows while it arrives.
        keep_alive: another request may follow on the connection.
        chunks: the client understands chunked bodies.
        refused: why it is not handled at all.
        connection: what the router was told about the connection, once it was asked.
    """

    __slots__ = ("body", "chunks", "connection", "headers", "keep_alive", "refused", "target", "verb")

    def __init__(
        self, verb: str, target: bytes, headers: HeaderBlock, *, keep_alive: bool, chunks: bool = True
    ) -> None:
        self.verb = verb
        self.target = target
        self.headers = headers
        self.body = bytearray()
        self.keep_alive = keep_alive
        self.chunks = chunks
        self.refused: ApiError | None = None
        self.connection: Connection | None = None

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its name in lower case."""
        return self.headers.named.get(name)

    @classmethod
    def refusing(cls, error: ApiError, begun: Exchange | None) -> Exchange:
        """Stands in the line of requests for one that cannot be read to its end, whose head may be known."""
        verb, headers = ("GET", HeaderBlock([])) if begun is None else (begun.verb, begun.headers)
        exchange = cls(verb, b"", headers, keep_alive=False)
        exchange.refused = error
        return exchange


def bad_request(reason: str, status: int = 400) -> ApiError:
    """The refusal of a message that breaks HTTP or a bound of ours."""
    error = api_error("network.http.unexpected_error", reason)
    error.status = status
    return error


def head_fault(exchange: Exchange, version: str, settings: Settings) -> ApiError | None:
    """Why the head of a request cannot be served, if so. The parser has refused the grosser offences by then."""
    headers = exchange.headers
    if version != "1.1" and version != "1.0":
        return bad_request(f"HTTP/{version} is not spoken here, HTTP/1.1 is", 505)
    if len(headers.lines) > MOST_HEADERS or len(exchange.target) + headers.size > MOST_HEAD_BYTES:
        return head_too_large()
    if headers.fault is not None:
        return headers.fault
    if version == "1.1" and b"host" not in headers.named:
        return bad_request('the header "host" is missing')
    if not exchange.target.isascii():
        return bad_request("the request target holds bytes outside ASCII; percent-encode them")
    if headers.content_length > settings.max_message_bytes:
        return body_too_large(settings)
    return None


def head_too_large() -> ApiError:
    """431: too many or too large headers."""
    return bad_request(f"the head exceeds {MOST_HEADERS} headers or {MOST_HEAD_BYTES} bytes", 431)


def body_too_large(settings: Settings) -> ApiError:
    """413 with the limit."""
    return api_error("network.http.request_too_large", settings.max_message_bytes)
