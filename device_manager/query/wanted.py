"""How many clauses a `minimum_should_match` wants, in each of its forms (router-protocol 5.6)."""

from __future__ import annotations

import re

from device_manager.query.refusals import malformed

_FORM = re.compile(r"-?[0-9]{1,9}%?|[0-9]{1,9}<-?[0-9]{1,9}%?(?:\s+[0-9]{1,9}<-?[0-9]{1,9}%?)*")


def check_wanted(wanted: str, where: str) -> None:
    """Refuse what is no count such as `2`, `-1`, `75%`, `-25%` or `2<75% 9<-3`."""
    if not _FORM.fullmatch(wanted):
        raise malformed(where, f"minimum_should_match {wanted[:40]!r} is neither a number nor a percentage")


def wanted_of(wanted: str, clauses: int) -> int:
    """How many of `clauses` have to match; `wanted` is one that `check_wanted` let pass."""
    if "<" in wanted:
        count = str(clauses)
        for part in wanted.split():
            above, _, then = part.partition("<")
            if clauses <= int(above):
                break
            count = then
        wanted = count
    count_or_share = int(wanted.rstrip("%"))
    count_of = int(clauses * count_or_share / 100) if wanted.endswith("%") else count_or_share
    return max(0, clauses + count_of) if wanted.startswith("-") else count_of
