"""Splunk's regular expressions (PCRE) as Python's, or a refusal where the two differ."""

from __future__ import annotations

import functools
import re

from standins.search.refusal import NotModelledError

# Python either lacks these or means something else by them: verbs, \K, \R, \h, quoting, recursion, branch reset, \Z, \G,
# POSIX classes.
_DIFFERENT = re.compile(r"\(\*|\\[KRhHQEZGX]|\(\?[R&0-9+|]|\(\?P[>&]|\[\[:")
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")
_ABSOLUTE_END = re.compile(r"(?<!\\)((?:\\\\)*)\\z")


@functools.lru_cache(maxsize=512)
def compile_pcre(pattern: str, *, prefix: str = "") -> re.Pattern[str]:
    r"""A PCRE pattern, compiled. ``\d``, ``\s`` and ``\w`` are ASCII, as in PCRE without UCP.

    Args:
        pattern: as the conf file has it, after one unescaping if it stood in an eval string.
        prefix: option letters that Splunk puts in front, such as ``(?ms)``.

    Raises:
        NotModelledError: Python would read the pattern otherwise, or not at all.
    """
    if found := _DIFFERENT.search(pattern):
        raise NotModelledError(f"{found.group()!r} in the regular expression {pattern!r}")
    translated = _NAMED_GROUP.sub("(?P<", _ABSOLUTE_END.sub(r"\1\\Z", pattern))
    try:
        return re.compile(prefix + translated, re.ASCII)
    except re.error as error:
        raise NotModelledError(f"the regular expression {pattern!r}: {error}") from error
