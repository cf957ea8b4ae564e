"""Search terms, as event types, searches and the search command have them: ``field=value``, phrases, what combines them.

Words without a field are refused: they search the event's segments, which the stand-in doesn't build. So is a mixture of
AND and OR without parentheses, whose precedence differs between the search command and eval.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Mapping, Sequence

from lark import Lark, Token, Transformer, UnexpectedInput

from standins.search.refusal import NotModelledError

TermFields = Mapping[str, Sequence[str]]
Matches = Callable[[TermFields], bool]

_GRAMMAR = Lark(
    r"""
    ?expression: term
        | term ("AND"? term)+ -> conjunction
        | term ("OR" term)+   -> disjunction
    ?term: "NOT" term -> negated
        | "(" expression ")"
        | NAME "=" value  -> equal
        | NAME "!=" value -> unequal
        | NAME "IN" "(" value ("," value)* ")" -> among
        | STRING -> phrase
    value: STRING | WORD
    NAME.2: /[A-Za-z_][\w.{}:]*(?=\s*!?=|\s+IN\s*\()/
    STRING: /"[^"\\]*"/
    WORD: /[^\s()="|\\!,]+/
    %ignore /\s+/
    """,
    start="expression",
    parser="lalr",
)


class _ToFunctions(Transformer[Token, Matches]):
    def value(self, items: list[Token]) -> str:
        return str(items[0]).strip('"')

    def equal(self, items: list[str]) -> Matches:
        name, pattern = items
        return lambda fields: any(_value_matches(name, value, pattern) for value in fields.get(name, ()))

    def unequal(self, items: list[str]) -> Matches:
        name, pattern = items
        return lambda fields: any(not _value_matches(name, value, pattern) for value in fields.get(name, ()))

    def among(self, items: list[str]) -> Matches:
        """Documented: ``field IN (a, b)`` is ``field=a OR field=b``."""
        name, *patterns = items
        return lambda fields: any(
            _value_matches(name, value, pattern) for value in fields.get(name, ()) for pattern in patterns
        )

    def phrase(self, items: list[Token]) -> Matches:
        """A phrase in quotes. Assumed to be found wherever it stands in the event between characters that are no word's."""
        pattern = re.compile(rf"(?<!\w){re.escape(str(items[0])[1:-1])}(?!\w)", re.IGNORECASE)
        return lambda fields: any(pattern.search(raw) for raw in fields.get("_raw", ()))

    def negated(self, items: list[Matches]) -> Matches:
        return lambda fields: not items[0](fields)

    def conjunction(self, items: list[Matches]) -> Matches:
        return lambda fields: all(item(fields) for item in items)

    def disjunction(self, items: list[Matches]) -> Matches:
        return lambda fields: any(item(fields) for item in items)


def _value_matches(name: str, value: str, pattern: str) -> bool:
    """Values are compared without regard to case, ``*`` is a wildcard; ``index=*`` leaves internal indexes out."""
    if name == "index" and pattern.startswith("*") and value.startswith("_"):
        return False
    escaped = re.sub(r"([?\[])", r"[\1]", pattern.lower())
    return fnmatch.fnmatchcase(value.lower(), escaped)


@functools.lru_cache(maxsize=256)
def read_terms(search: str) -> tuple[frozenset[str], Matches]:
    """The fields that search terms read, and the terms as a function of an event's fields.

    Raises:
        NotModelledError: anything but field terms and phrases with AND, OR, NOT and parentheses.
    """
    try:
        tree = _GRAMMAR.parse(search)
    except UnexpectedInput as error:
        raise NotModelledError(f"these search terms:\n{error.get_context(search, span=30)}") from error
    tokens = [token for token in tree.scan_values(lambda token: isinstance(token, Token)) if isinstance(token, Token)]
    if any(token.type == "STRING" and token == '""' for token in tokens):
        raise NotModelledError(f'a comparison with "": {search}')
    return frozenset(str(token) for token in tokens if token.type == "NAME"), _ToFunctions().transform(tree)


def parse_terms(search: str) -> Matches:
    """Search terms as a function of an event's fields; see :func:`read_terms`."""
    return read_terms(search)[1]
