"""The steps of a poll: before and after each call to its store, and before each answer of Microsoft's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from standins.polling import PolledInput

ANSWER = "answer"
STORE_CALLS = ("checkpoints_of", "revisions_of", "read", "save", "delete_split_alerts", "delete_older")


class StepsOf:
    """The steps of a run: counts them, and does something before one of them.

    Attributes:
        names: of the steps so far; a call to the store is two.
        at: before which step to do something; the first one is 1.
        then: what to do.
    """

    def __init__(self, polled: PolledInput, shelf: Any) -> None:
        self.names: list[str] = []
        self.at: int | None = None
        self.then: Callable[[], object] = lambda: None
        self.polled = polled
        self._shelf = shelf

    @property
    def count(self) -> int:
        """How many there were so far."""
        return len(self.names)

    def __enter__(self) -> Self:
        self.names = []
        for name in STORE_CALLS:
            setattr(self.polled.store, name, self._watched(name, getattr(type(self.polled.store), name)))
        self._shelf.before_answer = lambda _: self.step(ANSWER)
        return self

    def __exit__(self, *_: object) -> None:
        for name in STORE_CALLS:
            delattr(self.polled.store, name)
        self._shelf.before_answer = None

    def step(self, name: str) -> None:
        """One step more."""
        self.names.append(name)
        if self.count == self.at:
            self.at = None
            self.then()

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self.step(name)
            answer = call(self.polled.store, *arguments)
            self.step(name)
            return answer

        return watched
