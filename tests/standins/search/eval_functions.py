"""The functions of eval that the add-on uses.

Each has a test with an example of Splunk's Search Reference, "Evaluation functions" (tests/knowledge/test_eval.py). A
field without a value is NULL, here None. Assumed, where the reference is silent: a text function of NULL is NULL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from standins.search.json_paths import NotJson, parse_json, to_json, values_at
from standins.search.refusal import NotModelledError
from standins.search.regex import compile_pcre

Value = str | int | float | bool | list[str] | None

_ANY_NUMBER = 1_000


@dataclass(frozen=True)
class EvalFunction:
    """A function: what it computes, and how many arguments it takes."""

    compute: Callable[[Sequence[Value]], Value]
    fewest: int
    most: int


def as_text(value: str | float) -> str:
    """A number or a text as a text. Whole numbers have no decimal point."""
    if isinstance(value, bool):
        raise NotModelledError("a Boolean where a text is needed")
    return value if isinstance(value, str) else f"{value:.15g}"


def single_text(value: Value, function: str) -> str | None:
    """A text, or NULL.

    Raises:
        NotModelledError: a multivalue field, which the reference says the function doesn't support.
    """
    if isinstance(value, list):
        raise NotModelledError(f"{function} of a multivalue field")
    return None if value is None else as_text(value)


def equals(left: Value, right: Value) -> bool | None:
    """``==``: NULL if either side is; numbers as numbers if both are, or one is and the other reads as one."""
    if left is None or right is None:
        return None
    if isinstance(left, (list, bool)) or isinstance(right, (list, bool)):
        raise NotModelledError("comparison of a multivalue field or a Boolean")
    if isinstance(left, str) == isinstance(right, str):
        return left == right
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def _case(arguments: Sequence[Value]) -> Value:
    if len(arguments) % 2:
        raise NotModelledError("case with a condition that has no value")
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return next((value for condition, value in pairs if _holds(condition, "case")), None)


def _if(arguments: Sequence[Value]) -> Value:
    condition, if_true, if_false = arguments
    return if_true if _holds(condition, "if") else if_false


def _holds(condition: Value, function: str) -> bool:
    if condition is not None and not isinstance(condition, bool):
        raise NotModelledError(f"{function} with a condition that is no Boolean: {condition!r}")
    return condition is True


def _coalesce(arguments: Sequence[Value]) -> Value:
    return next((value for value in arguments if value is not None), None)


def _nullif(arguments: Sequence[Value]) -> Value:
    return None if equals(*arguments) else arguments[0]


def _lower(arguments: Sequence[Value]) -> Value:
    (value,) = arguments
    if isinstance(value, list):
        return [each.lower() for each in value]
    text = single_text(value, "lower")
    return None if text is None else text.lower()


def _match(arguments: Sequence[Value]) -> Value:
    text, pattern = (single_text(value, "match") for value in arguments)
    return None if text is None or pattern is None else bool(compile_pcre(pattern).search(text))


def _replace(arguments: Sequence[Value]) -> Value:
    text, pattern, replacement = (single_text(value, "replace") for value in arguments)
    if text is None or pattern is None or replacement is None:
        return None
    if re.search(r"\\(?![1-9](?!\d))", replacement):
        raise NotModelledError(f"a backslash in the replacement {replacement!r} that is no group")

    def substitute(match: re.Match[str]) -> str:
        return re.sub(r"\\(\d)", lambda group: match.group(int(group[1])) or "", replacement)

    return compile_pcre(pattern).sub(substitute, text)


def _substr(arguments: Sequence[Value]) -> Value:
    text = single_text(arguments[0], "substr")
    bounds = arguments[1:]
    if text is None:
        return None
    numbers = [bound for bound in arguments[1:] if isinstance(bound, int)]
    if len(numbers) != len(bounds) or not numbers[0] or any(number < 0 for number in numbers[1:]):
        raise NotModelledError(f"substr with the bounds {bounds}")
    start, *length = numbers
    first = start - 1 if start > 0 else max(len(text) + start, 0)
    return text[first : first + length[0]] if length else text[first:]


def _json_extract(arguments: Sequence[Value]) -> Value:
    """Documented: a string becomes a string, null NULL, several values a JSON array. Assumed: what is missing is NULL."""
    text, path = (single_text(value, "json_extract") for value in arguments)
    document = NotJson if text is None else parse_json(text)
    if document is NotJson or path is None:
        return None
    values, is_list = values_at(document, path)
    if is_list:
        return to_json(values) if values else None
    value = values[0] if values else None
    if value is None or isinstance(value, (str, int, float)):
        return value
    return to_json(value)


FUNCTIONS = {
    "case": EvalFunction(_case, 2, _ANY_NUMBER),
    "coalesce": EvalFunction(_coalesce, 1, _ANY_NUMBER),
    "if": EvalFunction(_if, 3, 3),
    "isnotnull": EvalFunction(lambda arguments: arguments[0] is not None, 1, 1),
    "isnull": EvalFunction(lambda arguments: arguments[0] is None, 1, 1),
    "json_extract": EvalFunction(_json_extract, 2, 2),
    "lower": EvalFunction(_lower, 1, 1),
    "match": EvalFunction(_match, 2, 2),
    "null": EvalFunction(lambda _: None, 0, 0),
    "nullif": EvalFunction(_nullif, 2, 2),
    "replace": EvalFunction(_replace, 3, 3),
    "substr": EvalFunction(_substr, 2, 3),
    "true": EvalFunction(lambda _: True, 0, 0),
}
