"""The tree of HTTP routes (router-protocol 1.7): literal over `:param`, empty segments collapse.

An index or engine may be called like the first word of other routes, such as `users`: where a literal leads nowhere,
the parameter in its place is tried. Words that begin with `_` are never anything but themselves.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from device_manager.errors import api_error

VERBS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


class Match(NamedTuple):
    """Where a path leads: the action, and the path's values by parameter name."""

    controller: str
    action: str
    params: dict[str, str]


class _Leaf(NamedTuple):
    controller: str
    action: str
    names: tuple[str, ...]


class _Node:
    __slots__ = ("leaf", "literals", "param")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.leaf: _Leaf | None = None


class RouteTree:
    """All routes, one tree for each verb."""

    def __init__(self) -> None:
        self._roots: dict[str, _Node] = {verb: _Node() for verb in VERBS}

    def add(self, verb: str, path: str, controller: str, action: str) -> None:
        """Lead `verb path`, with `:name` segments, to an action.

        Raises:
            ApiError: `plugin.controller.unsupported_verb`; `network.http.duplicate_url` when the path is taken.
        """
        if verb not in VERBS:
            raise api_error("plugin.controller.unsupported_verb", f"{verb} {path}")
        node = self._roots[verb]
        names: list[str] = []
        for segment in filter(None, path.split("/")):
            if segment.startswith(":"):
                names.append(segment[1:])
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.literals.setdefault(segment, _Node())
        if node.leaf is not None:
            raise api_error("network.http.duplicate_url", verb, path)
        node.leaf = _Leaf(controller, action, tuple(names))

    def match(self, verb: str, raw_path: bytes) -> Match | None:
        """The action behind `verb raw_path`, None if there is none.

        Args:
            verb: upper case; unknown ones match nothing.
            raw_path: the path as it came, undecoded and without the query.

        Raises:
            ApiError: `network.http.unexpected_error` for a segment that is not UTF-8 text or holds a NUL.
        """
        node = self._roots.get(verb)
        if node is None:
            return None
        values: list[str] = []
        leaf = _find(node, [_decode(raw) for raw in raw_path.split(b"/") if raw], 0, values)
        if leaf is None:
            return None
        return Match(leaf.controller, leaf.action, dict(zip(leaf.names, values, strict=True)))


def _find(node: _Node, segments: list[str], place: int, values: list[str]) -> _Leaf | None:
    """What the segments from `place` on lead to below `node`; `values` gets those of parameters."""
    if place == len(segments):
        return node.leaf
    segment = segments[place]
    literal = node.literals.get(segment)
    if literal is not None:
        leaf = _find(literal, segments, place + 1, values)
        if leaf is not None or segment.startswith("_"):
            return leaf
    if node.param is None:
        return None
    values.append(segment)
    leaf = _find(node.param, segments, place + 1, values)
    if leaf is None:
        values.pop()
    return leaf


def _decode(raw: bytes) -> str:
    try:
        text = (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise api_error("network.http.unexpected_error", "the path is not UTF-8 text.") from None
    if "\0" in text:
        raise api_error("network.http.unexpected_error", "the path holds a NUL.")
    return text
