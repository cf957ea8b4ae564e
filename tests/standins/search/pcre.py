"""PCRE2 itself, through the C library that Debian has (libpcre2-8), with the limits that Splunk's settings put on a match."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standins.search.refusal import NotModelledError

_UTF, _NO_UTF_CHECK = 0x00080000, 0x40000000
_NO_MATCH = -1
_INFO_CAPTURE_COUNT, _INFO_NAME_COUNT, _INFO_NAME_ENTRY_SIZE, _INFO_NAME_TABLE = 4, 17, 18, 19
_UNSET = ctypes.c_size_t(-1).value
_ERRORS = {-47: "MATCH_LIMIT", -53: "DEPTH_LIMIT", -63: "the heap"}


class LimitError(Exception):
    """A match that Splunk would have given up, without a word to the user."""


@dataclass(frozen=True)
class MatchLimits:
    """MATCH_LIMIT and DEPTH_LIMIT of props.conf.spec and transforms.conf.spec, with their defaults."""

    match: int = 100_000
    depth: int = 1_000


@functools.cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcre2-8") or "libpcre2-8.so.0"
    library = ctypes.CDLL(name)
    pointer, number, size = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t
    for function, result, arguments in (
        ("compile", pointer, [ctypes.c_char_p, size, number, pointer, pointer, pointer]),
        ("match", ctypes.c_int, [pointer, ctypes.c_char_p, size, size, number, pointer, pointer]),
        ("match_data_create_from_pattern", pointer, [pointer, pointer]),
        ("match_data_free", None, [pointer]),
        ("get_ovector_pointer", ctypes.POINTER(size), [pointer]),
        ("match_context_create", pointer, [pointer]),
        ("match_context_free", None, [pointer]),
        ("set_match_limit", ctypes.c_int, [pointer, number]),
        ("set_depth_limit", ctypes.c_int, [pointer, number]),
        ("pattern_info", ctypes.c_int, [pointer, number, pointer]),
    ):
        symbol = getattr(library, f"pcre2_{function}_8")
        symbol.restype, symbol.argtypes = result, arguments
    return library


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern, and its named groups with their numbers."""

    code: int
    groups: Mapping[str, int]
    count: int

    def matches(self, text: str, limits: MatchLimits) -> Iterator[tuple[str | None, ...]]:
        """The groups of one match after the other, each search from where the last match ended. The first is the whole match.

        Raises:
            LimitError: a limit was reached.
        """
        library, data = _library(), text.encode()
        context = library.pcre2_match_context_create_8(None)
        found = library.pcre2_match_data_create_from_pattern_8(self.code, None)
        try:
            library.pcre2_set_match_limit_8(context, limits.match)
            library.pcre2_set_depth_limit_8(context, limits.depth)
            start = 0
            while start <= len(data):
                result = library.pcre2_match_8(self.code, data, len(data), start, _NO_UTF_CHECK, found, context)
                if result == _NO_MATCH:
                    return
                if result < 0:
                    raise LimitError(_ERRORS.get(result, f"PCRE2 error {result}"))
                ends = library.pcre2_get_ovector_pointer_8(found)
                spans = [(ends[2 * each], ends[2 * each + 1]) for each in range(self.count + 1)]
                yield tuple(None if begin == _UNSET else data[begin:end].decode() for begin, end in spans)
                start = max(spans[0][1], start + 1)
        finally:
            library.pcre2_match_data_free_8(found)
            library.pcre2_match_context_free_8(context)

    def is_within(self, text: str, limits: MatchLimits) -> bool:
        """Whether no limit is reached on a text."""
        try:
            for _ in self.matches(text, limits):
                pass
        except LimitError:
            return False
        return True


@functools.cache
def compile_pattern(pattern: str) -> Pattern:
    """A pattern as Splunk would hand it to PCRE.

    Raises:
        NotModelledError: PCRE refuses it.
    """
    library, text = _library(), pattern.encode()
    error, offset = ctypes.c_int(), ctypes.c_size_t()
    code = library.pcre2_compile_8(text, len(text), _UTF, ctypes.byref(error), ctypes.byref(offset), None)
    if not code:
        raise NotModelledError(f"the regular expression {pattern!r}: error {error.value} at {offset.value}")

    def info(what: int) -> int:
        value = ctypes.c_uint32()
        library.pcre2_pattern_info_8(code, what, ctypes.byref(value))
        return value.value

    table = ctypes.c_void_p()
    library.pcre2_pattern_info_8(code, _INFO_NAME_TABLE, ctypes.byref(table))
    size = info(_INFO_NAME_ENTRY_SIZE)
    entries = ctypes.string_at(table.value, size * info(_INFO_NAME_COUNT)) if table.value else b""
    groups = {
        entry[2:].partition(b"\0")[0].decode(): int.from_bytes(entry[:2], "big")
        for entry in (entries[at : at + size] for at in range(0, len(entries), size or 1))
    }
    return Pattern(code, groups, info(_INFO_CAPTURE_COUNT))
