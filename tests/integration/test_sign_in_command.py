"""The command with which a person signs in on a host without Splunk Web, at a terminal and by a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.installation import APP, Installation
from standins.microsoft.browser import sign_in

PROGRAM = "defender_alerts_sign_in.py"
PERSON = "anna@contoso.com"
DELEGATED = {"https://graph.microsoft.com": ("SecurityAlert.Read.All", "SecurityIncident.Read.All")}
# More than a terminal hands over as one line.
LONG = "x" * 6_000


@pytest.fixture
def installation(fresh: Installation) -> Iterator[Installation]:
    """Give an installation with an account in which nobody is signed in yet."""
    fresh.application.let_people_sign_in(DELEGATED)
    fresh.tenant.add_person(PERSON)
    fresh.save_account(auth_type="user")
    yield fresh
    run(fresh, "--forget")


def run(installation: Installation, *options: str, stdin: str = "", account: str = "corp") -> tuple[int, str, str]:
    """Run the command with the password, and what more there is, on its standard input."""
    port = installation.splunkd.server_uri.rpartition(":")[2]
    arguments = (account, "--username", "admin", "--port", port, *options)
    done = installation.splunkd.command(PROGRAM, *arguments, stdin=f"changed-already\n{stdin}")
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def page_in(text: str) -> str:
    """The address of Microsoft's page, as it stands in what the command has written."""
    found = re.search(r"^https://\S+", text, re.MULTILINE)
    assert found, text
    return found[0]


class Terminal:
    """The command at a terminal; what it writes is kept."""

    def __init__(self, installation: Installation, python: Path, *options: str) -> None:
        splunkd = installation.splunkd
        program = splunkd.home / "etc" / "apps" / APP / "bin" / PROGRAM
        self._own, its = pty.openpty()
        port = splunkd.server_uri.rpartition(":")[2]
        self._process = subprocess.Popen(
            [str(python), str(program), "corp", "--port", port, *options],
            stdin=its,
            stdout=its,
            stderr=its,
            cwd="/",
            start_new_session=True,
            env={
                "SPLUNK_HOME": str(splunkd.home),
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(splunkd.home / "lib" / "python3" / "site-packages"),
                "SPLUNK_TOKEN": splunkd.session_key(),
            },
        )
        os.close(its)
        self.shown = ""

    def until(self, words: str) -> str:
        """Read until these words have come."""
        while words not in self.shown:
            read = os.read(self._own, 4_096)
            assert read, self.shown
            self.shown += read.decode()
        return self.shown

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        text = f"{line}\r".encode()
        while text:
            text = text[os.write(self._own, text[:512]) :]

    def end(self) -> int:
        """Read to the end; the exit status."""
        try:
            while read := os.read(self._own, 4_096):
                self.shown += read.decode()
        except OSError:
            # Linux says so of a terminal that nobody has open any more.
            pass
        os.close(self._own)
        return self._process.wait()


def test_at_a_terminal_a_person_signs_in_by_an_address_longer_than_its_lines(
    installation: Installation, python: Path
) -> None:
    terminal = Terminal(installation, python)
    shown = terminal.until("here: ")
    assert "http://localhost" in shown
    address = sign_in(installation.cloud, page_in(shown), PERSON)
    terminal.type(address.replace("?", f"?ahead={LONG}&", 1))
    assert terminal.end() == 0, terminal.shown
    assert f"Signed in as {PERSON}." in terminal.shown
    assert "Can feed Defender alerts (Microsoft Graph)" in terminal.shown
    assert PERSON in installation.stored("ta_defender_alerts_account")
    tokens = installation.cloud.entra.sign_ins.refresh_tokens
    assert tokens
    assert not any(token in terminal.shown for token in tokens)
    assert "eyJ" not in terminal.shown

    status, out, err = run(installation, "--forget")
    assert (status, err.count("\n")) == (0, 0), err
    assert "signed out" in out
    assert PERSON not in installation.stored("ta_defender_alerts_account")


def test_what_is_no_address_of_a_sign_in_or_none_at_all_ends_with_2(installation: Installation) -> None:
    status, out, err = run(installation, stdin="nonsense\n")
    assert (status, page_in(out)[:8]) == (2, "https://")
    assert "This is not the address at which a sign-in ends" in err
    assert "Traceback" not in err
    status, _, err = run(installation)
    assert status == 2
    assert "This is not the address at which a sign-in ends" in err
    assert PERSON not in installation.stored("ta_defender_alerts_account")


def test_an_account_that_is_of_no_user_or_not_there_is_said(installation: Installation) -> None:
    installation.save_account("other")
    for account, says in (("other", "does not sign in as a user"), ("nobody", "does not exist")):
        status, out, err = run(installation, account=account)
        assert (status, out) == (2, "")
        assert says in err
