"""Reading the members of bodies, each refused by name (facades 4.4, 4.7). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from device_manager.facades.ubidots.content import LABEL_SIGN, organization_id, organization_label
from device_manager.facades.ubidots.errors import UbidotsError, invalid
from device_manager.storage.stamps import Source

Check = Callable[[Any], str | None]
"""What is wrong with a value; None for nothing."""

REQUIRED = "This field is required."


def is_label(value: Any) -> str | None:
    """Labels stand in paths, where `~` announces them."""
    if not isinstance(value, str) or not value:
        return "This field may not be blank."
    if "/" in value or value.startswith(LABEL_SIGN):
        return f'A label has no "/" and does not begin with "{LABEL_SIGN}".'
    return None


def is_text(value: Any) -> str | None:
    """Any text."""
    return None if isinstance(value, str) else "Not a valid string."


def is_nullable_text(value: Any) -> str | None:
    """Any text or none."""
    return None if value is None else is_text(value)


def is_object(value: Any) -> str | None:
    """Any object."""
    return None if isinstance(value, dict) else "Expected an object."


def are_tags(value: Any) -> str | None:
    """Texts in a list."""
    fits = isinstance(value, list) and all(isinstance(tag, str) for tag in value)
    return None if fits else "Expected an array of strings."


def is_flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "Must be a valid boolean."


def is_organization_of(engine: str) -> Check:
    """None, or the one organization that there is: by id, by `~label`, or as devices show it."""
    id, label = organization_id(engine), organization_label(engine)

    def check(value: Any) -> str | None:
        if isinstance(value, dict):
            named = {name: value[name] for name in ("id", "label") if name in value}
            fits = bool(named) and named.items() <= {"id": id, "label": label}.items()
        else:
            fits = value is None or value in ("", id, LABEL_SIGN + label)
        return None if fits else f'The only organization is "{LABEL_SIGN}{label}"; name it, leave it out or send null.'

    return check


def is_raw(value: Any) -> str | None:
    """Nothing is computed here."""
    return None if value in ("raw", 0, "0") else 'Only variables of type "raw" are supported.'


def is_no_expression(value: Any) -> str | None:
    """Nothing is computed here."""
    return None if value in (None, "") else "Synthetic variables are not supported."


def checked(body: Source, checks: Mapping[str, Check], required: tuple[str, ...] = ()) -> Source:
    """Those members of a body that are known.

    Args:
        body: what came.
        checks: by member.
        required: members that have to be there.

    Raises:
        UbidotsError: 400001, which names every member that cannot be used.
    """
    detail = {name: [REQUIRED] for name in required if name not in body}
    known = {name: value for name, value in body.items() if name in checks}
    for name, value in known.items():
        if wrong := checks[name](value):
            detail[name] = [wrong]
    if detail:
        raise invalid(detail)
    return known


def checked_each(items: Sequence[Any], checks: Mapping[str, Check], required: tuple[str, ...] = ()) -> list[Source]:
    """Those members of several bodies that are known.

    Raises:
        UbidotsError: 400001, which names every body that cannot be used by its place, with what is wrong with it.
    """
    detail: dict[str, Any] = {}
    bodies = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            detail[str(place)] = ["Expected an object."]
            continue
        try:
            bodies.append(checked(item, checks, required))
        except UbidotsError as error:
            detail[str(place)] = error.body["detail"]
    if detail:
        raise invalid(detail)
    return bodies
