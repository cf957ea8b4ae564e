"""Eval expressions: parsed by a grammar, computed on an event's fields.

The grammar leaves out what this stand-in doesn't know for sure: operators that the add-on doesn't use, and mixtures
whose precedence a reader has to look up (AND with OR), which take parentheses here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import VisitError

from standins.search.eval_functions import (
    FUNCTIONS,
    EvalFunction,
    Value,
    as_number,
    as_text,
    as_value,
    as_values,
    equals,
    single_text,
)
from standins.search.refusal import NotModelledError

EvalFields = Mapping[str, Value]
Compute = Callable[[EvalFields], Value]
Part = TypeVar("Part")

GRAMMAR = Lark(
    r"""
    assignments: assignment ("," assignment)*
    assignment: (NAME | QUOTED_NAME | STRING) "=" expression
    ?expression: negation
        | negation ("AND" negation)+ -> conjunction
        | negation ("OR" negation)+  -> disjunction
    ?negation: "NOT" negation -> negated
        | comparison
    ?comparison: operand
        | operand ("==" | "=") operand -> equal
        | operand "!=" operand -> unequal
        | operand ORDER operand -> ordered
    ?operand: product
        | product ("." product)+ -> concatenation
        | product (SIGN product)+ -> total
    ?product: atom
        | atom (FACTOR atom)+ -> scaled
    ?atom: "(" expression ")"
        | NAME "(" [expression ("," expression)*] ")" -> call
        | NAME -> field
        | QUOTED_NAME -> quoted_field
        | STRING -> string
        | NUMBER -> number
    ORDER: ">=" | "<=" | ">" | "<"
    SIGN: "+" | "-"
    FACTOR: "*" | "/"
    NAME: /[A-Za-z_]\w*/
    QUOTED_NAME: /'[^']+'/
    STRING: /"(?:[^"\\]|\\.)*"/s
    NUMBER: /-?\d+(?:\.\d+)?/
    %ignore /\s+/
    """,
    start=["expression", "assignments"],
    parser="lalr",
)
"""What is understood anywhere; ``ToFunctions`` and what is derived from it say what may be used where."""


def _unescaped(literal: str) -> str:
    r"""A string literal's text: ``\"`` and ``\\`` lose a backslash, other sequences stay ("Search syntax", Search Manual)."""
    return re.sub(r'\\(["\\])', r"\1", literal[1:-1])


@dataclass(frozen=True)
class Expression:
    """A part of an expression.

    Attributes:
        compute: what it computes.
        reads: the fields that it reads.
        calls: the functions that it calls.
        form: the field's name, if it is a field alone; ``"..."``, if it is a literal.
        loops_over: the field over which mvmap is on record as looping, if it stands as its first argument.
    """

    compute: Compute
    reads: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    form: str = ""
    loops_over: str = ""


LITERAL = "..."
_NOT_IN_MVMAP = frozenset({"coalesce", "mvmap"})


class ToFunctions(Transformer[Token, Expression]):
    """Turns a parse tree into a function of the event's fields: what a calculated field may use, and nothing else."""

    functions: Mapping[str, EvalFunction] = FUNCTIONS

    def __default__(self, data: object, children: object, meta: object) -> Expression:
        raise NotModelledError(f"the eval operator {data} here")

    def field(self, items: list[Token]) -> Expression:
        return self._named(str(items[0]))

    def quoted_field(self, items: list[Token]) -> Expression:
        return self._named(str(items[0])[1:-1])

    @staticmethod
    def _named(name: str) -> Expression:
        return Expression(lambda fields: fields.get(name), frozenset({name}), form=name, loops_over=name)

    def string(self, items: list[Token]) -> Expression:
        text = _unescaped(str(items[0]))
        return Expression(lambda _: text, form=LITERAL)

    def number(self, items: list[Token]) -> Expression:
        number = as_number(float(items[0]))
        return Expression(lambda _: number, form=LITERAL)

    def call(self, items: list[Token | Expression | None]) -> Expression:
        name = str(items[0])
        operands = [item for item in items[1:] if isinstance(item, Expression)]
        if name in _ITERATIONS:
            fewest, iterate = _ITERATIONS[name]
            if len(operands) != fewest:
                raise NotModelledError(f"{name} with {len(operands)} arguments")
            return replace(iterate(operands), calls=frozenset({name}).union(*(each.calls for each in operands)))
        function = self.functions.get(name)
        if function is None:
            raise NotModelledError(f"the eval function {name}")
        return _called(name, function, operands)

    def negated(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: _not(items[0].compute(fields)))

    def conjunction(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: all(_truth(item.compute(fields)) for item in items))

    def disjunction(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: any(_truth(item.compute(fields)) for item in items))

    def equal(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: equals(items[0].compute(fields), items[1].compute(fields)))

    def unequal(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: _not(equals(items[0].compute(fields), items[1].compute(fields))))

    def concatenation(self, items: list[Expression]) -> Expression:
        return combined(items, lambda fields: _concatenated([single_text(item.compute(fields), ".") for item in items]))


def _called(name: str, function: EvalFunction, operands: Sequence[Expression]) -> Expression:
    """A call of a function whose arguments are computed once each."""
    if not function.fewest <= len(operands) <= function.most:
        raise NotModelledError(f"{name} with {len(operands)} arguments")
    compute = function.compute
    whole = combined(operands, lambda fields: compute([operand.compute(fields) for operand in operands]))
    field, *others = [operand.form for operand in operands] or [""]
    is_loop = (name == "json_array_to_mv" and not others) or (name == "mvindex" and set(others) == {LITERAL})
    return replace(whole, calls=whole.calls | {name}, loops_over=field if is_loop and field != LITERAL else "")


def combined(parts: Sequence[Expression], compute: Compute) -> Expression:
    return Expression(
        compute,
        frozenset().union(*(part.reads for part in parts)),
        frozenset().union(*(part.calls for part in parts)),
    )


def _mvmap(operands: Sequence[Expression]) -> Expression:
    """``mvmap(<mv>, <expression>)``: the field that ``mv`` reads stands for one value after the other in ``expression``.

    Only in the forms that are on record: documented are a field and ``mvmap(mvindex(results,1,2), results*threshold)``;
    ``mvmap(json_array_to_mv(<field>), ...)`` runs in Splunk's add-on for advanced hunting. The same add-on notes that coalesce
    does not work with mvmap. Nobody shows ``_raw`` as the field, nor one mvmap in another. Assumed: a NULL result is left out.
    """
    values, each = operands
    name = values.loops_over
    if name in {"", "_raw"}:
        raise NotModelledError(f"mvmap over {name or f'an expression of {sorted(values.reads | values.calls)}'}")
    if unproven := _NOT_IN_MVMAP & each.calls:
        raise NotModelledError(f"{' and '.join(sorted(unproven))} inside mvmap")

    def compute(fields: EvalFields) -> Value:
        results = [each.compute({**fields, name: value}) for value in as_values(values.compute(fields))]
        return as_value([text for text in (single_text(result, "mvmap") for result in results) if text is not None])

    return combined(operands, compute)


def _mvfilter(operands: Sequence[Expression]) -> Expression:
    """``mvfilter(<predicate>)``: those values of the one field that the predicate reads for which it is true."""
    (predicate,) = operands
    if len(predicate.reads) != 1:
        raise NotModelledError(f"mvfilter by a predicate that reads {sorted(predicate.reads)}")
    (name,) = predicate.reads

    def compute(fields: EvalFields) -> Value:
        values = as_values(fields.get(name))
        return as_value([value for value in values if _truth(predicate.compute({**fields, name: value}))])

    return combined(operands, compute)


_ITERATIONS: Mapping[str, tuple[int, Callable[[Sequence[Expression]], Expression]]] = {
    "mvfilter": (1, _mvfilter),
    "mvmap": (2, _mvmap),
}
"""The functions that compute an argument once per value: how many arguments they take, and how."""


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


@functools.lru_cache(maxsize=1024)
def parse_eval(expression: str) -> Compute:
    """An eval expression as a function of the event's fields.

    Raises:
        NotModelledError: a syntax, an operator or a function that isn't modelled. Computing raises it for values (a
            multivalue field, a Boolean) that the expression treats in a way that isn't.
    """
    return transformed(GRAMMAR, ToFunctions(), expression).compute


def transformed(grammar: Lark, to: Transformer[Token, Part], text: str, start: str = "expression") -> Part:
    """A text, parsed by a grammar and turned into something.

    Raises:
        NotModelledError: the grammar doesn't know it, or what is made of it doesn't.
    """
    try:
        return to.transform(grammar.parse(text, start=start))
    except UnexpectedInput as error:
        raise NotModelledError(f"this eval expression:\n{error.get_context(text, span=30)}") from error
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
