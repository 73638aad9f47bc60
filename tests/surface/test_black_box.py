"""Every action was called by a test, and so was every error that it documents, on both stores (design 12).

What counts is an answer that a test got, over the wire or from a platform in its own process: see `Answers` in
`tests/conftest.py`. Name in `Raises:` exactly the errors that callers have to expect of that action in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from device_manager.app import Application
from device_manager.errors import CATALOGUE
from device_manager.router.action_text import ActionText
from device_manager.router.openapi_parts import result_type
from device_manager.router.registry import BoundAction

STORES = ("sqlite", "elasticsearch")

TextOf = Callable[[BoundAction], ActionText]


def documented(bound: BoundAction, actions: dict[str, BoundAction], text_of: TextOf) -> set[str]:
    """The error ids that an action documents, those of the actions that it refers to included."""
    text = text_of(bound)
    return set(text.errors).union(*(documented(actions[name], actions, text_of) for name in text.raises_like))


def missing(application: Application, seen: set[tuple[str, str, str, str | None]], text_of: TextOf) -> Iterator[str]:
    """What no test was answered, a line each."""
    table = application.router.registry.table
    canonical = {
        (store, bound.controller, bound.action, error)
        for store, controller, action, error in seen
        if (bound := table.get(controller, {}).get(action)) is not None
    }
    for controller, actions in sorted(table.items()):
        for action, bound in actions.items():
            if (controller, action) != (bound.controller, bound.action):
                continue
            success = () if result_type(bound.method) is NoReturn else (None,)
            for error in (*success, *sorted(documented(bound, actions, text_of))):
                stores = [store for store in STORES if (store, controller, action, error) not in canonical]
                if stores:
                    yield f"{controller}:{action}: {error or 'success'} on {' and '.join(stores)}"


@pytest.mark.whole_suite
def test_every_action_and_every_documented_error_was_tested(
    application: Application, answers: Any, text_of: TextOf
) -> None:
    untested = list(missing(application, answers.seen, text_of))
    assert not untested, "no test was answered so:\n" + "\n".join(untested)


def test_an_answer_that_no_test_got_is_missed(application: Application, text_of: TextOf) -> None:
    everything = set(missing(application, set(), text_of))
    one = ("sqlite", "device-manager/device", "attachTenant", None)
    assert "device-manager/devices:attachEngine: success on sqlite and elasticsearch" in everything
    assert everything - set(missing(application, {one}, text_of)) == {
        "device-manager/devices:attachEngine: success on sqlite and elasticsearch"
    }
    assert (
        "device-manager/models:getAsset: device_manager.models.unknown_asset on sqlite and elasticsearch" in everything
    )


def test_errors_are_documented_by_their_ids(actions: list[BoundAction], text_of: TextOf) -> None:
    wrong = []
    for bound in actions:
        text = text_of(bound)
        name = f"{bound.controller}:{bound.action}"
        wrong += [f"{name}: {error} does not exist" for error in text.errors if error not in CATALOGUE]
        wrong += [f"{name}: {pattern} must be a list of ids" for pattern in text.patterns]
    assert not wrong, "\n".join(wrong)
