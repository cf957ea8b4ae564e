"""The report of a run: for people, and as JSON. Both are safe to send: see :class:`~acceptance.checks.Answer`."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from acceptance.checks import Answer, Verdict

LAYOUT = 1
"""Of the JSON: raised where a member changes its meaning."""
_WIDTH = 110
_ORDER = (Verdict.NO, Verdict.UNANSWERED, Verdict.NOT_SEEN, Verdict.NOT_ASKED, Verdict.YES)


@dataclass(frozen=True)
class Report:
    """Everything that a run has to say.

    Attributes:
        title: what was asked, such as "Splunk" or "tenant".
        about: facts that tell runs apart, in their order: versions, OpenSSL, platform, when. No names, no addresses.
        answers: one for each check, in the order of the table.
        stopped: why not all was asked, as a sentence; empty where all was.
        settings: the options that change what is asked, such as {"long": "no"}.
    """

    title: str
    about: Mapping[str, str]
    answers: Sequence[Answer]
    stopped: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The exit status: 0 where all that was answered is well, 1 where it is not, 2 where the run stopped."""
        verdicts = self._counts()
        if self.stopped or not (verdicts[Verdict.YES] or verdicts[Verdict.NO]):
            return 2
        wrong = any(answer.verdict is Verdict.NO and not answer.check.informs for answer in self.answers)
        return 1 if wrong or verdicts[Verdict.UNANSWERED] else 0

    def without(self, names: Mapping[str, str]) -> Report:
        """The report with words in place of names that it must not tell; empty names count for nothing.

        Args:
            names: a name, and the word for it.
        """
        found = {name: word for name, word in names.items() if name}

        def clean(text: str) -> str:
            for name in sorted(found, key=len, reverse=True):
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", found[name], text)
            return text

        answers = [replace(answer, seen=clean(answer.seen)) for answer in self.answers]
        return replace(self, answers=answers, stopped=clean(self.stopped))

    def _counts(self) -> Counter[Verdict]:
        return Counter(answer.verdict for answer in self.answers)

    def as_json(self) -> str:
        """The whole report, for a program."""
        value: dict[str, Any] = {
            "layout": LAYOUT,
            "asked": self.title,
            "about": dict(self.about),
            "settings": dict(self.settings),
            "stopped": self.stopped,
            "answers": [
                {
                    "check": answer.check.name,
                    "question": answer.check.question,
                    "verdict": answer.verdict.value,
                    "seen": answer.seen,
                    "settles": list(answer.check.settles),
                }
                for answer in self.answers
            ],
        }
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

    def for_people(self) -> str:
        """The whole report, what is wrong first."""
        lines = [f"Acceptance of {self.title}", ""]
        lines += [f"  {name + ':':24} {value}" for name, value in {**self.about, **self.settings}.items()]
        if self.stopped:
            lines += ["", *textwrap.wrap(f"It stopped: {self.stopped}", _WIDTH)]
        for verdict in _ORDER:
            answers = [answer for answer in self.answers if answer.verdict is verdict]
            if answers:
                lines += ["", f"{verdict.value} ({len(answers)})"]
            for answer in answers:
                rows = f" [{', '.join(answer.check.settles)}]" if answer.check.settles else ""
                rows += " (the add-on works either way)" if answer.check.informs else ""
                lines += _indented(f"{answer.check.question}{rows}", "  ")
                lines += _indented(answer.seen, "      ") if answer.seen else []
        counts = self._counts()
        lines += [
            "",
            ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in _ORDER if counts[verdict]) or "nothing",
        ]
        return "\n".join(lines) + "\n"


def _indented(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
