"""What clauses about words ask of a field: single words and phrases of texts, values of everything else (design 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from device_manager.errors import ApiError
from device_manager.query.analysis import words_of
from device_manager.query.conversions import text_of
from device_manager.query.refusals import not_run_by, wrong_field
from device_manager.query.tree import MATCH_ALL, Bool, Match, MatchNone, MultiMatch, Prefix, Query, Term, Terms, Words
from device_manager.query.values import equal_to
from device_manager.query.wanted import wanted_of

STANDARD = frozenset({None, "standard", "default"})
"""Analysers of a mapping whose words are known here."""


class WordFields:
    """How the words of a clause are found by `runner`, a store or the matcher, for fields of a collection."""

    def __init__(self, types: Mapping[str, Any], runner: str) -> None:
        self._types = types
        self._runner = runner

    def plain(self, query: Query) -> Query:
        """A clause about words as clauses about `Words` and values; any other clause as it is.

        Raises:
            ApiError: 400, an option that the runner cannot run, a field whose words it does not know, or a value that
                its field cannot hold.
        """
        match query:
            case Match():
                return self._match(query)
            case MultiMatch(each):
                boosted = (replace(match, boost=match.boost * query.boost) for match in each)
                return Bool(should=tuple(self._match(match) for match in boosted))
            case Term(field, value, False) if self._is_text(field):
                return self._words("term", Words(field, (text_of(value),)))
            case Terms(field, values) if self._is_text(field):
                return Bool(should=tuple(self._words("terms", Words(field, (text_of(value),))) for value in values))
            case Prefix(field, start, False) if self._is_text(field):
                return self._words("prefix", Words(field, (start,), open_end=True))
        return query

    def _is_text(self, field: str) -> bool:
        type = self._types.get(field)
        return type is not None and type.type == "text"

    def _match(self, query: Match) -> Query:
        if query.extras:
            name, value = query.extras[0]
            raise not_run_by(self._runner, f'the option "{name}" of the clause "{query.kind}" with {value!r}')
        type = self._types.get(query.field)
        if type is None:
            return MatchNone()
        if type.type == "text":
            return self._text(query)
        if query.kind == "match_phrase_prefix":
            raise wrong_field(query.kind, query.field, type.type, self._runner)
        value = text_of(query.value)
        try:
            equal_to(query.kind, query.field, type.type, value, format=type.format, runner=self._runner)
        except ApiError:
            if query.lenient:
                return MatchNone()
            raise
        return Term(query.field, value)

    def _text(self, query: Match) -> Query:
        words = tuple(words_of(text_of(query.value)))
        if not words:
            return MATCH_ALL if query.zero_terms == "all" else MatchNone()
        if query.kind != "match" or len(words) == 1:
            return self._words(query.kind, Words(query.field, words, query.kind == "match_phrase_prefix", query.boost))
        each = tuple(self._words(query.kind, Words(query.field, (word,), boost=query.boost)) for word in words)
        choices = () if query.operator == "and" else each
        wanted = query.minimum_should_match
        needed = None if wanted is None else wanted_of(wanted, len(choices))  # with `and` too, as Elasticsearch does
        return Bool(must=() if choices else each, should=choices, minimum_should_match=needed)

    def _words(self, clause: str, words: Words) -> Query:
        """Refuses fields whose words another analyser makes."""
        definition = self._types[words.field].definition
        analysers = {definition.get(name) for name in ("analyzer", "search_analyzer", "search_quote_analyzer")}
        if not analysers <= STANDARD:
            raise not_run_by(
                self._runner, f'the clause "{clause}" on the field "{words.field}": its analyser is its own'
            )
        return words


def has_words(text: str, words: tuple[str, ...], open_end: bool) -> bool:
    """Whether a text has these words next to each other, the last one being the start of a word with `open_end`."""
    found = words_of(text)
    if len(words) == 1:
        word = words[0]
        return any(other.startswith(word) for other in found) if open_end else word in found
    *first, last = words
    for start in range(len(found) - len(first)):
        end = start + len(first)
        if found[start:end] == first and (found[end].startswith(last) if open_end else found[end] == last):
            return True
    return False
