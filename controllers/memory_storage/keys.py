"""Keys of whatever kind (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial
from typing import Any

from device_manager.controllers.memory_storage.command import Command

_write = partial(Command, verb="POST")
_GREETING = ("SET greeting Hello",)
_SHORT = ("SET greeting Hello EX 60",)
_QUEUE = ("RPUSH queue 3 1 2",)

COMMANDS = (
    Command("exists", "EXISTS *keys", int, "How many of several keys have a value.",
            {"keys": ["greeting", "nothing"]}, 1, _GREETING),
    Command("del", "DEL *keys", int, "Remove several keys; how many had a value.",
            {"keys": ["greeting", "nothing"]}, 1, _GREETING, verb="DELETE", path="/ms"),
    _write("touch", "TOUCH *keys", int, "Note that several keys were used; how many have a value.",
           {"keys": ["greeting", "nothing"]}, 1, _GREETING),
    Command("type", "TYPE _id", str, "What a value is: string, list, set, zset or hash; `none` when there is none.",
            {"_id": "queue"}, "list", _QUEUE),
    Command("object", "OBJECT subcommand _id", Any,
            "How a value is kept: `refcount`, `encoding`, `idletime` in seconds, or `freq`.",
            {"_id": "greeting", "subcommand": "refcount"}, 1, _GREETING),
    Command("keys", "KEYS pattern", list[str], "The keys whose names have a pattern, such as `user:*`.",
            {"pattern": "gr*"}, ["greeting"], _GREETING, path="/ms/_keys/:pattern",
            description="At most 10,000 names are found among at most 1,000,000; `scan` goes through any number."),
    Command("scan", "SCAN cursor [MATCH match] [COUNT count]", list[Any],
            "Go through the names of all keys: the cursor to go on with, `0` at the end, and some names.",
            {"cursor": 0, "match": "gr*", "count": 100}, ["0", ["greeting"]], _GREETING),
    Command("randomkey", "RANDOMKEY", str | None, "Any key; null when there is none.", {}, "greeting", _GREETING),
    Command("dbsize", "DBSIZE", int, "How many keys there are.", {}, 1, _GREETING),
    _write("flushdb", "FLUSHDB", str, "Remove all keys.", {}, "OK", _GREETING),
    _write("rename", "RENAME _id newkey", str, "Give a key another name, over what had it.",
           {"_id": "greeting", "newkey": "welcome"}, "OK", _GREETING),
    _write("renamenx", "RENAMENX _id newkey", int, "Give a key another name unless that is taken; 1 if done.",
           {"_id": "greeting", "newkey": "welcome"}, 1, _GREETING),
    _write("expire", "EXPIRE _id seconds", int, "Remove a key after some seconds; 1 if there is one.",
           {"_id": "greeting", "seconds": 60}, 1, _GREETING),
    _write("pexpire", "PEXPIRE _id milliseconds", int, "Remove a key after some milliseconds; 1 if there is one.",
           {"_id": "greeting", "milliseconds": 60000}, 1, _GREETING),
    _write("expireat", "EXPIREAT _id timestamp", int, "Remove a key at a second since 1970; 1 if there is one.",
           {"_id": "greeting", "timestamp": 4102444800}, 1, _GREETING),
    _write("pexpireat", "PEXPIREAT _id timestamp", int, "Remove a key at a millisecond since 1970; 1 if there is one.",
           {"_id": "greeting", "timestamp": 4102444800000}, 1, _GREETING),
    _write("persist", "PERSIST _id", int, "Keep a key for ever that would be removed; 1 if that was so.",
           {"_id": "greeting"}, 1, _SHORT),
    Command("ttl", "TTL _id", int, "Seconds until a key is removed; -1 for never, -2 when there is none.",
            {"_id": "greeting"}, 60, _SHORT),
    Command("pttl", "PTTL _id", int, "Milliseconds until a key is removed; -1 for never, -2 when there is none.",
            {"_id": "greeting"}, 59999, _SHORT, varies=True),
    _write("sort", "SORT _id [BY by] [LIMIT *limit] [GET +get] [direction] [ALPHA] [STORE store]", Any,
           "The members of a list, a set or a sorted set in order.",
           {"_id": "queue", "direction": "DESC", "limit": [0, 2]}, ["3", "2"], _QUEUE,
           description="`direction` is ASC or DESC, `alpha` sorts as texts, `limit` is how many to skip and to answer. "
           "`by` and `get` are patterns of keys, where `*` stands for the member. With `store` the result becomes the "
           "value of that key. There may be 100,000 members."),
    Command("ping", "PING", str, "Whether there is anybody.", {}, "PONG"),
    Command("time", "TIME", list[str], "The seconds since 1970 and the microseconds, as texts.", {},
            ["1795392000", "123456"], varies=True),
)  # fmt: skip
"""The commands of this page."""
