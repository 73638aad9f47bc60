"""Sets, and counters of different elements (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial
from typing import Any

from device_manager.controllers.memory_storage.command import Command

_write = partial(Command, verb="POST")
_TAGS = ("SADD tags red",)
_BOTH = ("SADD tags red blue", "SADD others red")
_SEEN = ("PFADD seen a b c",)

COMMANDS = (
    Command("smembers", "SMEMBERS _id", list[str], "All members.", {"_id": "tags"}, ["red"], _TAGS),
    Command("scard", "SCARD _id", int, "How many members there are.", {"_id": "tags"}, 1, _TAGS),
    Command("sismember", "SISMEMBER _id member", int, "1 if there is such a member.",
            {"_id": "tags", "member": "red"}, 1, _TAGS, path="/ms/_sismember/:_id/:member"),
    Command("srandmember", "SRANDMEMBER _id [count]", Any,
            "Any member, or several different ones; with a negative `count` one may come several times.",
            {"_id": "tags"}, "red", _TAGS),
    Command("sscan", "SSCAN _id cursor [MATCH match] [COUNT count]", list[Any],
            "Go through the members: the cursor to go on with, `0` at the end, and some of them.",
            {"_id": "tags", "cursor": 0, "match": "r*"}, ["0", ["red"]], _TAGS),
    Command("sdiff", "SDIFF _id *keys", list[str], "The members that none of several other sets has.",
            {"_id": "tags", "keys": ["others"]}, ["blue"], _BOTH),
    Command("sinter", "SINTER *keys", list[str], "The members that all of several sets have.",
            {"keys": ["tags", "others"]}, ["red"], _BOTH),
    Command("sunion", "SUNION *keys", list[str], "The members that any of several sets has.",
            {"keys": ["tags", "others"]}, ["red"], _TAGS),
    _write("sadd", "SADD _id *members", int, "Add members; how many are new.",
           {"_id": "tags", "members": ["red", "blue"]}, 1, _TAGS),
    Command("srem", "SREM _id *members", int, "Remove members; how many there were.",
            {"_id": "tags", "members": ["red", "blue"]}, 1, _TAGS, verb="DELETE"),
    _write("smove", "SMOVE _id destination member", int, "Move a member to another set; 1 if there is one.",
           {"_id": "tags", "destination": "others", "member": "red"}, 1, _TAGS),
    _write("spop", "SPOP _id [count]", Any, "Take any member, or several.", {"_id": "tags"}, "red", _TAGS),
    _write("sdiffstore", "SDIFFSTORE destination _id *keys", int,
           "Keep the members that none of several other sets has; how many they are.",
           {"_id": "tags", "keys": ["others"], "destination": "rest"}, 1, _BOTH),
    _write("sinterstore", "SINTERSTORE destination *keys", int,
           "Keep the members that all of several sets have; how many they are.",
           {"destination": "shared", "keys": ["tags", "others"]}, 1, _BOTH),
    _write("sunionstore", "SUNIONSTORE destination *keys", int,
           "Keep the members that any of several sets has; how many they are.",
           {"destination": "all", "keys": ["tags", "others"]}, 2, _BOTH),
    _write("pfadd", "PFADD _id *elements", int, "Count elements, each once; 1 if the estimate changes.",
           {"_id": "seen", "elements": ["a", "b"]}, 1),
    Command("pfcount", "PFCOUNT *keys", int, "About how many different elements were counted, over several keys.",
            {"keys": ["seen"]}, 3, _SEEN),
    _write("pfmerge", "PFMERGE _id *sources", str, "Count what other counters have counted.",
           {"_id": "all", "sources": ["seen"]}, "OK", _SEEN),
)  # fmt: skip
"""The commands of this page."""
