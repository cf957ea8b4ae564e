"""Numbers around and beyond a limit: where a sweep ends must not be where the code stops to count."""

from __future__ import annotations


def past(limit: int, *, least: int = 0) -> tuple[int, ...]:
    """From ``least`` to beyond three times a limit: few, around it, and around what is twice as much."""
    numbers = {least, least + 1, limit - 1, limit, limit + 1, 2 * limit, 2 * limit + 1, 3 * limit + 2}
    return tuple(sorted(number for number in numbers if number >= least))
