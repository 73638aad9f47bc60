"""Sorted sets: members with a score (router-protocol 5.9)."""

from __future__ import annotations

from functools import partial
from typing import Any

from device_manager.controllers.memory_storage.command import Command, Scored

_write = partial(Command, verb="POST")
_remove = partial(Command, verb="DELETE")
_RANKS = ("ZADD ranks 1 ada 2 grace 3 edith",)
_WORDS = ("ZADD words 0 a 0 b 0 c",)
_TWO = (*_RANKS, "ZADD more 10 ada")
_BY_WORDS = "`min` and `max` are `-`, `+`, or a text behind `[` or, when it does not belong to it, `(`."
_BY_SCORES = "`min` and `max` are numbers, `-inf` and `+inf` among them, behind `(` when they do not belong to it."
_LIMIT = " `limit` is how many to skip and to answer."
_SCORES = " The option `withscores` adds the score behind each member."

COMMANDS = (
    Command("zcard", "ZCARD _id", int, "How many members there are.", {"_id": "ranks"}, 3, _RANKS),
    Command("zscore", "ZSCORE _id member", str | None, "The score of a member, as text; null when there is none.",
            {"_id": "ranks", "member": "grace"}, "2", _RANKS, path="/ms/_zscore/:_id/:member"),
    Command("zrank", "ZRANK _id member", int | None, "The place of a member, the lowest score first, from 0 on.",
            {"_id": "ranks", "member": "grace"}, 1, _RANKS, path="/ms/_zrank/:_id/:member"),
    Command("zrevrank", "ZREVRANK _id member", int | None, "The place of a member, the highest score first, from 0 on.",
            {"_id": "ranks", "member": "edith"}, 0, _RANKS, path="/ms/_zrevrank/:_id/:member"),
    Command("zcount", "ZCOUNT _id min max", int, "How many members have a score between two numbers.",
            {"_id": "ranks", "min": "(1", "max": "+inf"}, 2, _RANKS, description=_BY_SCORES),
    Command("zlexcount", "ZLEXCOUNT _id min max", int, "How many members stand between two texts.",
            {"_id": "words", "min": "[b", "max": "+"}, 2, _WORDS, description=_BY_WORDS),
    Command("zrange", "ZRANGE _id start stop [*options]", list[str], "The members between two places.",
            {"_id": "ranks", "start": 0, "stop": 1, "options": ["withscores"]}, ["ada", "1", "grace", "2"], _RANKS,
            description=_SCORES.strip()),
    Command("zrevrange", "ZREVRANGE _id start stop [*options]", list[str],
            "The members between two places, the highest score first.",
            {"_id": "ranks", "start": 0, "stop": 0, "options": ["withscores"]}, ["edith", "3"], _RANKS,
            description=_SCORES.strip()),
    Command("zrangebyscore", "ZRANGEBYSCORE _id min max [*options] [LIMIT *limit]", list[str],
            "The members with a score between two numbers.",
            {"_id": "ranks", "min": 2, "max": "+inf", "options": ["withscores"], "limit": [0, 1]}, ["grace", "2"],
            _RANKS, description=_BY_SCORES + _LIMIT + _SCORES),
    Command("zrevrangebyscore", "ZREVRANGEBYSCORE _id max min [*options] [LIMIT *limit]", list[str],
            "The members with a score between two numbers, the highest first.",
            {"_id": "ranks", "min": 2, "max": "+inf", "options": ["withscores"], "limit": [0, 1]}, ["edith", "3"],
            _RANKS, description=_BY_SCORES + _LIMIT + _SCORES),
    Command("zrangebylex", "ZRANGEBYLEX _id min max [LIMIT *limit]", list[str],
            "The members between two texts, when all have the same score.",
            {"_id": "words", "min": "[b", "max": "+", "limit": [0, 1]}, ["b"], _WORDS, description=_BY_WORDS + _LIMIT),
    Command("zrevrangebylex", "ZREVRANGEBYLEX _id max min [LIMIT *limit]", list[str],
            "The members between two texts, the last first, when all have the same score.",
            {"_id": "words", "min": "[b", "max": "+", "limit": [0, 1]}, ["c"], _WORDS, description=_BY_WORDS + _LIMIT),
    Command("zscan", "ZSCAN _id cursor [MATCH match] [COUNT count]", list[Any],
            "Go through the members: the cursor to go on with, `0` at the end, and members and scores by turns.",
            {"_id": "ranks", "cursor": 0, "match": "a*"}, ["0", ["ada", "1"]], _RANKS),
    _write("zadd", "ZADD _id [NX] [XX] [CH] [INCR] *elements", Any, "Add members with their scores; how many are new.",
           {"_id": "ranks", "elements": [{"score": 4, "member": "ada"}, {"score": 5, "member": "mary"}], "ch": True}, 2,
           _RANKS, types={"elements": list[Scored]},
           description="With `nx` members that exist stay as they are, with `xx` no new ones are added, `ch` counts "
           "those that changed too, and `incr` adds the score of the only element to the one of the member."),
    _write("zincrby", "ZINCRBY _id value member", str, "Add a number to the score of a member; the sum as text.",
           {"_id": "ranks", "member": "ada", "value": 1.5}, "2.5", _RANKS),
    _remove("zrem", "ZREM _id *members", int, "Remove members; how many there were.",
            {"_id": "ranks", "members": ["ada", "mary"]}, 1, _RANKS),
    _remove("zremrangebyrank", "ZREMRANGEBYRANK _id start stop", int, "Remove members between two places; how many.",
            {"_id": "ranks", "start": 0, "stop": 1}, 2, _RANKS),
    _remove("zremrangebyscore", "ZREMRANGEBYSCORE _id min max", int,
            "Remove the members with a score between two numbers; how many.",
            {"_id": "ranks", "min": "-inf", "max": "(2"}, 1, _RANKS, description=_BY_SCORES),
    _remove("zremrangebylex", "ZREMRANGEBYLEX _id min max", int, "Remove the members between two texts; how many.",
            {"_id": "words", "min": "[b", "max": "+"}, 2, _WORDS, description=_BY_WORDS),
    _write("zinterstore", "ZINTERSTORE _id #keys *keys [WEIGHTS *weights] [AGGREGATE aggregate]", int,
           "Keep the members that all of several sorted sets have; how many they are.",
           {"_id": "sums", "keys": ["ranks", "more"], "weights": [1, 2], "aggregate": "max"}, 1, _TWO,
           description="Scores are multiplied by `weights`, then `aggregate` makes one of them: sum, min or max."),
    _write("zunionstore", "ZUNIONSTORE _id #keys *keys [WEIGHTS *weights] [AGGREGATE aggregate]", int,
           "Keep the members that any of several sorted sets has; how many they are.",
           {"_id": "sums", "keys": ["ranks", "more"], "weights": [1, 2]}, 3, _TWO,
           description="Scores are multiplied by `weights`, then `aggregate` makes one of them: sum, min or max."),
)  # fmt: skip
"""The commands of this page."""
