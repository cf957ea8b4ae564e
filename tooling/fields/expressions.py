r"""Parts of eval expressions that are on record as working in ``EVAL-`` of props.conf.

A loop over evidence is

    mvmap(<field>, <expression with that field>)

over a field that a REPORT has made, never with ``coalesce`` within: it is the Search Reference's. Splunk's add-on for
advanced hunting has the like in an ``EVAL-``, and notes that coalesce does not work with mvmap.
"""

from __future__ import annotations

from collections.abc import Callable

LIST = "defender_evidence"
"""The evidence of an alert, as a JSON array; of an incident it has none."""
PIECES = "defender_evidence_pieces"
"""The evidence of an alert or of the alerts inside an incident, a value for each piece, those inside others too."""

EMPTY = r"\s*(?:-|null|\(null\)|unknown)?\s*"
"""What says nothing: CIM forbids these as values."""
EMPTY_BUT_UNKNOWN = r"\s*(?:-|null|\(null\))?\s*"
BUILT_IN = (
    r"(?:[^;,\x5c]*\x5c)?(?:system|local ?system|local ?service|network ?service|anonymous logon|root|(?:dwm|umfd)-\d+)"
)
NOBODY = rf"(?:{EMPTY}|{BUILT_IN})"
"""Accounts that every host has say nothing either. Windows translates some of these names, so SIDs count as well."""
BUILT_IN_SID = r'"\AS-1-5-(?:7|18|19|20|90-.*|96-.*)\z"'
SAYS_SOMETHING = rf'"(?i)\A(?!{EMPTY}\z)"'
_NOWHERE = r"(?:::ffff:)?(?:0\.0\.0\.0|127\.[\d.]+|255\.255\.255\.255)|::1?|(?:0{1,4}:){7}0{0,3}[01]"
SOMEBODY = rf'"(?i)\A(?!{NOBODY}\z)"'
AN_ADDRESS = rf'"(?i)\A(?!\s*\{{|(?:{EMPTY}|{_NOWHERE})\z)"'


def cleaned(expression: str, empty: str = EMPTY) -> str:
    """A text, or NULL where it says nothing."""
    return rf'nullif(replace({expression},"(?i)\A{empty}\z",""),"")'


def record(*paths: str, empty: str = EMPTY) -> str:
    """The first member of the record that says something."""
    texts = [cleaned(f'json_extract(_raw,"{path}")', empty) for path in paths]
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def each(value: Callable[[str], str]) -> str:
    """What an expression makes of each piece of evidence; pieces of which it makes NULL are left out.

    Args:
        value: the expression, made of the field that stands for one piece.
    """
    return f"mvmap({PIECES}, {value(PIECES)})"


def first(value: Callable[[str], str]) -> str:
    """The first that an expression makes of a piece of evidence."""
    return f"mvindex({each(value)},0)"


def member(piece: str, path: str) -> str:
    """A member of a piece of evidence."""
    return f'json_extract({piece},"{path}")'


def says(piece: str, path: str, what: str = SAYS_SOMETHING) -> str:
    """Whether a member of a piece says something, or is what another pattern wants."""
    return f"match({member(piece, path)},{what})"


def has(piece: str, *paths: str) -> str:
    """Whether a piece has one of these members."""
    return " OR ".join(f"isnotnull({member(piece, path)})" for path in paths)


def texts_of(*paths: str) -> str:
    """All texts of arrays that pieces of evidence have, one after the other.

    Args:
        paths: of arrays (``x{}``), or of a member of each object of an array (``x{}.y``).
            One that holds no text counts for nothing.
    """

    def without_brackets(path: str) -> Callable[[str], str]:
        def value(piece: str) -> str:
            array = member(piece, path)
            return rf'if(match({array},"\A\[\s*\x22"), replace({array},"\A\[|\]\z",""), null())'

        return value

    arrays = [f'json_array_to_mv("[".mvjoin({each(without_brackets(path))}, ",")."]")' for path in paths]
    return arrays[0] if len(arrays) == 1 else f"mvappend({', '.join(arrays)})"


def type_of(piece: str) -> str:
    """Graph's name for what a piece is. Its key holds a dot, which is no step of a path to json_extract_exact."""
    return f'json_extract_exact({piece},"@odata.type")'


def is_of(piece: str, *types: str) -> str:
    """Whether a piece is of one of these types of Graph."""
    return rf'match({type_of(piece)},"\.(?:{"|".join(types)})Evidence\z")'


def where(condition: Callable[[str], str], value: Callable[[str], str]) -> Callable[[str], str]:
    """A value of those pieces alone for which a condition holds."""
    return lambda piece: f"if({condition(piece)}, {value(piece)}, null())"


def unless(condition: Callable[[str], str], value: Callable[[str], str]) -> Callable[[str], str]:
    """A value of those pieces alone for which a condition doesn't hold, or can't be told."""
    return lambda piece: f"if({condition(piece)}, null(), {value(piece)})"


def lacks(piece: str, *paths: str) -> str:
    """Whether a piece has none of these members."""
    return " AND ".join(f"isnull({member(piece, path)})" for path in paths)


def joined(folder: str, name: str, *, without_folder: str = "") -> str:
    r"""A path of folder and name. The folder may be the whole path already, and its separator is ``\`` or ``/``.

    ``<``, which no file name holds, joins the two until the separator is known.

    Args:
        folder: the folder; the path is NULL if it is.
        name: the file's name, or "".
        without_folder: a pattern of what goes where the folder is "".
    """
    text = f'{folder}."<".{name}'
    for pattern, replacement in (
        *([(without_folder, "")] if without_folder else []),
        (r"(?is)\A((?:.*[\x5c/])?([^\x5c/<]+))<(?:\2)?\z", r"\1"),
        (r"([\x5c/])<", r"\1"),
        (r"\A([^\x5c<]*)<", r"\1/"),
        (r"(?s)\A([^\x5c]*)(\x5c)(.*)<", r"\1\2\3\2"),
    ):
        text = f'replace({text},"{pattern}","{replacement}")'
    return text
