"""How controllers declare their actions: one declaration, everything else is derived from it (design 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One route: upper-case verb and path with `:name` placeholders."""

    verb: str
    path: str


@dataclass(frozen=True, slots=True)
class ActionDeclaration:
    """What `@action` noted on a method.

    Attributes:
        http: routes in listing order, which clients observe.
        collection: the collection that the action is about; the envelope echoes it with the engine as index.
        writes: the action changes documents, so it takes `dryRun`.
        aliases: further action names under which the method answers.
    """

    http: tuple[HttpRoute, ...]
    collection: str | None = None
    writes: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControllerAlias:
    """An old name of a controller. It exposes the same actions, takes `index` for `engineId`, and is echoed as sent.

    Attributes:
        name: the old controller name.
        actions: old action name -> action name, beside the actions of the controller itself.
    """

    name: str
    actions: dict[str, str]


class Controller:
    """Base of all controllers: a name, and methods marked with `@action`."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[ControllerAlias, ...]] = ()


def action(
    *,
    http: Sequence[str] = (),
    collection: str | None = None,
    writes: bool = False,
    aliases: Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Declare a method as an action; its camel-cased name is the action's name, its signature the contract.

    Args:
        http: routes as `"VERB /path/:placeholder"`.
        collection: the collection that the action is about.
        writes: whether it changes documents.
        aliases: further action names.
    """
    routes = tuple(HttpRoute(*route.split(" ", 1)) for route in http)

    def mark(method: Handler) -> Handler:
        declaration = ActionDeclaration(routes, collection, writes, tuple(aliases))
        method.__action__ = declaration  # type: ignore[attr-defined]
        return method

    return mark
