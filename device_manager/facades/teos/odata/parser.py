"""From the text of a filter to its tree: recursive descent, lenient where real clients are (facades 3.4)."""

from __future__ import annotations

from typing import NoReturn

from device_manager.facades.teos.errors import TeosError, unusable
from device_manager.facades.teos.odata.lexer import Token, tokens_of
from device_manager.facades.teos.odata.tree import Call, Compare, In, Literal, Logic, Member, Node, Not, Quantified

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
FUNCTIONS = {
    "startswith": 2,
    "endswith": 2,
    "contains": 2,
    "indexof": 2,
    "tolower": 1,
    "toupper": 1,
    "length": 1,
}
"""How many arguments each takes."""
CONSTANTS = {"null": None, "true": True, "false": False}
DEEPEST = 50
"""Brackets, negations and functions inside each other."""


def parse_filter(text: str) -> Node:
    """The tree of a filter.

    Raises:
        TeosError: 12001 that says where it cannot be read.
    """
    return _Parser(tokens_of(text)).parse()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._either()
        if self._next.kind != "end":
            self._refuse("an operator")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _is(self, *words: str) -> bool:
        return self._next.kind == "name" and self._next.text.lower() in words

    def _skip_sign(self, sign: str) -> bool:
        if self._next.kind == "sign" and self._next.text == sign:
            self._place += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._skip_sign(sign):
            self._refuse(f'"{sign}"')

    def _refuse(self, wanted: str) -> NoReturn:
        raise _unreadable(self._next, wanted)

    def _either(self) -> Node:
        operands = [self._both()]
        while self._is("or"):
            self._take()
            operands.append(self._both())
        return operands[0] if len(operands) == 1 else Logic("or", tuple(operands))

    def _both(self) -> Node:
        operands = [self._condition()]
        while self._is("and"):
            self._take()
            operands.append(self._condition())
        return operands[0] if len(operands) == 1 else Logic("and", tuple(operands))

    def _condition(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise unusable(f"The filter is nested deeper than {DEEPEST} levels.", "$filter")
        node = self._negation() if self._is("not") else self._comparison()
        self._depth -= 1
        return node

    def _negation(self) -> Node:
        self._take()
        return Not(self._condition())

    def _comparison(self) -> Node:
        left = self._operand()
        if self._is(*COMPARISONS):
            return Compare(self._take().text.lower(), left, self._operand())
        if self._is("in"):
            self._take()
            self._expect("(")
            return In(left, self._list())
        return left

    def _list(self) -> tuple[Node, ...]:
        """Operands up to the closing bracket; a comma before it does no harm."""
        found: list[Node] = []
        while not self._skip_sign(")"):
            if found:
                self._expect(",")
                if self._skip_sign(")"):
                    break
            found.append(self._either())
        return tuple(found)

    def _operand(self) -> Node:
        if self._skip_sign("("):
            node = self._either()
            self._expect(")")
            return node
        token = self._take()
        if token.kind == "number":
            is_whole = token.text.lstrip("-").isdigit() and len(token.text) < 40
            return Literal(int(token.text) if is_whole else float(token.text))
        if token.kind in ("string", "guid", "date"):
            return Literal(token.text)
        if token.kind != "name":
            raise _unreadable(token, "a value")
        return self._named(token)

    def _named(self, token: Token) -> Node:
        if self._next.kind == "string" and "." in token.text:
            return Literal(self._take().text)  # the name of an enumeration's type, then its member
        if token.text.lower() in CONSTANTS:
            return Literal(CONSTANTS[token.text.lower()])
        if self._skip_sign("("):
            return self._call(token)
        path = [token.text]
        while self._skip_sign("/"):
            step = self._take()
            if step.kind != "name":
                raise _unreadable(step, "a property")
            if step.text.lower() in ("any", "all") and self._skip_sign("("):
                return self._quantified(step.text.lower(), Member(tuple(path)))
            path.append(step.text)
        return Member(tuple(path))

    def _call(self, token: Token) -> Node:
        name, arguments = token.text.lower(), self._list()
        if name not in FUNCTIONS:
            raise unusable(f'The filter calls "{token.text}", which is not supported.', "$filter")
        if len(arguments) != FUNCTIONS[name]:
            raise unusable(f'"{token.text}" takes {FUNCTIONS[name]} arguments, not {len(arguments)}.', "$filter")
        return Call(name, arguments)

    def _quantified(self, op: str, path: Member) -> Node:
        if self._skip_sign(")"):
            return Quantified(op, path, "", None)
        variable = self._take()
        if variable.kind != "name":
            raise _unreadable(variable, "a variable")
        self._expect(":")
        condition = self._either()
        self._expect(")")
        return Quantified(op, path, variable.text, condition)


def _unreadable(token: Token, wanted: str) -> TeosError:
    found = f'"{token.text}"' if token.kind != "end" else "the end"
    return unusable(f"The filter has {found} at character {token.place} where {wanted} should be.", "$filter")
