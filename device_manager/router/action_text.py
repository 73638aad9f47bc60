"""Reads an action's docstring: what it does, its examples, the errors that it names (design 4, style 5)."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

from device_manager.errors import CATALOGUE

_HEADING = re.compile(r"(Example request|Example result|Args|Returns|Raises|Yields):\s*")
_QUOTED = re.compile(r"`([\w.*]+)`")
_AS_IN = re.compile(r"[Ww]hat ((?:`\w+`(?:, | and | or )?)+) raises?")


@dataclass(frozen=True, slots=True)
class ActionText:
    """What the docstring of an action says.

    Attributes:
        summary: its first sentence.
        description: the paragraphs behind it, without examples and errors.
        request: the example request as JSON text, None if there is none.
        result: the example result as JSON text, None if there is none.
        errors: the error ids that `Raises:` names, in order.
        patterns: what it names as a whole area, such as `device_manager.links.*`.
        raises_like: actions of the same controller whose errors this one shares (`what `linkAssets` raises`).
    """

    summary: str = ""
    description: str = ""
    request: str | None = None
    result: str | None = None
    errors: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    raises_like: tuple[str, ...] = field(default=())


def read_action_text(docstring: str | None) -> ActionText:
    """The content of a docstring; error ids in `Raises:` may leave out the area of the one before."""
    sections: dict[str, list[str]] = {"": []}
    lines = sections[""]
    for line in inspect.cleandoc(docstring or "").splitlines():
        if heading := _HEADING.fullmatch(line):
            lines = sections[heading[1]] = []
        else:
            lines.append(line)
    texts = {name: "\n".join(content).strip() for name, content in sections.items()}
    summary, _, description = texts[""].partition("\n\n")
    raises = " ".join(texts.get("Raises", "").split())
    errors, patterns = _error_ids(raises)
    raises_like = tuple(name for group in _AS_IN.findall(raises) for name in _QUOTED.findall(group))
    return ActionText(
        " ".join(summary.split()),
        description,
        texts.get("Example request"),
        texts.get("Example result"),
        errors,
        patterns,
        raises_like,
    )


def _error_ids(raises: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids and patterns; an unknown id is kept, so that a test can name it."""
    errors: dict[str, None] = {}
    patterns: dict[str, None] = {}
    area = ""
    for name in _QUOTED.findall(raises):
        if name.count(".") == 2:
            area = name.rpartition(".")[0]
            (patterns if name.endswith("*") else errors)[name] = None
        elif f"{area}.{name}" in CATALOGUE:
            errors[f"{area}.{name}"] = None
    return tuple(errors), tuple(patterns)
