"""How controllers declare their actions: one declaration, everything else is derived from it (design 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from device_manager.router.binding import camel
from device_manager.security.scope import Scope

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
        writes: the action changes documents, so it takes `dryRun` and `idempotencyKey`.
        secret: what is asked or answered must not be kept, so there is no `idempotencyKey`.
        aliases: further action names under which the method answers.
        scope: which tenants it concerns (design 8); None takes the controller's.
        outlasts_store: it has something to do while the store is away, for callers who are known from before.
        plain_errors: over HTTP a refusal may be its text alone (see `Response`).
    """

    http: tuple[HttpRoute, ...]
    collection: str | None = None
    writes: bool = False
    aliases: tuple[str, ...] = ()
    secret: bool = False
    scope: Scope | None = None
    outlasts_store: bool = False
    plain_errors: bool = False


@dataclass(frozen=True, slots=True)
class ControllerAlias:
    """An old name of a controller. It exposes the same actions, takes `index` for `engineId`, and is echoed as sent.

    Attributes:
        name: the old controller name.
        actions: old action name -> action name, beside the actions of the controller itself.
    """

    name: str
    actions: dict[str, str]


class DeclaredAction(NamedTuple):
    """One action of a controller: its name, the method that is called, and what is declared of it."""

    name: str
    method: Callable[..., Any]
    declaration: ActionDeclaration


class Controller:
    """Base of all controllers: a name, and methods marked with `@action`.

    Attributes:
        scope: which tenants its actions concern, unless they say otherwise themselves (design 8). An action for which
            nobody says it counts as one that concerns the whole platform.
        dead_routes: routes that clients know and that lead to no action, each with the name of that: callers are told
            that there is no such action, instead of that there is no such route.
    """

    name: ClassVar[str]
    scope: ClassVar[Scope | None] = None
    aliases: ClassVar[tuple[ControllerAlias, ...]] = ()
    dead_routes: ClassVar[tuple[tuple[str, str], ...]] = ()

    def declared_actions(self) -> Iterable[DeclaredAction]:
        """The marked methods in the order of their definition, those of base classes first.

        A controller whose actions are only known at start adds them: any bound method does, whose signature and
        docstring are read like those of the others.
        """
        return self._marked()

    def _marked(self) -> Iterator[DeclaredAction]:
        seen: set[str] = set()
        for cls in reversed(type(self).__mro__):
            for attribute in vars(cls):
                declaration = getattr(getattr(type(self), attribute), "__action__", None)
                if isinstance(declaration, ActionDeclaration) and attribute not in seen:
                    seen.add(attribute)
                    yield DeclaredAction(camel(attribute), getattr(self, attribute), declaration)


def action(
    *,
    http: Sequence[str] = (),
    collection: str | None = None,
    writes: bool = False,
    aliases: Sequence[str] = (),
    secret: bool = False,
    scope: Scope | None = None,
    plain_errors: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare a method as an action; its camel-cased name is the action's name, its signature the contract.

    Args:
        http: routes as `"VERB /path/:placeholder"`.
        collection: the collection that the action is about.
        writes: whether it changes documents.
        aliases: further action names.
        secret: whether passwords or tokens pass through it, which are not to be kept for a retry.
        scope: which tenants it concerns, when that differs from the controller's.
        plain_errors: whether over HTTP a refusal may be its text alone.
    """
    routes = routes_of(http)

    def mark(method: Handler) -> Handler:
        declaration = ActionDeclaration(
            routes, collection, writes, tuple(aliases), secret, scope, plain_errors=plain_errors
        )
        method.__action__ = declaration  # type: ignore[attr-defined]
        return method

    return mark


def routes_of(texts: Iterable[str]) -> tuple[HttpRoute, ...]:
    """Routes from `"VERB /path/:placeholder"`."""
    return tuple(HttpRoute(*text.split(" ", 1)) for text in texts)
