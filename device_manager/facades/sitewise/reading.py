"""From a request to the members of an operation's input, all constraints checked (facades 2.2 and 2.3)."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from device_manager.facades.sitewise.errors import invalid, malformed
from device_manager.facades.sitewise.operations import Asked
from device_manager.facades.sitewise.shapes import Input
from device_manager.router.request import HttpMessage

WITH_BODY = frozenset({"POST", "PUT"})


def read_input(asked: Asked, query: bytes, message: HttpMessage) -> Input:
    """The members of a request.

    Args:
        asked: the operation, and what the path holds.
        query: the raw query.
        message: has the raw body and the headers.

    Raises:
        SiteWiseError: `InvalidRequestException` for what breaks a constraint or is not JSON,
            `SerializationException` for JSON that is no object.
    """
    operation = asked.operation
    has_body = operation.verb in WITH_BODY
    lists = _list_members(operation.input)
    wanted = frozenset(operation.query) if has_body else None
    members: dict[str, Any] = _body(message.body) if has_body else {}
    members.update(_query(query, lists, wanted))
    members.update(asked.members)
    for header, value in message.headers:
        if (member := operation.headers.get(header.decode("latin-1"))) is not None:
            members[member] = value.decode("latin-1").strip()
    try:
        return msgspec.convert(members, operation.input, strict=has_body)
    except msgspec.ValidationError as error:
        raise invalid(f"The request breaks a constraint of {operation.name}: {error}.") from None


def _body(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The body is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise malformed("The body has to be a JSON object.")
    return {name: value for name, value in content.items() if value is not None}


def _query(query: bytes, lists: frozenset[str], wanted: frozenset[str] | None) -> dict[str, Any]:
    """The members in a query: those that are `wanted`, None for all; repeated ones are lists."""
    members: dict[str, Any] = {}
    # A plus stands for itself here: clients encode blanks as %20.
    for name, value in parse_qsl(query.decode("latin-1").replace("+", "%2B"), keep_blank_values=True):
        if wanted is not None and name not in wanted:
            continue
        if name in lists:
            members.setdefault(name, []).append(value)
        else:
            members[name] = value
    return members


@functools.cache
def _list_members(input: type[Input]) -> frozenset[str]:
    """Members of which there may be several in a query."""
    kinds = {field.encode_name: msgspec.inspect.type_info(field.type) for field in msgspec.structs.fields(input)}
    return frozenset(name for name, kind in kinds.items() if _is_list(kind))


def _is_list(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(map(_is_list, kind.types))
    return isinstance(kind, msgspec.inspect.ListType)
