"""What a check is, and what comes of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What came of a check."""

    YES = "yes"
    """It is as the add-on assumes."""
    NO = "NO"
    """It is not."""
    UNANSWERED = "no answer"
    """It was asked, and what came says neither."""
    NOT_SEEN = "not seen"
    """It was asked, and nothing was there to see it by: no such record, or nothing happened meanwhile."""
    NOT_ASKED = "not asked"
    """It takes an option, a licence, a permission or something before it that is not there."""


@dataclass(frozen=True)
class Check:
    """A question to a real Splunk or a real tenant.

    Attributes:
        name: its id, in lower case with dashes: what a report is compared by, so it never changes.
        question: what yes means that all is well, as a sentence for an administrator.
        how: what is done to find out.
        settles: the rows of docs/unknowns.md that its answer settles, such as "S5".
        informs: the add-on works either way, so that a no is nothing wrong.
    """

    name: str
    question: str
    how: str
    settles: tuple[str, ...] = ()
    informs: bool = False


@dataclass(frozen=True)
class Answer:
    """What came of a check.

    Attributes:
        check: the question.
        verdict: yes or no.
        seen: one sentence that shows why: counts, names of fields, times, versions. Safe to send: no content of an
            alert, no name of a host, user, index, tenant or account that the program has not made itself, no secret.
    """

    check: Check
    verdict: Verdict
    seen: str = ""


def yes_if(check: Check, wrong: list[str], *, seen: str = "") -> Answer:
    """Answer yes where nothing is wrong, else no with the first five of what is.

    Args:
        check: the question.
        wrong: what is wrong, a few words each.
        seen: what was seen where nothing is.
    """
    if not wrong:
        return Answer(check, Verdict.YES, seen)
    more = f"; and {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
    return Answer(check, Verdict.NO, "; ".join(wrong[:_MOST_SHOWN]) + more)


_MOST_SHOWN = 5
