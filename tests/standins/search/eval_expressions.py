"""Eval expressions: parsed by a grammar, computed on an event's fields.

The grammar leaves out what this stand-in doesn't know for sure: operators that the add-on doesn't use, and mixtures
whose precedence a reader has to look up (AND with OR, ``.`` with ``+``), which take parentheses here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import VisitError

from standins.search.eval_functions import FUNCTIONS, Value, as_text, equals, single_text
from standins.search.refusal import NotModelledError

EvalFields = Mapping[str, Value]
Compute = Callable[[EvalFields], Value]

_GRAMMAR = Lark(
    r"""
    ?expression: negation
        | negation ("AND" negation)+ -> conjunction
        | negation ("OR" negation)+  -> disjunction
    ?negation: "NOT" negation -> negated
        | comparison
    ?comparison: operand
        | operand ("==" | "=") operand -> equal
        | operand "!=" operand -> unequal
    ?operand: atom
        | atom ("." atom)+ -> concatenation
        | atom ("+" atom)+ -> addition
    ?atom: "(" expression ")"
        | NAME "(" [expression ("," expression)*] ")" -> call
        | NAME -> field
        | QUOTED_NAME -> quoted_field
        | STRING -> string
        | NUMBER -> number
    NAME: /[A-Za-z_]\w*/
    QUOTED_NAME: /'[^']+'/
    STRING: /"(?:[^"\\]|\\.)*"/s
    NUMBER: /-?\d+(?:\.\d+)?/
    %ignore /\s+/
    """,
    start="expression",
    parser="lalr",
)


def _unescaped(literal: str) -> str:
    r"""A string literal's text: ``\"`` and ``\\`` lose a backslash, other sequences stay ("Search syntax", Search Manual)."""
    return re.sub(r'\\(["\\])', r"\1", literal[1:-1])


class _ToFunctions(Transformer[Token, Compute]):
    """Turns a parse tree into a function of the event's fields."""

    def field(self, items: list[Token]) -> Compute:
        name = str(items[0])
        return lambda fields: fields.get(name)

    def quoted_field(self, items: list[Token]) -> Compute:
        name = str(items[0])[1:-1]
        return lambda fields: fields.get(name)

    def string(self, items: list[Token]) -> Compute:
        text = _unescaped(str(items[0]))
        return lambda _: text

    def number(self, items: list[Token]) -> Compute:
        text = str(items[0])
        number = float(text) if "." in text else int(text)
        return lambda _: number

    def call(self, items: list[Token | Compute | None]) -> Compute:
        name = str(items[0])
        operands: list[Compute] = [item for item in items[1:] if item is not None and not isinstance(item, Token)]
        function = FUNCTIONS.get(name)
        if function is None:
            raise NotModelledError(f"the eval function {name}")
        if not function.fewest <= len(operands) <= function.most:
            raise NotModelledError(f"{name} with {len(operands)} arguments")
        compute = function.compute
        return lambda fields: compute([operand(fields) for operand in operands])

    def negated(self, items: list[Compute]) -> Compute:
        return lambda fields: _not(items[0](fields))

    def conjunction(self, items: list[Compute]) -> Compute:
        return lambda fields: all(_truth(item(fields)) for item in items)

    def disjunction(self, items: list[Compute]) -> Compute:
        return lambda fields: any(_truth(item(fields)) for item in items)

    def equal(self, items: list[Compute]) -> Compute:
        return lambda fields: equals(items[0](fields), items[1](fields))

    def unequal(self, items: list[Compute]) -> Compute:
        return lambda fields: _not(equals(items[0](fields), items[1](fields)))

    def concatenation(self, items: list[Compute]) -> Compute:
        return lambda fields: _concatenated([single_text(item(fields), ".") for item in items])

    def addition(self, items: list[Compute]) -> Compute:
        return lambda fields: _sum([item(fields) for item in items])


def _not(value: Value) -> Value:
    return None if value is None else not _truth(value)


def _truth(value: Value) -> bool:
    if value is not None and not isinstance(value, bool):
        raise NotModelledError(f"a condition that is no Boolean: {value!r}")
    return value is True


def _concatenated(texts: Sequence[str | None]) -> Value:
    """Assumed: with a NULL among them the whole is NULL."""
    known = [text for text in texts if text is not None]
    return "".join(known) if len(known) == len(texts) else None


def _sum(values: Sequence[Value]) -> Value:
    """Documented: ``+`` concatenates texts as well."""
    if all(isinstance(value, str) for value in values):
        return "".join(str(value) for value in values)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return sum(value for value in values if isinstance(value, (int, float)))
    raise NotModelledError(f"the sum of {values}")


@functools.lru_cache(maxsize=1024)
def parse_eval(expression: str) -> Compute:
    """An eval expression as a function of the event's fields.

    Raises:
        NotModelledError: a syntax, an operator or a function that isn't modelled. Computing raises it for values (a
            multivalue field, a Boolean) that the expression treats in a way that isn't.
    """
    try:
        return _ToFunctions().transform(_GRAMMAR.parse(expression))
    except UnexpectedInput as error:
        where = error.get_context(expression, span=30)
        raise NotModelledError(f"this eval expression:\n{where}") from error
    except VisitError as error:
        raise error.orig_exc from None


def as_field(value: Value, name: str) -> list[str]:
    """A calculated field's values; none for NULL, which clears a field ("null()", Search Reference).

    Raises:
        NotModelledError: a Boolean, which eval can't assign (same reference).
    """
    if isinstance(value, bool):
        raise NotModelledError(f"the Boolean value of {name}")
    if value is None:
        return []
    return value if isinstance(value, list) else [as_text(value)]
