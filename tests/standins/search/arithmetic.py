"""Eval expressions of dashboards and saved searches: those of calculated fields, and numbers and times besides.

A field's value is a text. Where an operator needs a number, a text that reads as one is taken for it ("Data types", Search
Reference); NULL, and a text that doesn't, make the result NULL.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence

from lark import Token

from standins.search.eval_expressions import GRAMMAR, EvalFields, Expression, ToFunctions, combined, transformed
from standins.search.eval_functions import (
    FUNCTIONS,
    EvalFunction,
    Value,
    as_number,
    as_value,
    as_values,
    number_of,
    single_text,
)
from standins.search.refusal import NotModelledError

NOW = "now()"
"""The name under which the fields hold the time at which the search began."""

_ANY_NUMBER = 1_000
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_RELATIVE = re.compile(r"(?:now)?(?:([+-]\d+)([smhdw]))?(?:@([smhd]))?")


def moment(specification: str, now: float) -> float:
    """The time that a relative time such as ``-7d@d`` means, in UTC ("Specify time modifiers", Search Manual).

    Raises:
        NotModelledError: another unit or form.
    """
    match = _RELATIVE.fullmatch(specification)
    if match is None or not specification:
        raise NotModelledError(f"the time {specification!r}")
    amount, unit, snap = match.groups()
    time = now + int(amount) * _UNITS[unit] if amount else now
    return time - time % _UNITS[snap] if snap else time


def _folded(items: list[Token | Expression], operations: Mapping[str, Callable[[float, float], float]]) -> Expression:
    operands = [item for item in items if isinstance(item, Expression)]
    signs = [operations[str(item)] for item in items if not isinstance(item, Expression)]

    def compute(fields: EvalFields) -> Value:
        numbers = [number_of(operand.compute(fields)) for operand in operands]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            return None
        result = known[0]
        for apply, number in zip(signs, known[1:], strict=True):
            if apply is operator.truediv and not number:
                return None
            result = apply(result, number)
        return result if isinstance(result, bool) else as_number(result)

    return combined(operands, compute)


def _strptime(arguments: Sequence[Value]) -> Value:
    """Assumed: NULL where the text doesn't have the format."""
    text, form = (single_text(value, "strptime") for value in arguments)
    if text is None or form is None:
        return None
    if "%z" not in form:
        raise NotModelledError(f"strptime with the format {form!r}, which leaves the time zone open")
    try:
        return as_number(dt.datetime.strptime(text, form).timestamp())  # noqa: DTZ007 - the format has %z
    except ValueError:
        return None


def _strftime(arguments: Sequence[Value]) -> Value:
    """In UTC; Splunk uses the user's time zone."""
    time, form = number_of(arguments[0]), single_text(arguments[1], "strftime")
    if time is None or form is None:
        return None
    return dt.datetime.fromtimestamp(time, dt.timezone.utc).strftime(form)


def _relative_time(arguments: Sequence[Value]) -> Value:
    time, specification = number_of(arguments[0]), single_text(arguments[1], "relative_time")
    return None if time is None or specification is None else as_number(moment(specification, time))


def _round(arguments: Sequence[Value]) -> Value:
    number, digits = number_of(arguments[0]), number_of(arguments[1]) if len(arguments) > 1 else 0.0
    if number is None or digits is None:
        return None
    scale = 10 ** int(digits)
    return as_number(math.copysign(math.floor(abs(number) * scale + 0.5), number) / scale)


def _floor(arguments: Sequence[Value]) -> Value:
    """Documented: rounded down to a whole number."""
    number = number_of(arguments[0])
    return None if number is None else math.floor(number)


def _tonumber(arguments: Sequence[Value]) -> Value:
    number = number_of(arguments[0])
    return None if number is None else as_number(number)


def _max(arguments: Sequence[Value]) -> Value:
    numbers = [number_of(value) for value in arguments]
    known = [number for number in numbers if number is not None]
    return as_number(max(known)) if len(known) == len(numbers) else None


def _mvcount(arguments: Sequence[Value]) -> Value:
    """Documented: the number of values, NULL if there is none."""
    return len(as_values(arguments[0])) or None


def _mvrange(arguments: Sequence[Value]) -> Value:
    """Documented: from the first number on, without the last. Assumed: an empty range is NULL."""
    bounds = [number_of(value) for value in arguments]
    if any(bound is None for bound in bounds):
        return None
    first, last = (int(bound) for bound in bounds if bound is not None)
    return as_value([str(number) for number in range(first, last)])


def _mvindex(arguments: Sequence[Value]) -> Value:
    """One value by its position, which may come from a field; assumed, as eval takes what reads as a number for one."""
    position = number_of(arguments[1])
    values = as_values(arguments[0])
    return values[int(position)] if position is not None and 0 <= position < len(values) else None


def _mvzip(arguments: Sequence[Value]) -> Value:
    """Documented: the first values of both with the delimiter between them, then the second, and so on.

    Assumed: it ends with the shorter one, and is NULL if either is.
    """
    delimiter = single_text(arguments[2], "mvzip") if len(arguments) > 2 else ","
    left, right = as_values(arguments[0]), as_values(arguments[1])
    return as_value([f"{one}{delimiter}{other}" for one, other in zip(left, right)])


def _split(arguments: Sequence[Value]) -> Value:
    text, delimiter = (single_text(value, "split") for value in arguments)
    return None if text is None or not delimiter else as_value(text.split(delimiter))


_FUNCTIONS = {
    "floor": EvalFunction(_floor, 1, 1),
    "max": EvalFunction(_max, 1, _ANY_NUMBER),
    "mvcount": EvalFunction(_mvcount, 1, 1),
    "mvindex": EvalFunction(_mvindex, 2, 2),
    "mvrange": EvalFunction(_mvrange, 2, 2),
    "mvzip": EvalFunction(_mvzip, 2, 3),
    "relative_time": EvalFunction(_relative_time, 2, 2),
    "round": EvalFunction(_round, 1, 2),
    "split": EvalFunction(_split, 2, 2),
    "strftime": EvalFunction(_strftime, 2, 2),
    "strptime": EvalFunction(_strptime, 2, 2),
    "tonumber": EvalFunction(_tonumber, 1, 1),
}


class _WithNumbers(ToFunctions):
    """Adds order, arithmetic, and the functions above."""

    functions: Mapping[str, EvalFunction] = {**FUNCTIONS, **_FUNCTIONS}

    def ordered(self, items: list[Token | Expression]) -> Expression:
        return _folded(items, _ORDERS)

    def total(self, items: list[Token | Expression]) -> Expression:
        return _folded(items, {"+": operator.add, "-": operator.sub})

    def scaled(self, items: list[Token | Expression]) -> Expression:
        return _folded(items, {"*": operator.mul, "/": operator.truediv})

    def call(self, items: list[Token | Expression | None]) -> Expression:
        return Expression(lambda fields: fields[NOW]) if items[0] == "now" else super().call(items)

    def assignment(self, items: list[Token | Expression]) -> tuple[str, Expression]:
        name, expression = items
        assert isinstance(expression, Expression)
        return str(name).strip("'\""), expression

    def assignments(self, items: list[tuple[str, Expression]]) -> list[tuple[str, Expression]]:
        return items


AGGREGATES: Mapping[str, Callable[[Sequence[str]], Value]] = {
    "avg": lambda values: _of_numbers(values, statistics.fmean),
    "count": len,
    "dc": lambda values: len(set(values)),
    "max": lambda values: _of_numbers(values, max),
    "min": lambda values: _of_numbers(values, min),
    "median": lambda values: _of_numbers(values, statistics.median),
    # Documented: below a thousand values the nearest rank.
    "perc95": lambda values: _of_numbers(values, lambda numbers: sorted(numbers)[math.ceil(0.95 * len(numbers)) - 1]),
    "sum": lambda values: _of_numbers(values, sum),
    "values": lambda values: as_value(sorted(set(values))),
}
"""The functions of stats, over all values of a field ("Statistical and charting functions", Search Reference)."""


def _of_numbers(values: Sequence[str], function: Callable[[list[float]], float]) -> Value:
    numbers = [number for number in (number_of(value) for value in values) if number is not None]
    return as_number(float(function(numbers))) if numbers else None


@functools.lru_cache(maxsize=256)
def parse_expression(text: str) -> Expression:
    """An expression, such as that of where.

    Raises:
        NotModelledError: a syntax, an operator or a function that isn't modelled.
    """
    return transformed(GRAMMAR, _WithNumbers(), text)


@functools.lru_cache(maxsize=256)
def parse_assignments(text: str) -> list[tuple[str, Expression]]:
    """The assignments of eval, in their order: each sees those before it.

    Raises:
        NotModelledError: a syntax, an operator or a function that isn't modelled.
    """
    parsed: object = transformed(GRAMMAR, _WithNumbers(), text, "assignments")
    assert isinstance(parsed, list)
    return parsed
