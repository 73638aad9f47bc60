"""The primitive shapes of the service's model, with their constraints, which clients leave to the server (2.3, 2.5)."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

_HEX = "[0-9a-f]"
UUID_PATTERN = r"(?!0{8}-0{4}-0{4}-0{4}-0{12})" rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
EXTERNAL_PATTERN = r"[a-zA-Z0-9_][a-zA-Z_\-0-9.:]*[a-zA-Z0-9_]+"
EXTERNAL = "externalId:"
"""Begins a custom id that is not an id."""
_PRINTABLE = r"^[^\x00-\x1f\x7f]+\Z"

Id = Annotated[str, Meta(pattern=rf"^{UUID_PATTERN}\Z")]
ExternalId = Annotated[str, Meta(min_length=2, max_length=128, pattern=rf"^{EXTERNAL_PATTERN}\Z")]
CustomId = Annotated[
    str, Meta(min_length=13, max_length=139, pattern=rf"^({UUID_PATTERN}|{EXTERNAL}{EXTERNAL_PATTERN})\Z")
]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_PRINTABLE)]
Description = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_PRINTABLE)]
Email = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\s@]+@([^\s@.]+\.)+[a-zA-Z]{2,}\Z")]
Arn = Annotated[str, Meta(min_length=1, max_length=1600, pattern=r"^arn:aws(-cn|-us-gov)?:[^\x00-\x20]+\Z")]
ResourceArn = Annotated[str, Meta(min_length=1, max_length=1011)]
ClientToken = Annotated[str, Meta(min_length=36, max_length=64, pattern=r"^\S+\Z")]
NextToken = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[A-Za-z0-9+/=]+\Z")]
MaxResults = Annotated[int, Meta(ge=1, le=250)]
TagKey = Annotated[str, Meta(min_length=1, max_length=128)]
TagValue = Annotated[str, Meta(max_length=256)]
Tags = Annotated[dict[TagKey, TagValue], Meta(min_length=1, max_length=50)]
EntryId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+\Z")]
PropertyAlias = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_PRINTABLE)]

DEFAULT_RESULTS = 50


class Input(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The members of a request, wherever they stand: path, query or body. Unknown ones are ignored."""


class Idempotent(Input, frozen=True, kw_only=True):
    """A request that may bear a token, by which its retries are recognised."""

    client_token: ClientToken | None = None


class Paged(Input, frozen=True, kw_only=True):
    """A request for one page of a list."""

    next_token: NextToken | None = None
    max_results: MaxResults = DEFAULT_RESULTS


_UUID = re.compile(UUID_PATTERN)
_EXTERNAL_ID = re.compile(EXTERNAL_PATTERN)


def is_id(text: str) -> bool:
    """Whether `text` is an id as the service has them."""
    return _UUID.fullmatch(text) is not None


def is_external_id(text: str) -> bool:
    """Whether `text` can be asked for as `externalId:text`."""
    return 2 <= len(text) <= 128 and _EXTERNAL_ID.fullmatch(text) is not None
