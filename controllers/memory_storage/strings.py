"""Texts, numbers and bits (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial

from device_manager.controllers.memory_storage.command import Command, Entry

_write = partial(Command, verb="POST")
_GREETING = ("SET greeting Hello",)
_COUNTER = ("SET counter 10",)

COMMANDS = (
    Command("get", "GET _id", str | None, "The value of a key; null when there is none.",
            {"_id": "greeting"}, "Hello", _GREETING, path="/ms/:_id"),
    Command("mget", "MGET *keys", list[str | None], "The values of several keys, null for those that have none.",
            {"keys": ["greeting", "nothing"]}, ["Hello", None], _GREETING),
    Command("getrange", "GETRANGE _id start end", str,
            "A part of a value, between two positions that belong to it; negative ones count from the end.",
            {"_id": "greeting", "start": 1, "end": -2}, "ell", _GREETING),
    Command("strlen", "STRLEN _id", int, "How many bytes a value has.", {"_id": "greeting"}, 5, _GREETING),
    _write("set", "SET _id value [EX ex] [PX px] [NX] [XX]", str | None, "Give a key a value.",
           {"_id": "greeting", "value": "Hello", "ex": 60, "nx": True}, "OK",
           description="`ex` and `px` are the seconds or milliseconds after which it is gone. With `nx` it is only "
           "done when the key has no value, with `xx` only when it has one; null says that nothing was done."),
    _write("setnx", "SETNX _id value", int, "Give a key a value unless it has one; 1 if that was done.",
           {"_id": "greeting", "value": "Bonjour"}, 0, _GREETING),
    _write("setex", "SETEX _id seconds value", str, "Give a key a value for some seconds.",
           {"_id": "greeting", "value": "Hello", "seconds": 60}, "OK"),
    _write("psetex", "PSETEX _id milliseconds value", str, "Give a key a value for some milliseconds.",
           {"_id": "greeting", "value": "Hello", "milliseconds": 60000}, "OK"),
    _write("mset", "MSET *entries", str, "Give several keys their values, all at once.",
           {"entries": [{"key": "greeting", "value": "Hello"}, {"key": "counter", "value": 10}]}, "OK",
           types={"entries": list[Entry]}),
    _write("msetnx", "MSETNX *entries", int, "Give several keys their values unless one of them has one; 1 if done.",
           {"entries": [{"key": "greeting", "value": "Hello"}, {"key": "counter", "value": 10}]}, 0, _GREETING,
           types={"entries": list[Entry]}),
    _write("getset", "GETSET _id value", str | None, "Give a key a value; what it had before.",
           {"_id": "greeting", "value": "Bonjour"}, "Hello", _GREETING),
    _write("append", "APPEND _id value", int, "Add text to the end of a value; how many bytes it has then.",
           {"_id": "greeting", "value": " world"}, 11, _GREETING),
    _write("incr", "INCR _id", int, "Add one to a number, 0 when there is none.", {"_id": "counter"}, 11, _COUNTER),
    _write("incrby", "INCRBY _id value", int, "Add a whole number to a number.",
           {"_id": "counter", "value": 5}, 15, _COUNTER),
    _write("incrbyfloat", "INCRBYFLOAT _id value", str, "Add any number to a number; the sum as text.",
           {"_id": "counter", "value": 0.5}, "10.5", _COUNTER),
    _write("decr", "DECR _id", int, "Take one from a number, 0 when there is none.", {"_id": "counter"}, 9, _COUNTER),
    _write("decrby", "DECRBY _id value", int, "Take a whole number from a number.",
           {"_id": "counter", "value": 5}, 5, _COUNTER),
    Command("getbit", "GETBIT _id offset", int, "One bit of a value.", {"_id": "greeting", "offset": 1}, 1, _GREETING),
    Command("bitcount", "BITCOUNT _id [start] [end]", int,
            "How many bits of a value are set, or of the bytes from `start` to `end`.",
            {"_id": "greeting", "start": 0, "end": 0}, 2, _GREETING),
    Command("bitpos", "BITPOS _id bit [start] [end]", int,
            "The position of the first bit that is `bit`, 0 or 1, in a value or in its bytes from `start` to `end`.",
            {"_id": "greeting", "bit": 1}, 1, _GREETING),
    _write("bitop", "BITOP operation _id *keys", int,
           "Combine the bits of several values by AND, OR, XOR or NOT into the value of the key; its bytes.",
           {"_id": "both", "operation": "AND", "keys": ["greeting", "answer"]}, 5, (*_GREETING, "SET answer Hi"),
           description="The values may have 64 MB together."),
)  # fmt: skip
"""The commands of this page."""
