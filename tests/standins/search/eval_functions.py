"""The functions of eval that the add-on uses.

Each has a test with an example of Splunk's Search Reference, "Evaluation functions" (tests/knowledge/test_eval.py). A
field without a value is NULL, here None. Assumed, where the reference is silent: a text function of NULL is NULL.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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


def number_of(value: Value) -> float | None:
    """A value as a number; None if it doesn't read as one.

    Raises:
        NotModelledError: a Boolean or a multivalue field.
    """
    if isinstance(value, (bool, list)):
        raise NotModelledError(f"{value!r} where a number is needed")
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_number(number: float) -> int | float:
    """A number without needless decimals."""
    return int(number) if number.is_integer() else number


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


def as_values(value: Value) -> list[str]:
    """The values of a field that may have none, one or several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [as_text(value)]


def as_value(values: list[str]) -> Value:
    """Several values as a multivalue field, one as a plain value, none as NULL."""
    return values if len(values) > 1 else values[0] if values else None


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


def _len(arguments: Sequence[Value]) -> Value:
    """The characters of a text (Splunk, "Text functions": ``len(<str>)``)."""
    text = single_text(arguments[0], "len")
    return None if text is None else len(text)


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
    return None if text is None or path is None else _extracted(text, path)


def _json_extract_exact(arguments: Sequence[Value]) -> Value:
    """Documented: the key is taken literally, so that it may hold a dot. Assumed: what is missing is NULL."""
    text, key = (single_text(value, "json_extract_exact") for value in arguments)
    document = NotJson if text is None else parse_json(text)
    return _as_native(document.get(key)) if isinstance(document, dict) else None


@functools.lru_cache(maxsize=2048)  # calculated fields ask for the same values of an event again and again
def _extracted(text: str, path: str) -> Value:
    document = parse_json(text)
    if document is NotJson:
        return None
    values, is_list = values_at(document, path)
    if is_list:
        return to_json(values) if values else None
    return _as_native(values[0] if values else None)


def _as_native(value: Any) -> Value:
    """A value as Splunk's own type, an object or an array as JSON."""
    return value if value is None or isinstance(value, (str, int, float)) else to_json(value)


def _json_array_to_mv(arguments: Sequence[Value]) -> Value:
    """Documented: strings lose their quotes, what is no JSON array gives nothing. Assumed: an empty array does so too."""
    text = single_text(arguments[0], "json_array_to_mv")
    return None if text is None else as_value(list(_array_values(text)))


@functools.lru_cache(maxsize=64)
def _array_values(text: str) -> tuple[str, ...]:
    elements = parse_json(text)
    return tuple(_array_value(element) for element in elements) if isinstance(elements, list) else ()


def _array_value(element: Any) -> str:
    if element is None or isinstance(element, bool):
        raise NotModelledError(f"json_array_to_mv of the element {element!r}")
    if isinstance(element, str):
        if to_json(element) != f'"{element}"':
            raise NotModelledError(f"json_array_to_mv of a string with escapes: {element!r}")
        return element
    return to_json(element)


def _spath(arguments: Sequence[Value]) -> Value:
    """Documented for one value at a path. JSON null is the text ``null``, as in automatic extraction."""
    text, path = (single_text(value, "spath") for value in arguments)
    document = NotJson if text is None else parse_json(text)
    if document is NotJson or path is None:
        return None
    values, is_list = values_at(document, path)
    if is_list or any(isinstance(value, (dict, list, bool)) for value in values):
        raise NotModelledError(f"spath of several values, a Boolean or an object: {path}")
    return next(("null" if value is None else as_text(value) for value in values), None)


def _mvindex(arguments: Sequence[Value]) -> Value:
    """Documented: from 0, or from -1 at the end; out of range is NULL. Assumed: a plain value is a list of one."""
    values, bounds = as_values(arguments[0]), arguments[1:]
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if len(numbers) != len(bounds):
        raise NotModelledError(f"mvindex with the bounds {bounds}")
    first, last = (number if number >= 0 else len(values) + number for number in (numbers[0], numbers[-1]))
    return as_value(values[first : last + 1]) if 0 <= first <= last < len(values) else None


def _mvdedup(arguments: Sequence[Value]) -> Value:
    """Documented: without duplicates. Assumed: in the order of the first of each."""
    return as_value(list(dict.fromkeys(as_values(arguments[0]))))


def _mvappend(arguments: Sequence[Value]) -> Value:
    """Documented: the values of all arguments, one after the other. Assumed: NULL adds none."""
    return as_value([text for value in arguments for text in as_values(value)])


def _mvjoin(arguments: Sequence[Value]) -> Value:
    """Documented: all values as one text, with a delimiter between them. Assumed: of NULL it is NULL."""
    values, delimiter = as_values(arguments[0]), single_text(arguments[1], "mvjoin")
    return delimiter.join(values) if values and delimiter is not None else None


FUNCTIONS = {
    "case": EvalFunction(_case, 2, _ANY_NUMBER),
    "coalesce": EvalFunction(_coalesce, 1, _ANY_NUMBER),
    "if": EvalFunction(_if, 3, 3),
    "isnotnull": EvalFunction(lambda arguments: arguments[0] is not None, 1, 1),
    "isnull": EvalFunction(lambda arguments: arguments[0] is None, 1, 1),
    "json_array_to_mv": EvalFunction(_json_array_to_mv, 1, 1),
    "json_extract": EvalFunction(_json_extract, 2, 2),
    "json_extract_exact": EvalFunction(_json_extract_exact, 2, 2),
    "len": EvalFunction(_len, 1, 1),
    "lower": EvalFunction(_lower, 1, 1),
    "match": EvalFunction(_match, 2, 2),
    "mvappend": EvalFunction(_mvappend, 1, _ANY_NUMBER),
    "mvdedup": EvalFunction(_mvdedup, 1, 1),
    "mvindex": EvalFunction(_mvindex, 2, 3),
    "mvjoin": EvalFunction(_mvjoin, 2, 2),
    "null": EvalFunction(lambda _: None, 0, 0),
    "nullif": EvalFunction(_nullif, 2, 2),
    "replace": EvalFunction(_replace, 3, 3),
    "spath": EvalFunction(_spath, 2, 2),
    "substr": EvalFunction(_substr, 2, 3),
    "true": EvalFunction(lambda _: True, 0, 0),
}
