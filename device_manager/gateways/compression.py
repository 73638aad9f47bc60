"""Compressed answers: what the client prefers, within what is worth it (router-protocol 1.9)."""

from __future__ import annotations

import functools
import zlib

WINDOWS = {b"gzip": 31, b"deflate": 15}
"""How zlib is told the format, in the order that decides between equal preferences."""
LEVEL = 1
COMPRESSIBLE = (b"application/json", b"text/", b"application/yaml", b"application/xml", b"application/javascript")
"""Beginnings of the content types that get smaller; the others mostly are compressed already."""


def worth_compressing(content_type: bytes) -> bool:
    """Whether a body of this type gets smaller."""
    return content_type.startswith(COMPRESSIBLE)


@functools.lru_cache(256)
def preferred_encoding(accepted: bytes) -> bytes:
    """The encoding of ours that the header `Accept-Encoding` prefers, empty for none.

    The highest `q` wins, 1 where it is missing; gzip on ties. `*` stands for those that are not named.
    """
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        name, *parameters = part.split(b";")
        weights[name.strip()] = _weight(parameters)
    rest = weights.get(b"*", 0.0)
    best, heaviest = b"", 0.0
    for name in WINDOWS:
        weight = weights.get(name, rest)
        if weight > heaviest:
            best, heaviest = name, weight
    return b"" if weights.get(b"identity", 0.0) > heaviest else best


def compress(body: bytes, encoding: bytes) -> bytes:
    """The body in one of our encodings."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOWS[encoding])
    return deflater.compress(body) + deflater.flush()


def _weight(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
