"""Makes a method with signature and docstring out of a command, so that it is bound and described like any action."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

import msgspec

from device_manager.controllers.memory_storage.command import Command
from device_manager.errors import api_error
from device_manager.router.request import Request
from device_manager.router.values import convert, json_text, read_integer

Carry = Callable[[Any, Request, Command, dict[str, Any]], Awaitable[Any]]
"""Carries a command out: the controller, the request, the command, the values of its arguments."""

DOCUMENTATION = """{text}

{description}

Example request:

    {request}

Example result:

    {result}
"""
OPTIONS: Mapping[str, frozenset[str]] = {
    name: frozenset({"withscores"}) for name in ("zrange", "zrevrange", "zrangebyscore", "zrevrangebyscore")
} | {name: frozenset({"withcoord", "withdist", "count", "asc", "desc"}) for name in ("georadius", "georadiusbymember")}
"""What the list `options` may hold beside numbers."""


class Arguments:
    """How the arguments of a command are declared to the router, and read from what it binds.

    Args:
        command: the command.
    """

    def __init__(self, command: Command) -> None:
        self._command = command
        arguments = command.arguments
        self._own = {name: known for name, known in arguments.items() if command.verb == "GET" or name == "_id"}
        self._rest = {name: known for name, known in arguments.items() if name not in self._own}
        self._lists = {name: type_ for name, (type_, _) in self._own.items() if _is_list(type_)}
        self.parameters = sorted((_of_query(name, *known) for name, known in self._own.items()), key=_has_default)
        self._names = [parameter.name for parameter in self.parameters]
        if self._rest:
            self.parameters.append(_body(command, self._rest))

    def values(self, request: Request, given: Sequence[Any]) -> dict[str, Any]:
        """The values by name.

        Args:
            request: what is asked.
            given: a value for each of `parameters`.

        Raises:
            ApiError: `api.assert.invalid_type`, `empty_argument`, `invalid_argument`.
        """
        values = dict(zip(self._names, given, strict=False))
        if self._rest and given[-1] is not None:
            values |= {name: getattr(given[-1], name) for name in self._rest}
        for name, type_ in self._lists.items():
            if values[name] is not None:
                values[name] = _list(name, values[name], type_, request.connection.protocol == "http")
        check(self._command, values)
        return values

    def method(self, carry: Carry) -> Callable[..., Any]:
        """The action of the command, a method of the controller."""

        async def run(controller: Any, request: Request, *given: Any) -> Any:
            return await carry(controller, request, self._command, self.values(request, given))

        parameters = [_parameter("self", Any), _parameter("request", Request), *self.parameters]
        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__annotations__["return"] = self._command.answers
        run.__doc__ = _documentation(self._command, self._own)
        run.__name__ = run.__qualname__ = self._command.name
        return run


def check(command: Command, values: Mapping[str, Any]) -> None:
    """Refuse values that no example of the command has the shape of.

    Raises:
        ApiError: `api.assert.empty_argument`, `invalid_argument`.
    """
    for name, value in values.items():
        if value == []:
            raise api_error("api.assert.empty_argument", name)
    allowed = OPTIONS.get(command.name, frozenset())
    for option in values.get("options") or ():
        if isinstance(option, str) and option.lower() not in allowed and not option.isdigit():
            raise api_error("api.assert.invalid_argument", "options", ", ".join(sorted(allowed)))
    limit = values.get("limit")
    if limit is not None and len(limit) != 2:
        raise api_error("api.assert.invalid_argument", "limit", "how many to skip and how many to answer")
    if str(values.get("direction") or "ASC").upper() not in ("ASC", "DESC"):
        raise api_error("api.assert.invalid_argument", "direction", "ASC or DESC")


def _is_list(type_: Any) -> bool:
    return getattr(type_, "__origin__", None) is list


def _list(name: str, value: Any, type_: Any, http: bool) -> list[Any]:
    """A list from JSON text or from texts with commas between them, as SDKs write it into a query string."""
    if not isinstance(value, str):
        items: list[Any] = value
        return items
    if not http:
        items = [value]
    else:
        content = json_text(value)
        items = content if isinstance(content, list) else value.split(",")
    if type_ == list[int]:
        return [read_integer(item, http, name) for item in items]
    converted: list[Any] = convert(items, type_, name)
    return converted


def _parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)


def _has_default(parameter: Parameter) -> bool:
    return parameter.default is not Parameter.empty


def _of_query(name: str, type_: Any, is_required: bool) -> Parameter:
    annotation = type_ | str if _is_list(type_) else type_
    return _parameter(name, annotation) if is_required else _parameter(name, annotation | None, None)


def _body(command: Command, rest: Mapping[str, tuple[Any, bool]]) -> Parameter:
    """The body with the arguments that are not in the query string."""
    fields: list[Any] = [(name, type_) for name, (type_, required) in rest.items() if required]
    fields += [(name, type_ | None, None) for name, (type_, required) in rest.items() if not required]
    struct = msgspec.defstruct(f"Ms{command.name.title()}Body", fields)
    struct.__doc__ = f"The body of `ms:{command.name}`."
    if any(required for _, required in rest.values()):
        return _parameter("body", struct)
    return _parameter("body", struct | None, None)


def _documentation(command: Command, own: Mapping[str, Any]) -> str:
    message: dict[str, Any] = {"controller": "ms", "action": command.name}
    message |= {name: value for name, value in command.example.items() if name in own}
    body = {name: value for name, value in command.example.items() if name not in own}
    if body:
        message["body"] = body
    return DOCUMENTATION.format(
        text=command.text,
        description=command.description,
        request=json.dumps(message),
        result=json.dumps(command.reply),
    )
