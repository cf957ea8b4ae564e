"""A question to a Splunk, and what answers it: a pure function of what was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from acceptance.checks import Answer, Check, Verdict, yes_if
from acceptance.observed import Seen

Judge = Callable[[Seen], tuple[list[str], str]]
"""Answers a question by what is wrong, a few words each, and by what was seen where nothing is."""


@dataclass(frozen=True)
class Asked:
    """A check of a Splunk.

    Attributes:
        check: the question.
        needs: the attributes of what was seen without which it can't be answered.
        judge: answers it.
    """

    check: Check
    needs: tuple[str, ...]
    judge: Judge

    def answer(self, seen: Seen) -> Answer:
        """Answer the question, or say why it was not asked."""
        for name in self.needs:
            if name in seen.failed:
                return Answer(self.check, Verdict.UNANSWERED, seen.failed[name])
            if getattr(seen, name) is None:
                why = seen.why.get(name, "The run ended before.")
                return Answer(self.check, Verdict.NOT_ASKED, why)
        wrong, good = self.judge(seen)
        return yes_if(self.check, wrong, seen=good)


def there(thing: Any) -> Any:
    """What `Asked.needs` has made sure of."""
    return thing
