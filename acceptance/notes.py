"""What a run makes in a Splunk: noted in a file here before it is made, and taken back by that file alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from defender_alerts.splunk.names import CHECKPOINTS

from acceptance.container import CHANGES, Change, Container, NoContainerError
from acceptance.rest import OURS, Splunk, SplunkError, element

_INPUTS_OF_DOCUMENTS = ("input", "split_alerts_input")
"""The members of the collection's documents that name an input (checkpoint/checkpoint, split_alerts)."""


class NotesError(Exception):
    """The file can't be used; the sentence says what to do."""


@dataclass(frozen=True)
class Note:
    """One thing that is about to be made, and how it is taken back.

    Attributes:
        what: it is, for people.
        undo: ``delete`` the object at the path, ``post`` the form to it, delete the ``documents`` of inputs, or take a
            change of the ``container`` back.
        path: below the management port; of documents the beginning of the names of the inputs; the name of a change.
        form: what is posted.
    """

    what: str
    undo: str
    path: str
    form: Mapping[str, str] = field(default_factory=dict)


class Notes:
    """The file: its first line says which Splunk, each further one is a note. It is gone once all is taken back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def exist(self) -> bool:
        """Whether a run has left something."""
        return self._path.is_file()

    def begin(self, uri: str) -> None:
        """Begin the file.

        Raises:
            NotesError: a run has left something, or the file can't be written.
        """
        if self.exist:
            raise NotesError(
                f"An earlier run has left things in a Splunk, which stand in {self._path}. Take them back first: the "
                "same command with --clean-up."
            )
        self._add({"splunk": uri})

    def add(self, note: Note) -> None:
        """Note what is about to be made; it is on the disk when this returns.

        Raises:
            NotesError: the file can't be written.
        """
        self._add(asdict(note))

    def read(self) -> tuple[str, list[Note]]:
        """Which Splunk it is, and the notes, the latest first.

        Raises:
            NotesError: it can't be read.
        """
        try:
            # A line that was being written when the machine went down is of something that was not made.
            lines = self._path.read_text(encoding="utf-8").split("\n")[:-1]
            head, *others = [json.loads(line) for line in lines]
            return str(head["splunk"]), [Note(**other) for other in reversed(others)]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise NotesError(f"{self._path} can't be read ({error}).") from error

    def forget(self) -> None:
        """All is taken back."""
        self._path.unlink(missing_ok=True)

    def _add(self, line: Mapping[str, object]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotesError(f"{self._path} can't be written ({error}).") from error


def change(container: Container, this: Change, notes: Notes) -> None:
    """Note a change of the container, then make it; it counts from the next restart on.

    Raises:
        NotesError: it can't be noted, so it is not made.
        NoContainerError: Docker refuses it.
    """
    notes.add(Note(this.what, "container", this.name))
    container.run_script(this.do)


def undo_changes(notes: Notes, container: Container, say: Callable[[str], None]) -> None:
    """Take the changes of the container back, which may keep everybody from logging in.

    Raises:
        NotesError: the notes can't be read.
        NoContainerError: the Splunk is not the container, or Docker refuses.
    """
    uri, noted = notes.read()
    changes = [note for note in noted if note.undo == "container"]
    if changes:
        container.must_be(uri)
    for note in changes:
        say(f"taking back: {note.what}")
        container.undo(CHANGES[note.path])


def take_back(notes: Notes, splunk: Splunk, container: Container, say: Callable[[str], None]) -> list[str]:
    """Take back everything that is noted, the latest first; go on where something can't be.

    Args:
        notes: what is noted.
        splunk: where, with somebody logged in.
        container: that was changed, if a note says so.
        say: tells how far it is.

    Returns:
        What could not be taken back, a sentence each. The notes are gone if there is none.

    Raises:
        NotesError: they can't be read, or are of another Splunk.
    """
    uri, noted = notes.read()
    if uri != splunk.uri:
        raise NotesError(f"The notes are of {uri}, not of {splunk.uri}.")
    left = []
    for note in noted:
        say(f"taking back: {note.what}")
        try:
            if note.undo != "container":
                _UNDO[note.undo](splunk, note)
            elif container.undo(CHANGES[note.path]):
                splunk.log_in_again()
        except (SplunkError, NoContainerError) as error:
            left.append(f"{note.what} is still there: {error}")
    if not left:
        notes.forget()
    return left


def _delete(splunk: Splunk, note: Note) -> None:
    splunk.delete(note.path)


def _post(splunk: Splunk, note: Note) -> None:
    splunk.post(note.path, note.form)


def _documents(splunk: Splunk, note: Note) -> None:
    """Delete what inputs have left in the KV store: their notes of deletion, and what a late process has saved."""
    for document in splunk.documents(CHECKPOINTS, ",".join(("_key", *_INPUTS_OF_DOCUMENTS))):
        if any(str(document.get(name, "")).startswith(note.path) for name in _INPUTS_OF_DOCUMENTS):
            splunk.delete(f"{OURS}/storage/collections/data/{CHECKPOINTS}/{element(document['_key'])}")


_UNDO: Mapping[str, Callable[[Splunk, Note], None]] = {"delete": _delete, "post": _post, "documents": _documents}
