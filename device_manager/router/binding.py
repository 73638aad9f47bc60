"""Compiles the signature of an action into a function from a request to the method's arguments (design 4)."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from device_manager.errors import api_error
from device_manager.router import parameters
from device_manager.router.body import body_reader
from device_manager.router.request import Request
from device_manager.router.values import Reader, json_text, read_boolean, reader_for, wrong_type

Binder = Callable[[Request], list[Any]]
ArgumentReader = Callable[[Request], Any]
_ABSENT: Any = object()


def camel(name: str) -> str:
    """`engine_id` -> `engineId`; a leading underscore stays, one behind a Python keyword (`from_`) goes."""
    return re.sub(r"(?<=[^_])_+(\w)", lambda match: match[1].upper(), name.rstrip("_"))


def compile_binder(method: Callable[..., Any], *, takes_index: bool = False) -> Binder:
    """The binder of a bound method: its arguments in the order of its signature, read in that order.

    Args:
        method: an action, bound to its controller.
        takes_index: `engine_id` is also read from the argument `index` (old controller names).

    Raises:
        TypeError: a parameter without annotation, or a variadic one.
    """
    return _compile(getattr(method, "__func__", method), inspect.ismethod(method), takes_index)


@lru_cache(maxsize=4096)
def _compile(function: Callable[..., Any], is_method: bool, takes_index: bool) -> Binder:
    """Reading annotations takes milliseconds, and controllers are registered under several names."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    readers = [
        _argument_reader(parameter, hints.get(parameter.name, _ABSENT), takes_index)
        for parameter in parameters[1 if is_method else 0 :]
    ]
    if not readers:
        return lambda request: []
    if len(readers) == 1:
        (only,) = readers
        return lambda request: [only(request)]
    return lambda request: [read(request) for read in readers]


def _argument_reader(parameter: inspect.Parameter, annotation: Any, takes_index: bool) -> ArgumentReader:
    if annotation is _ABSENT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise TypeError(f"parameter {parameter.name!r} of an action needs a name and an annotation")
    default = _ABSENT if parameter.default is inspect.Parameter.empty else parameter.default
    if annotation is Request:
        return lambda request: request
    special = _special(annotation, default)
    if special is not None:
        return special
    if parameter.name == "body":
        read_body = body_reader(annotation, optional=default is not _ABSENT, default=_or_none(default))
        return lambda request: read_body(request.body)
    if parameter.name == "lang":
        return _lang
    if parameter.name == "_id":
        return _document_id(annotation, default)
    name = camel(parameter.name)
    old_name = "index" if takes_index and name == "engineId" else None
    return _argument(name, annotation, default, old_name)


def _or_none(default: Any) -> Any:
    return None if default is _ABSENT else default


def _special(annotation: Any, default: Any) -> ArgumentReader | None:
    if typing.get_origin(annotation) is not Annotated:
        return None
    mark = typing.get_args(annotation)[1]
    if mark == parameters.REFRESH:
        return lambda request: _refresh(request, default is True)
    return {parameters.LANG: _lang, parameters.SEARCH_BODY: _search_body}.get(mark)


def _argument(name: str, annotation: Any, default: Any, old_name: str | None) -> ArgumentReader:
    read, nullable = reader_for(annotation)
    if annotation is bool and default is _ABSENT:
        default = False
    is_text = annotation is str

    def argument(request: Request) -> Any:
        args = request.args
        value = args.get(name, _ABSENT)
        if is_text and type(value) is str:
            return value
        found_name = name
        if value is _ABSENT and old_name is not None and old_name in args:
            found_name, value = old_name, args[old_name]
        return _read_one(found_name, value, read, nullable, default, request.connection.protocol == "http")

    return argument


def _read_one(name: str, value: Any, read: Reader, nullable: bool, default: Any, http: bool) -> Any:
    if value is _ABSENT:
        if default is _ABSENT:
            raise api_error("api.assert.missing_argument", name)
        return default
    if value is None and nullable:
        return None
    return read(value, http, name)


def _document_id(annotation: Any, default: Any) -> ArgumentReader:
    """`_id`: empty and null ones are missing (router-protocol 2.4, getId)."""
    required = default is _ABSENT

    def document_id(request: Request) -> Any:
        value = request.args.get("_id")
        if type(value) is str and value:
            return value
        if value:
            raise wrong_type("_id", "string")
        if required:
            raise api_error("api.assert.missing_argument", "_id")
        return default

    return document_id


def _refresh(request: Request, default: bool) -> bool:
    value = request.args.get("refresh", default)
    return not (value is None or value is False or value == "false")


def _lang(request: Request) -> str:
    value = request.args.get("lang", "elasticsearch")
    if type(value) is not str:
        raise wrong_type("lang", "string")
    if value not in ("elasticsearch", "koncorde"):
        raise api_error("api.assert.invalid_argument", "lang", '"elasticsearch" or "koncorde"')
    return value


_READ_OBJECT, _ = reader_for(dict[str, Any])
_SPREAD_OBJECTS = ("query", "aggs", "aggregations")
_SPREAD_VALUES = ("sort", "search_after", "_source")


def _search_body(request: Request) -> Any:
    if request.http is not None and request.http.verb == "GET":
        text = request.args.get("searchBody")
        if text is None or text == "":
            # The official SDK spreads the members of a body over the query string.
            args = request.args
            objects = {name: _READ_OBJECT(args[name], True, name) for name in _SPREAD_OBJECTS if name in args}
            return objects | {name: json_text(args[name]) for name in _SPREAD_VALUES if name in args}
        return _READ_OBJECT(text, True, "searchBody")
    if request.body is None:
        return {}
    return _READ_OBJECT(request.body, False, "body")


def read_dry_run(request: Request) -> bool:
    """The argument `dryRun` of actions that write (design 9): a flag over HTTP, a real boolean elsewhere."""
    value = request.args.get("dryRun")
    return value is not None and read_boolean(value, request.connection.protocol == "http", "dryRun")
