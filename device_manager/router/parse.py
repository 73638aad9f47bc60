"""From a decoded message, of a WebSocket or of `POST /_query`, to a request (router-protocol 1.3 step 5 and 2.1)."""

from __future__ import annotations

import random
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.router.request import Connection, HttpMessage, Request
from device_manager.router.response import Response


class Refused(Exception):
    """A message that cannot become a request; `response` is the answer, with the message's id where it has one."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.error))
        self.response = response


def new_request_id() -> str:
    """A random id in the form of a UUID; not from the system's source, which costs ten times as much."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def parse(payload: Any, connection: Connection, *, jwt: str | None = None, http: HttpMessage | None = None) -> Request:
    """The request that `payload` describes; `payload` is taken apart and must not be used afterwards.

    Args:
        payload: the decoded JSON. Unknown members stay in the request's `args`.
        connection: where it came from.
        jwt: the token that counts when the payload holds none (over HTTP: the header's).
        http: the HTTP message around it.

    Raises:
        Refused: no object, or a member of the wrong type. Missing controllers and actions are the router's to refuse.
    """
    if type(payload) is not dict:
        raise Refused(_refuse(_not_an_object(connection), "", connection))
    request_id = payload.get("requestId")
    controller = payload.pop("controller", None)
    action = payload.pop("action", None)
    token = payload.pop("jwt", None)
    volatile = payload.pop("volatile", None)
    body = payload.pop("body", None)
    if not request_id:
        request_id = new_request_id()
    if not (
        (token is None or type(token) is str)
        and (controller is None or type(controller) is str)
        and (action is None or type(action) is str)
        and type(request_id) is str
        and (body is None or type(body) is dict or type(body) is list)
        and (volatile is None or type(volatile) is dict)
    ):
        error = _wrong_type(token, controller, action, request_id, body)
        raise Refused(_refuse(error, request_id, connection, controller, action))
    return Request(
        controller or "",
        action or "",
        args=payload,
        body=body,
        id=request_id,
        connection=connection,
        jwt=token or jwt,
        volatile=volatile,
        http=http,
    )


def _wrong_type(token: Any, controller: Any, action: Any, request_id: Any, body: Any) -> ApiError:
    """The error for the first member of the wrong type, in the order of router-protocol 1.3."""
    members = {"jwt": token, "controller": controller, "action": action, "requestId": request_id}
    for name, value in members.items():
        if value is not None and type(value) is not str:
            return api_error("api.assert.invalid_type", name, "string")
    if not (body is None or type(body) is dict or type(body) is list):
        return api_error("api.assert.invalid_type", "body", "object")
    return api_error("api.assert.invalid_type", "volatile", "object")


def _not_an_object(connection: Connection) -> ApiError:
    network = "websocket" if connection.protocol == "websocket" else "http"
    return api_error(f"network.{network}.unexpected_error", "a request is a JSON object.")


def _refuse(error: ApiError, request_id: Any, connection: Connection, *names: Any) -> Response:
    controller, action = (name if type(name) is str else "" for name in names or ("", ""))
    request_id = request_id if type(request_id) is str else ""
    request = Request(controller, action, args={}, id=request_id, connection=connection)
    return Response(request, status=error.status, error=error)
