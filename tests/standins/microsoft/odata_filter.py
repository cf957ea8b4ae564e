"""OData's ``$filter`` as Microsoft's alert APIs show it: ``eq``, ``ge``, ``gt``, ``le``, ``lt``, ``and``, ``or``, parentheses.

Documented (get-alerts.md, security-list-alerts_v2.md, security-list-incidents.md, OData 4.01 URL conventions): which
properties can be filtered; dates without quotes, strings and enum members in single quotes, a quote doubled inside;
``and`` binds stronger than ``or``.
Assumed: names, operators and enum members count with their case; ``ne``, ``not``, ``in``, functions and ``any`` are refused
(real services know some of them; the add-on needs none, so that asking for one is a mistake).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Literal, Union

from standins.microsoft import ticks

Value = Union[int, str, None]
Expression = Union["Comparison", "Both", "Either"]

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<quoted>'(?:[^']|'')*')|(?P<word>[^\s()']+))")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,7}))?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}


class RefusedQueryError(Exception):
    """The API answers 400; says why."""


@dataclass(frozen=True)
class Property:
    """One property that can be filtered by."""

    name: str
    kind: Literal["date", "number", "text", "enum"]
    members: tuple[str, ...] = ()
    """Of an enum."""


@dataclass(frozen=True)
class Dates:
    """How a service reads dates."""

    unit: int = 1
    """They are rounded down to so many ticks."""
    most_digits: int = 7
    """More fraction digits are refused."""

    def read(self, text: str) -> int:
        """Read a date literal into ticks.

        Raises:
            RefusedQueryError: It is none; a bare date and a local time (without an offset) are none.
        """
        match = _DATE.fullmatch(text)
        if match is None:
            raise RefusedQueryError(f"'{text}' is not a DateTimeOffset literal")
        if len(match[1] or "") > self.most_digits:
            raise RefusedQueryError(f"'{text}' has more than {self.most_digits} fraction digits")
        try:
            moment = ticks.parse(text)
        except ValueError as error:
            raise RefusedQueryError(f"'{text}' is not a DateTimeOffset literal") from error
        return moment - moment % self.unit


@dataclass(frozen=True)
class Comparison:
    """One property against one literal."""

    name: str
    operator: str
    value: Value

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether a record with these values passes; nothing is greater or less than null."""
        given = values.get(self.name)
        if self.operator == "eq":
            return given == self.value
        if not isinstance(given, int) or not isinstance(self.value, int):
            return False
        return _OPERATORS[self.operator](given, self.value)


@dataclass(frozen=True)
class Both:
    """Everything must hold."""

    terms: tuple[Expression, ...]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether a record with these values passes."""
        return all(term.holds(values) for term in self.terms)


@dataclass(frozen=True)
class Either:
    """One thing must hold."""

    terms: tuple[Expression, ...]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether a record with these values passes."""
        return any(term.holds(values) for term in self.terms)


@dataclass(frozen=True)
class Range:
    """What a filter demands of one date: from ``since`` up to and without ``until``, in ticks, and the rest."""

    since: int | None = None
    until: int | None = None
    rest: Expression | None = None


def read(text: str, properties: Sequence[Property], dates: Dates) -> Expression:
    """Read a ``$filter``.

    Raises:
        RefusedQueryError: Says what isn't understood.
    """
    return _Parser(text, {each.name: each for each in properties}, dates).read()


def within(expression: Expression | None, name: str) -> Range:
    """Take the bounds of one date out of a filter, as far as they hold for every record that passes."""
    if expression is None:
        return Range()
    terms = expression.terms if isinstance(expression, Both) else (expression,)
    since: list[int] = []
    until: list[int] = []
    rest: list[Expression] = []
    for term in terms:
        if not isinstance(term, Comparison) or term.name != name or not isinstance(term.value, int):
            rest.append(term)
            continue
        if term.operator in ("ge", "gt", "eq"):
            since.append(term.value + (term.operator == "gt"))
        if term.operator in ("lt", "le", "eq"):
            until.append(term.value + (term.operator != "lt"))
    return Range(max(since, default=None), min(until, default=None), Both(tuple(rest)) if rest else None)


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str, properties: dict[str, Property], dates: Dates) -> None:
        self._properties = properties
        self._dates = dates
        self._tokens = _tokens(text)
        self._position = 0

    def read(self) -> Expression:
        expression = self._either()
        if self._position < len(self._tokens):
            raise RefusedQueryError(f"Syntax error in $filter at '{self._tokens[self._position]}'")
        return expression

    def _either(self) -> Expression:
        terms = [self._both()]
        while self._took("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def _both(self) -> Expression:
        terms = [self._term()]
        while self._took("and"):
            terms.append(self._term())
        # Brackets inside don't matter: (a and b) and c is one conjunction.
        flat = [part for term in terms for part in (term.terms if isinstance(term, Both) else (term,))]
        return flat[0] if len(flat) == 1 else Both(tuple(flat))

    def _term(self) -> Expression:
        if self._took("("):
            expression = self._either()
            if not self._took(")"):
                raise RefusedQueryError("A bracket in $filter is not closed")
            return expression
        name, verb, literal = self._next(), self._next(), self._next()
        known = self._properties.get(name)
        if known is None:
            raise RefusedQueryError(f"Filtering by '{name}' is not supported")
        if verb != "eq" and (verb not in _OPERATORS or known.kind in ("text", "enum")):
            raise RefusedQueryError(f"The operator '{verb}' is not supported for '{name}'")
        return Comparison(name, verb, self._literal(known, verb, literal))

    def _literal(self, known: Property, verb: str, literal: str) -> Value:
        if literal == "null" and verb == "eq":
            return None
        is_quoted = literal.startswith("'")
        if is_quoted is not (known.kind in ("text", "enum")):
            raise RefusedQueryError(f"{literal} is of the wrong type for '{known.name}'")
        if known.kind == "date":
            return self._dates.read(literal)
        if known.kind == "number":
            if not re.fullmatch(r"\d{1,18}", literal, re.ASCII):
                raise RefusedQueryError(f"{literal} is no number")
            return int(literal)
        text = literal[1:-1].replace("''", "'")
        if known.kind == "enum" and text not in known.members:
            raise RefusedQueryError(f"'{text}' is no member of the enumeration of '{known.name}'")
        return text

    def _took(self, token: str) -> bool:
        took = self._tokens[self._position : self._position + 1] == [token]
        self._position += took
        return took

    def _next(self) -> str:
        if self._position >= len(self._tokens):
            raise RefusedQueryError("The $filter ends too early")
        self._position += 1
        return self._tokens[self._position - 1]


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RefusedQueryError(f"A string in $filter is not closed: {text[position:]}")
        # OData wants a blank between words, so that a'b' isn't two tokens.
        if match.start(match.lastgroup or 0) == position and position and _glued(tokens[-1], match):
            raise RefusedQueryError(f"Syntax error in $filter at '{text[position:]}'")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


def _glued(last: str, match: re.Match[str]) -> bool:
    return last not in ("(", ")") and match["bracket"] is None
