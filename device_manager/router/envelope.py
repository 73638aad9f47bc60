"""The bytes of answers: one JSON envelope for results and errors (router-protocol 2.2 and 2.3)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from device_manager.errors import ApiError, api_error
from device_manager.router.response import ABSENT, HeaderValue, Response
from device_manager.storage.ids import ADJECTIVES, NAMES


def _name_node() -> str:
    pick = random.SystemRandom()
    return f"knode-{pick.choice(ADJECTIVES)}-{pick.choice(NAMES)}-{pick.randrange(100_000)}"


NODE = _name_node()
"""The name of this process in every envelope."""


def encode(response: Response, *, room: bool = False, pretty: bool = False) -> bytes:
    """The envelope of `response` as JSON.

    Args:
        response: what to say.
        room: add the member `room`, by which WebSocket clients find the request.
        pretty: indent by two spaces.

    Returns:
        The bytes; a result that JSON cannot express becomes a 500 `plugin.controller.unserializable_response`,
        and then `response` carries that error and status too.
    """
    options = orjson.OPT_INDENT_2 if pretty else None
    try:
        return orjson.dumps(_content(response, room), default=msgspec.to_builtins, option=options)
    except (TypeError, ValueError, RecursionError) as error:
        request = response.request
        names = (request.controller, request.action)
        response.error = api_error("plugin.controller.unserializable_response", *names, str(error))
        response.status = response.error.status
        response.result = None
        response.headers = {}
        return orjson.dumps(_content(response, room), option=options)


def _content(response: Response, room: bool) -> dict[str, Any]:
    request = response.request
    args = request.args
    error = response.error
    content: dict[str, Any] = {
        "action": request.action or None,
        "controller": request.controller or None,
        "error": None if error is None else error.to_dict(),
        "headers": _told(response.headers) if response.headers else {},
        "node": NODE,
        "requestId": request.id,
        "status": response.status,
        "volatile": request.volatile,
    }
    if "index" in args:
        content["index"] = args["index"]
    if "collection" in args:
        content["collection"] = args["collection"]
    if response.result is not ABSENT:
        content["result"] = response.result
    if room:
        content["room"] = request.id
    return content


def _told(headers: dict[str, HeaderValue]) -> dict[str, HeaderValue]:
    """Scripts that read the envelope are not to see cookies, which may be out of their reach on purpose."""
    return {name: value for name, value in headers.items() if name != "set-cookie"}


def refusal_encoder(error: ApiError, *, room: bool = False) -> Callable[[str | None], bytes]:
    """A function that writes the refusal `error` for a request id without building an envelope (gateway 6).

    Neither controller nor action are echoed, because the message was not looked at.
    """
    content = {
        "action": None,
        "controller": None,
        "error": error.to_dict(),
        "headers": {},
        "node": NODE,
        "result": None,
        "status": error.status,
        "volatile": None,
    }
    head = orjson.dumps(content)[:-1] + b',"requestId":'
    dumps = orjson.dumps
    if not room:
        return lambda request_id: head + dumps(request_id) + b"}"

    def write(request_id: str | None) -> bytes:
        text = dumps(request_id)
        return head + text + b',"room":' + text + b"}"

    return write
