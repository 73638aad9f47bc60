"""Holding a document against a specification (router-protocol 5.4). Pure: it runs inside transactions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

from device_manager.documents.specifications.parsing import Field, Rules
from device_manager.errors import api_error
from device_manager.storage.stamps import INFO, Source

NO_MATCH = "it does not match the validators of the specification"

Path = tuple[str, ...]


class Finding(NamedTuple):
    """Something that a specification refuses.

    Attributes:
        path: of the field; empty for the document as a whole.
        reason: what is wrong.
    """

    path: Path
    reason: str


def curated(rules: Rules, id: str | None, source: Source, *, is_update: bool) -> Source:
    """A document with the defaults of its specification, which it meets then.

    Args:
        rules: the specification.
        id: of the document; None as long as it has none.
        source: the content as it is going to be stored.
        is_update: of an existing document: fields that it does not have get no default.

    Raises:
        ApiError: `validation.check.failed_field` or `failed_document` (400).
    """
    filled = with_defaults(rules, source, is_update=is_update)
    for path, reason in findings(rules, id, filled):
        if path:
            raise api_error("validation.check.failed_field", ".".join(path), reason)
        raise api_error("validation.check.failed_document", reason)
    return filled


def with_defaults(rules: Rules, source: Source, *, is_update: bool) -> Source:
    """The source with the defaults in it; itself when there are none to fill in."""
    return _filled(rules.root, source, is_update)


def _filled(field: Field, source: Source, is_update: bool) -> Source:
    filled = source
    for name, child in field.children.items():
        value = filled.get(name)
        if value is None:
            if child.has_default and (name in filled or not is_update):
                filled = filled | {name: copy.deepcopy(child.default)}
        elif child.children:
            below: Any = value
            if isinstance(value, dict):
                below = _filled(child, value, is_update)
            elif isinstance(value, list):
                below = [_filled(child, item, is_update) if isinstance(item, dict) else item for item in value]
            if below is not value:
                filled = filled | {name: below}
    return filled


def findings(rules: Rules, id: str | None, source: Source) -> Iterator[Finding]:
    """Everything that the specification refuses of a document."""
    content = {name: value for name, value in source.items() if name != INFO}
    yield from _below(rules.root, content, ())
    if not all(validator.matches(id, source) for validator in rules.validators):
        yield Finding((), NO_MATCH)


def _below(field: Field, content: Source, path: Path) -> Iterator[Finding]:
    if field.is_strict:
        for name in content:
            if name not in field.children:
                yield Finding((*path, name), "the specification does not have this field")
    for name, child in field.children.items():
        yield from _one(child, content.get(name), (*path, name))


def _one(field: Field, value: Any, path: Path) -> Iterator[Finding]:
    if value is None:
        if field.mandatory:
            yield Finding(path, "it is missing")
        return
    if field.count is None:
        yield from _value(field, value, path)
        return
    if not isinstance(value, list):
        yield Finding(path, "expected an array")
        return
    if not field.count.least <= len(value) <= field.count.most:
        yield Finding(path, f"it has {len(value)} values, expected {_range(field.count.least, field.count.most)}")
    for item in value:
        yield from _value(field, item, path)


def _value(field: Field, value: Any, path: Path) -> Iterator[Finding]:
    reason = field.check(value)
    if reason is not None:
        yield Finding(path, reason)
    elif field.is_object:
        yield from _below(field, value, path)


def default_faults(rules: Rules) -> Iterator[str]:
    """The defaults of a specification that it refuses itself, so that no document could be stored with them."""
    return _default_faults(rules.root, ())


def _default_faults(field: Field, path: Path) -> Iterator[str]:
    for name, child in field.children.items():
        below = (*path, name)
        if child.has_default:
            for finding in _one(child, child.default, below):
                where = "" if finding.path == below else f' at "{"/".join(finding.path)}"'
                yield f'"{"/".join(below)}": its defaultValue is refused{where}: {finding.reason}'
        yield from _default_faults(child, below)


def _range(least: float, most: float) -> str:
    if most == float("inf"):
        return f"at least {least}"
    return f"{least} to {most}" if least else f"at most {most}"


def error_messages(found: list[Finding]) -> Source:
    """Findings as `document:validate` shows them: `{documentScope?, fieldScope?: {children: {name: ...}}}`."""
    messages: Source = {}
    for path, reason in found:
        if not path:
            messages.setdefault("documentScope", []).append(reason)
            continue
        scope = messages.setdefault("fieldScope", {})
        for name in path:
            scope = scope.setdefault("children", {}).setdefault(name, {})
        scope.setdefault("messages", []).append(reason)
    return messages
