"""Hashes: values with fields (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial
from typing import Any

from device_manager.controllers.memory_storage.command import Command, Field, pairs

_write = partial(Command, verb="POST")
_ADA = ("HSET user name Ada",)
_VISITS = ("HSET user visits 10",)

COMMANDS = (
    Command("hget", "HGET _id field", str | None, "The value of a field; null when there is none.",
            {"_id": "user", "field": "name"}, "Ada", _ADA, path="/ms/_hget/:_id/:field"),
    Command("hmget", "HMGET _id *fields", list[str | None], "The values of several fields, null for those without.",
            {"_id": "user", "fields": ["name", "age"]}, ["Ada", None], _ADA),
    Command("hgetall", "HGETALL _id", dict[str, str], "All fields and their values.",
            {"_id": "user"}, {"name": "Ada"}, _ADA, shape=pairs),
    Command("hkeys", "HKEYS _id", list[str], "The names of all fields.", {"_id": "user"}, ["name"], _ADA),
    Command("hvals", "HVALS _id", list[str], "The values of all fields.", {"_id": "user"}, ["Ada"], _ADA),
    Command("hlen", "HLEN _id", int, "How many fields there are.", {"_id": "user"}, 1, _ADA),
    Command("hexists", "HEXISTS _id field", int, "1 if there is a field.",
            {"_id": "user", "field": "name"}, 1, _ADA, path="/ms/_hexists/:_id/:field"),
    Command("hstrlen", "HSTRLEN _id field", int, "How many bytes the value of a field has.",
            {"_id": "user", "field": "name"}, 3, _ADA, path="/ms/_hstrlen/:_id/:field"),
    Command("hscan", "HSCAN _id cursor [MATCH match] [COUNT count]", list[Any],
            "Go through the fields: the cursor to go on with, `0` at the end, and names and values by turns.",
            {"_id": "user", "cursor": 0, "match": "n*"}, ["0", ["name", "Ada"]], _ADA),
    _write("hset", "HSET _id field value", int, "Give a field a value; 1 if the field is new.",
           {"_id": "user", "field": "name", "value": "Grace"}, 0, _ADA),
    _write("hsetnx", "HSETNX _id field value", int, "Give a field a value unless it has one; 1 if that was done.",
           {"_id": "user", "field": "name", "value": "Grace"}, 0, _ADA),
    _write("hmset", "HMSET _id *entries", str, "Give several fields their values.",
           {"_id": "user", "entries": [{"field": "name", "value": "Ada"}, {"field": "visits", "value": 10}]}, "OK",
           types={"entries": list[Field]}),
    _write("hincrby", "HINCRBY _id field value", int, "Add a whole number to a field.",
           {"_id": "user", "field": "visits", "value": 5}, 15, _VISITS),
    _write("hincrbyfloat", "HINCRBYFLOAT _id field value", str, "Add any number to a field; the sum as text.",
           {"_id": "user", "field": "visits", "value": 0.5}, "10.5", _VISITS),
    Command("hdel", "HDEL _id *fields", int, "Remove several fields; how many there were.",
            {"_id": "user", "fields": ["name", "age"]}, 1, _ADA, verb="DELETE"),
)  # fmt: skip
"""The commands of this page."""
