"""The controller `ms`: short-lived values by key, with the commands of Redis (router-protocol 5.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any

import msgspec

from device_manager.controllers.memory_storage.answer_size import AnswerSize
from device_manager.controllers.memory_storage.binding import Arguments
from device_manager.controllers.memory_storage.command import MOST, Command
from device_manager.controllers.memory_storage.commands import COMMANDS
from device_manager.errors import ApiError, api_error
from device_manager.memory_storage import MemoryStorage
from device_manager.router.binding import compile_binder
from device_manager.router.controller import (
    ActionDeclaration,
    Controller,
    ControllerAlias,
    DeclaredAction,
    action,
    routes_of,
)
from device_manager.router.request import Request
from device_manager.security.scope import Scope

if TYPE_CHECKING:
    from device_manager.redis_connection import Word

MOST_TOGETHER = 1000
"""Most commands of one `mexecute`."""
MOST_SORTED = 100_000
"""Most members that are sorted."""
MOST_COMBINED = 64 << 20
"""Most bytes whose bits are combined."""
SCANNED = 1000
"""Names that are looked at in one step."""
MOST_SCANNED = 1_000_000
"""Names among which `keys` looks."""
SIZES = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD"}


class ActionCall(msgspec.Struct):
    """One of several commands: the name of an action of `ms`, and what it is asked."""

    action: str
    args: dict[str, Any] = {}


class ActionCalls(msgspec.Struct):
    """The body of `mexecute`."""

    actions: list[ActionCall]


class MemoryStorageController(Controller):
    """`ms`, also `memoryStorage`: short-lived values by key, with the commands of Redis.

    Args:
        storage: keeps the values.
        answer_bytes: bytes of values that one answer may hold.
    """

    name = "ms"
    aliases = (ControllerAlias("memoryStorage", {}),)
    scope = Scope.PLATFORM

    def __init__(self, storage: MemoryStorage, answer_bytes: int = 16 << 20) -> None:
        self._storage = storage
        self._answer_size = AnswerSize(storage, answer_bytes)
        self._commands = {command.name: command for command in COMMANDS}
        self._arguments = {name: Arguments(command) for name, command in self._commands.items()}
        self._methods = {
            name: MethodType(arguments.method(_carry), self) for name, arguments in self._arguments.items()
        }
        self._binders = {name: compile_binder(method) for name, method in self._methods.items()}

    def declared_actions(self) -> Iterator[DeclaredAction]:
        """One action for each command, and those of the class."""
        for name, method in self._methods.items():
            declaration = ActionDeclaration(routes_of([self._commands[name].route]))
            yield DeclaredAction(name, method, declaration)
        yield from super().declared_actions()

    @action(http=["POST /ms/_mexecute"])
    async def mexecute(self, request: Request, body: ActionCalls) -> list[Any]:
        """Carry out several commands without anybody's in between.

        Each answer is a pair: the error, null for none, and the reply. A command that is refused does not keep the
        others from being carried out. `keys`, `sort` and `bitop` cannot be among them.

        Example request:

            {"controller": "ms", "action": "mexecute",
             "body": {"actions": [{"action": "set", "args": {"_id": "greeting", "body": {"value": "Hello"}}},
                                  {"action": "get", "args": {"_id": "greeting"}}]}}

        Example result:

            [[null, "OK"], [null, "Hello"]]

        Raises:
            ApiError: `api.assert.too_many_arguments`, `api.assert.invalid_argument` for an unknown action,
                `services.cache.answer_too_large` before any of them is carried out.
        """
        _refuse_unkept(request.args)
        if len(body.actions) > MOST_TOGETHER:
            raise api_error("api.assert.too_many_arguments", "body.actions")
        collected: list[tuple[Command, list[Word]]] = []
        for call in body.actions:
            command = self._commands.get(call.action)
            if command is None or call.action in SPECIAL:
                raise api_error("api.assert.invalid_argument", "body.actions", "actions of ms but keys, sort and bitop")
            collected.append((command, self._words(request, call)))
        await self._answer_size.check([words for _, words in collected])
        replies = await self._storage.run_together([words for _, words in collected])
        return [
            [reply.to_dict(), None] if isinstance(reply, ApiError) else [None, _shaped(command, reply)]
            for (command, _), reply in zip(collected, replies, strict=True)
        ]

    def _words(self, request: Request, call: ActionCall) -> list[Word]:
        """What one of several calls sends."""
        args = {name: value for name, value in call.args.items() if name != "body"}
        _refuse_unkept(args)
        body = call.args.get("body")
        inner = Request("ms", call.action, args=args, body=body, id=request.id, connection=request.connection)
        _, *given = self._binders[call.action](inner)
        return self._commands[call.action].words(self._arguments[call.action].values(inner, given))

    async def carry(self, request: Request, command: Command, values: dict[str, Any]) -> Any:
        """The answer of a command."""
        if command.verb != "GET":
            _refuse_unkept(request.args)
        special = SPECIAL.get(command.name)
        if special is not None:
            return await special(self, command, values)
        words = command.words(values)
        await self._answer_size.check([words])
        return _shaped(command, await self._storage.run(*words))

    async def _keys(self, command: Command, values: dict[str, Any]) -> list[str]:
        """Names with a pattern, found step by step: the command itself would keep everybody waiting."""
        found: dict[str, None] = {}
        cursor = "0"
        for _ in range(MOST_SCANNED // SCANNED):
            cursor, names = await self._storage.run("SCAN", cursor, "MATCH", values["pattern"], "COUNT", SCANNED)
            found |= dict.fromkeys(names)
            self._answer_size.refuse_beyond(sum(map(len, found)))
            if len(found) > MOST:
                break
            if cursor == "0":
                return list(found)
        expected = f"one that {MOST} names have at most; scan goes through any number of them"
        raise api_error("api.assert.invalid_argument", "pattern", expected)

    async def _sort(self, command: Command, values: dict[str, Any]) -> Any:
        size = SIZES.get(await self._storage.run("TYPE", values["_id"]))
        if size is not None and await self._storage.run(size, values["_id"]) > MOST_SORTED:
            raise api_error("api.assert.invalid_argument", "_id", f"a key with {MOST_SORTED} members at most")
        plain = command.words(values | {"get": None, "store": None})
        await self._answer_size.check_sorted(plain, values.get("get") or ())
        return await self._storage.run(*command.words(values))

    async def _bitop(self, command: Command, values: dict[str, Any]) -> Any:
        sizes = await self._storage.run_together([("STRLEN", key) for key in values["keys"]])
        if sum(size for size in sizes if isinstance(size, int)) > MOST_COMBINED:
            raise api_error("api.assert.invalid_argument", "body.keys", f"values of {MOST_COMBINED} bytes at most")
        return await self._storage.run(*command.words(values))


SPECIAL = {
    "keys": MemoryStorageController._keys,
    "sort": MemoryStorageController._sort,
    "bitop": MemoryStorageController._bitop,
}
"""Commands whose cost is bounded first."""


async def _carry(controller: Any, request: Request, command: Command, values: dict[str, Any]) -> Any:
    return await controller.carry(request, command, values)


def _shaped(command: Command, reply: Any) -> Any:
    return reply if command.shape is None else command.shape(reply)


def _refuse_unkept(args: Mapping[str, Any]) -> None:
    """Refuse promises that commands cannot keep, instead of carrying them out as if nothing had been said.

    Nobody can tell what a command would answer without carrying it out, and no record commits together with one.

    Raises:
        ApiError: `api.assert.forbidden_argument`.
    """
    if args.get("dryRun") not in (None, False, "false"):
        raise api_error("api.assert.forbidden_argument", "dryRun")
    if args.get("idempotencyKey") is not None:
        raise api_error("api.assert.forbidden_argument", "idempotencyKey")
