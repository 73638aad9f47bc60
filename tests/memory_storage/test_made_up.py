"""Made-up calls of every command, on keys that hold something else than it expects, never fail the server."""

from __future__ import annotations

import random
from typing import Any

from device_manager.controllers.memory_storage.command import Command, Entry, Field, Point, Scored
from device_manager.controllers.memory_storage.commands import COMMANDS

KEYS = {
    "text": "SET text Hello",
    "number": "SET number 10",
    "set": "SADD set a b 1",
    "list": "RPUSH list a b 3",
    "hash": "HSET hash a 1 b x",
    "scores": "ZADD scores 1 a 2 b",
    "points": "GEOADD points 13.3 38.1 a",
    "seen": "PFADD seen a x",
}
TEXTS = ["", "\0", "ä😀", "x" * 50, "a", "b", "0", "1", "-1", "1.5", "-", "+", "[a", "(a", "(1", "-inf", "+inf", "nan"]
TEXTS += ["1e400", "99999999999999999999", "*", "[", "\\", "#", "NOT", "and", "before", "km", "max", "asc", "nosort"]
TEXTS += ["encoding", "withscores", *KEYS]
NUMBERS = [0, 1, -1, 2, 1.5, -2.5, 2**31, 2**53 - 1, 1 - 2**53, 1e308, 180, -180, 85.06]
ROUNDS = 8


class Inventor:
    """Makes up arguments."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def message(self, command: Command) -> dict[str, Any]:
        """A call of a command."""
        message: dict[str, Any] = {"body": {}}
        for name, (annotation, required) in command.arguments.items():
            if required or self._chance.random() < 0.4:
                place = message if command.verb == "GET" or name == "_id" else message["body"]
                place[name] = self._chance.choice(list(KEYS)) if name == "_id" else self._value(annotation)
        return message

    def _value(self, annotation: Any) -> Any:
        if getattr(annotation, "__origin__", None) is list:
            (item,) = annotation.__args__
            return [self._value(item) for _ in range(self._chance.randrange(4))]
        texts, numbers = self._chance.choice(TEXTS), self._chance.choice(NUMBERS)
        made: dict[Any, Any] = {
            str: texts,
            int: int(min(numbers, 2**53 - 1)),
            float: numbers,
            bool: True,
            Entry: {"key": texts, "value": numbers},
            Field: {"field": texts, "value": numbers},
            Scored: {"score": self._chance.choice([texts, numbers]), "member": texts},
            Point: {"lon": numbers, "lat": self._chance.choice(NUMBERS), "name": texts},
        }
        return made.get(annotation, self._chance.choice([texts, numbers]))


async def test_nothing_fails_the_server(memory: Any) -> None:
    failed = []
    for seed in range(ROUNDS):
        inventor = Inventor(seed)
        await memory.storage.run("FLUSHDB")
        for words in KEYS.values():
            await memory.storage.run(*words.split(" "))
        for command in COMMANDS:
            message = inventor.message(command)
            envelope = await memory.ask(command.name, **message)
            if envelope["status"] >= 500:
                failed.append(f"{command.name} {message}: {envelope['error']}")
    assert not failed, "\n".join(failed)
