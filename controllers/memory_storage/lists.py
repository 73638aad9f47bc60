"""Lists (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial

from device_manager.controllers.memory_storage.command import Command

_write = partial(Command, verb="POST")
_QUEUE = ("RPUSH queue a b c",)

COMMANDS = (
    Command("lrange", "LRANGE _id start stop", list[str],
            "The items between two positions that belong to it; negative ones count from the end.",
            {"_id": "queue", "start": 0, "stop": -2}, ["a", "b"], _QUEUE),
    Command("lindex", "LINDEX _id idx", str | None, "The item at a position; null when there is none.",
            {"_id": "queue", "idx": 1}, "b", _QUEUE, path="/ms/_lindex/:_id/:idx"),
    Command("llen", "LLEN _id", int, "How many items there are.", {"_id": "queue"}, 3, _QUEUE),
    _write("lpush", "LPUSH _id *values", int, "Put items at the front, one after the other; how many there are then.",
           {"_id": "queue", "values": ["y", "x"]}, 5, _QUEUE),
    _write("lpushx", "LPUSHX _id value", int, "Put an item at the front of a list that exists; how many it has.",
           {"_id": "queue", "value": "x"}, 4, _QUEUE),
    _write("rpush", "RPUSH _id *values", int, "Put items at the end, one after the other; how many there are then.",
           {"_id": "queue", "values": ["d", "e"]}, 5, _QUEUE),
    _write("rpushx", "RPUSHX _id value", int, "Put an item at the end of a list that exists; how many it has.",
           {"_id": "queue", "value": "d"}, 4, _QUEUE),
    _write("lpop", "LPOP _id", str | None, "Take the first item; null when there is none.",
           {"_id": "queue"}, "a", _QUEUE),
    _write("rpop", "RPOP _id", str | None, "Take the last item; null when there is none.",
           {"_id": "queue"}, "c", _QUEUE),
    _write("rpoplpush", "RPOPLPUSH source destination", str | None,
           "Take the last item of a list and put it at the front of another one; the item.",
           {"source": "queue", "destination": "done"}, "c", _QUEUE),
    _write("linsert", "LINSERT _id position pivot value", int,
           "Put an item `before` or `after` the first one that equals `pivot`; how many there are, -1 if none does.",
           {"_id": "queue", "position": "after", "pivot": "a", "value": "x"}, 4, _QUEUE),
    _write("lset", "LSET _id index value", str, "Put an item in the place of another one.",
           {"_id": "queue", "index": 0, "value": "x"}, "OK", _QUEUE),
    _write("ltrim", "LTRIM _id start stop", str, "Remove all items but those between two positions.",
           {"_id": "queue", "start": 0, "stop": 1}, "OK", _QUEUE),
    Command("lrem", "LREM _id count value", int,
            "Remove items that equal a value, as many as `count` says, from the end if it is negative, all if it is 0.",
            {"_id": "queue", "count": 0, "value": "a"}, 1, _QUEUE, verb="DELETE", types={"count": int}),
)  # fmt: skip
"""The commands of this page."""
