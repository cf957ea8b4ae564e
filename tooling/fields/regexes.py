r"""Regular expressions that read JSON as it stands in an event: keys in any order, strings with any escape.

Quantifiers are possessive, so that a search that fails costs no more than one that succeeds. The first group of each
pattern is any object or array; ``(?1)`` repeats it at any depth (PCRE, which is what Splunk uses: "About Splunk regular
expressions").
"""

from __future__ import annotations

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_NESTED = rf'[\[{{](?:[^{{}}\[\]"]++|{_STRING}|(?1))*+[\]}}]'
_ATOM = r'[^,{}\[\]"\s]++'


def _members_but(member: str, nested: str) -> str:
    """Members with their commas, up to one that ``member`` matches.

    Args:
        member: the beginning of the member at which to stop.
        nested: the group of any object or array, or a call of it.
    """
    return rf"(?:\s*+(?!{member}){_STRING}\s*+:\s*+(?:{_STRING}|{nested}|{_ATOM})\s*+,)*+\s*+"


def text_member(keys: str, field: str, value: str = r'[^"\\]+', *, opened: str = '"', closed: str = '"') -> str:
    """A member of the record itself, and not of an object in it.

    Args:
        keys: alternatives, of which the first in the record counts whose value is as wanted.
        field: what is made of the value.
        value: how it looks.
        opened: what stands in front of it.
        closed: what stands behind it.
    """
    key = rf'"(?:{keys})"\s*+:\s*+{opened}'
    return rf"\A\s*+\{{{_members_but(key + value + closed, f'({_NESTED})')}{key}(?<{field}>{value}){closed}"


def list_member(keys: tuple[str, ...], field: str) -> str:
    """A member of the record itself that is an array, as JSON.

    Args:
        keys: the first that is there counts, wherever it stands.
        field: what is made of it.
    """
    calls = [f"({_NESTED})", *["(?1)"] * (len(keys) - 1)]
    ways = [_members_but(rf'"{key}"\s*+:\s*+\[', call) + f'"{key}"' for key, call in zip(keys, calls, strict=True)]
    return rf"\A\s*+\{{(?:{'|'.join(ways)})\s*+:\s*+(?<{field}>(?=\[)(?1))"


def pieces_at_any_depth(field: str, *, alert: tuple[str, ...], no_piece: tuple[str, ...]) -> str:
    """Object by object of what holds evidence, and of the evidence inside it.

    It is matched again and again, each time from where the last match ended, which is behind the brace that opens a
    piece: so what stands inside a piece is looked through as well. The last match takes the rest without a value, so
    that no search begins within a string.

    Args:
        field: what is made of a piece.
        alert: an object that has one of these keys is no piece, but what is inside it may be.
        no_piece: what stands under these keys is passed over.
    """
    key = rf'"(?:{"|".join(alert)})"\s*+:'
    of_alert = rf"\{{(?={_members_but(key, '(?1)')}{key})"
    passed = rf'[^"{{]++|"(?:{"|".join(no_piece)})"\s*+:\s*+({_NESTED})|{_STRING}|{of_alert}'
    return rf"(?s)(?:(?:{passed})*+(?=(?<{field}>(?1)))\{{|.+\z)"
