"""All controllers with their actions, by every name under which they answer (design 4)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.router.binding import Binder, compile_binder
from device_manager.router.controller import ActionDeclaration, Controller, DeclaredAction, HttpRoute, routes_of
from device_manager.router.request import Request
from device_manager.router.routes import RouteTree
from device_manager.router.traffic import Traffic
from device_manager.security import ActionRule
from device_manager.security.scope import Scope

REQUEST_EVENTS = (
    "request:beforeExecution",
    "request:onUnauthorized",
    "request:onAuthorized",
    "request:onExecution",
    "request:onSuccess",
    "request:onError",
    "request:afterExecution",
)


class BoundAction:
    """One action under one controller name, ready to be called.

    Attributes:
        controller: the canonical controller name, which events and rights use.
        action: the canonical action name.
        is_async: the method is a coroutine function.
        before, after, error: names of its events.
        quiet: nobody listens to any of its events.
        rule: what the guard knows of it.
        traffic: what became of its requests.
        call: binds the arguments and calls the method; gives an awaitable if that is a coroutine function.
    """

    __slots__ = (
        "action",
        "after",
        "before",
        "bind",
        "call",
        "controller",
        "declaration",
        "error",
        "is_async",
        "method",
        "quiet",
        "rule",
        "traffic",
    )

    def __init__(
        self,
        controller: str,
        action: str,
        method: Callable[..., Any],
        declaration: ActionDeclaration,
        bind: Binder,
        scope: Scope = Scope.PLATFORM,
    ) -> None:
        self.controller = controller
        self.action = action
        self.method = method
        self.declaration = declaration
        self.bind = bind
        self.is_async = inspect.iscoroutinefunction(method)
        title = action[:1].upper() + action[1:]
        self.before = f"{controller}:before{title}"
        self.after = f"{controller}:after{title}"
        self.error = f"{controller}:error{title}"
        self.quiet = False
        self.traffic = Traffic()
        self.rule = ActionRule(
            controller,
            action,
            scope,
            declaration.collection,
            needs_engine=_needs_engine(inspect.signature(method)),
            outlasts_store=declaration.outlasts_store,
        )
        self.call: Callable[[Request], Any] = self._bind_and_call
        if not inspect.signature(method).parameters and declaration.collection is None:
            self.call = lambda request: method()

    def _bind_and_call(self, request: Request) -> Any:
        arguments = self.bind(request)
        collection = self.declaration.collection
        if collection is not None:
            self.echo(request.args)
        return self.method(*arguments)

    def echo(self, args: dict[str, Any]) -> None:
        """Make the envelope name the collection that the action is about, and the engine as its index."""
        if self.declaration.collection is not None:
            args["collection"] = self.declaration.collection
            if "engineId" in args:
                args["index"] = args["engineId"]


class Registry:
    """Controllers by name, and the HTTP routes that lead to their actions."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self.routes = RouteTree()
        self.table: dict[str, dict[str, BoundAction]] = {}
        self._public: dict[str, dict[str, tuple[HttpRoute, ...]]] = {}

    def register(self, controller: Controller) -> None:
        """Add a controller under its name and its aliases, and declare the events of its actions.

        Raises:
            ApiError: a name that is taken, an action that cannot be bound, a route that exists already.
        """
        name = controller.name
        declared = list(controller.declared_actions())
        if not declared:
            raise api_error("plugin.assert.invalid_controller_definition", name, "it has no actions.")
        self._add(name, self._bind(controller, declared, takes_index=False))
        for bound in list(self.table[name].values()):
            for event in (bound.before, bound.after, bound.error):
                self._bus.declare(event)
        self._mount(name, declared)
        for text, action in controller.dead_routes:
            (route,) = routes_of((text,))
            self.routes.add(route.verb, route.path, name, action)
        for alias in controller.aliases:
            actions = self._bind(controller, declared, takes_index=True)
            for old, new in alias.actions.items():
                if new not in actions:
                    raise api_error("plugin.controller.invalid_action", alias.name, old, f'there is no action "{new}".')
                actions[old] = actions[new]
            self._add(alias.name, actions)

    def _bind(
        self, controller: Controller, declared: Sequence[DeclaredAction], *, takes_index: bool
    ) -> dict[str, BoundAction]:
        name = controller.name
        actions: dict[str, BoundAction] = {}
        for action, method, declaration in declared:
            try:
                bind = compile_binder(method, takes_index=takes_index)
            except (TypeError, NameError) as error:
                raise api_error("plugin.controller.invalid_action", name, action, str(error)) from error
            scope = declaration.scope or controller.scope or Scope.PLATFORM
            bound = BoundAction(name, action, method, declaration, bind, scope)
            for known in (action, *declaration.aliases):
                if known in actions:
                    raise api_error("plugin.assert.duplicated_api_definition", name, known)
                actions[known] = bound
        return actions

    def _add(self, name: str, actions: dict[str, BoundAction]) -> None:
        if name in self.table:
            reason = "a controller of this name exists already."
            raise api_error("plugin.assert.invalid_controller_definition", name, reason)
        self.table[name] = actions
        self._public[name] = {known: full_routes(bound.declaration) for known, bound in actions.items()}

    def _mount(self, name: str, declared: Sequence[DeclaredAction]) -> None:
        for action, _, declaration in declared:
            for route in full_routes(declaration):
                self.routes.add(route.verb, route.path, name, action)

    def rule(self, request: Request) -> ActionRule | None:
        """What the guard knows of the action of a request; None when there is no such action."""
        bound = self.table.get(request.controller, {}).get(request.action)
        return None if bound is None else bound.rule

    def actions(self) -> Iterator[BoundAction]:
        """Every action, under its own name and under the aliases of its controller."""
        for actions in self.table.values():
            yield from dict.fromkeys(actions.values())

    def compile(self) -> None:
        """Find the actions that nobody listens to. Call it when all controllers and listeners are known."""
        listens = self._bus.listens
        open_road = not any(map(listens, REQUEST_EVENTS))
        for bound in self.actions():
            heard = any(map(listens, (bound.before, bound.after, bound.error)))
            bound.quiet = open_road and not heard

    def public_api(self) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
        """Routes by controller and action, in the shape and order that SDKs observe (router-protocol 1.10)."""
        return {
            name: {
                action: {"http": [{"verb": route.verb, "url": route.path, "path": route.path} for route in routes]}
                if routes
                else {}
                for action, routes in actions.items()
            }
            for name, actions in self._public.items()
        }


def _needs_engine(signature: inspect.Signature) -> bool:
    """Whether the binder refuses requests that do not name the engine."""
    named = (signature.parameters.get(name) for name in ("engine_id", "index"))
    return any(parameter is not None and parameter.default is parameter.empty for parameter in named)


def full_routes(declaration: ActionDeclaration) -> tuple[HttpRoute, ...]:
    """Paths without a leading `/` stand below `/_/` (router-protocol 1.7)."""
    return tuple(
        route if route.path.startswith("/") else HttpRoute(route.verb, f"/_/{route.path}") for route in declaration.http
    )
