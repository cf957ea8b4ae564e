"""What is done to the container: each answer is no where it has to be, and a crash in the middle leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd
from standins.splunkd.scheduler import Scheduler

from acceptance.checks import Verdict
from acceptance.container import ABOVE_INPUTS, OPENSSL, SPOIL, WANTS_CERTIFICATES, WRITES_ERRORS, Container
from acceptance.disrupting import PARTS, ask, given_for
from acceptance.judging import CHECKS
from acceptance.notes import Notes, take_back
from acceptance.rest import Splunk
from acceptance.running import Run
from acceptance.scene import Scene
from acceptance.session import Options

Accept = Callable[..., tuple[int, list[str]]]
LeftIn = Callable[[Splunkd], dict[str, Any]]
Docker = Callable[..., Any]
ASKED = {"python39", "spoilt-secret", "errors-of-handlers", "client-certificates"}
"""The checks of the parts that do nothing to a backlog."""
WITHOUT = frozenset({OPENSSL, SPOIL, WRITES_ERRORS.do, WANTS_CERTIFICATES.do, ABOVE_INPUTS})
"""The scripts of which nothing comes where nothing is as assumed."""
OF_BACKLOGS = {"default_index", "restarted", "killed"}


class CrashError(BaseException):
    """The program is gone, as after SIGKILL: nothing of it is carried out any more."""


@contextmanager
def begun(splunkd: Splunkd, container: Container, folder: Path, say: Callable[[str], None]) -> Iterator[Run]:
    """A run that has made everything but a backlog."""
    splunk = Splunk(
        splunkd.server_uri,
        ca=str(splunkd.home / "etc" / "auth" / "server.pem"),
        certificate_name="SplunkServerDefaultCert",
    )
    splunk.log_in("admin", "changed-already")
    options = Options(grace=0.5, pause=0.05, container=container)
    with MicrosoftCloud(listen=("127.0.0.1", 0)) as cloud, Scheduler(splunkd, minute=5.0):
        scene = Scene(cloud, "")
        scene.index = scene.tag
        run = Run(
            splunk, scene, ("127.0.0.1", cloud.proxy.port), notes=Notes(folder / "notes"), options=options, say=say
        )
        run.prepare()
        run.save_input(scene.graph)
        yield run


def ask_the_parts(run: Run) -> None:
    """Ask what does nothing to a backlog."""
    ask(run, [part for part in PARTS if OF_BACKLOGS.isdisjoint(part.answers)])


def test_what_is_not_as_assumed_in_the_container_is_reported(
    splunkd: Splunkd, docker: Docker, left_in: LeftIn, tmp_path: Path
) -> None:
    before, container = left_in(splunkd), Container(docker(splunkd, WITHOUT))
    with begun(splunkd, container, tmp_path, lambda _: None) as run:
        ask_the_parts(run)
        left = take_back(run.notes, run.splunk, container, run.say)
    assert left == []
    assert left_in(splunkd) == before
    verdicts = {asked.check.name: asked.answer(run.seen).verdict for asked in CHECKS}
    assert {name: verdicts[name] for name in ASKED} == dict.fromkeys(ASKED, Verdict.NO)


@pytest.mark.parametrize("line", ["restarting Splunk", "letting it demand none"])
def test_after_a_crash_in_the_middle_of_a_change_clean_up_leaves_nothing(  # noqa: PLR0917 - pytest passes them by name
    splunkd: Splunkd, docker: Docker, accept: Accept, left_in: LeftIn, tmp_path: Path, line: str
) -> None:
    before, gone = left_in(splunkd), list[str]()

    def say(text: str) -> None:
        if text.startswith(line):
            gone.append(text)
            raise CrashError

    def is_there() -> None:
        if gone:
            raise CrashError

    container = Container(docker(splunkd, before=is_there))
    with begun(splunkd, container, tmp_path, say) as run, pytest.raises(CrashError):
        ask_the_parts(run)
    assert left_in(splunkd) != before
    status, lines = accept(splunkd, "--clean-up")
    assert status == 0, lines
    assert left_in(splunkd) == before
    assert not (tmp_path / "notes").exists()
    assert accept(splunkd, "--clean-up")[0] == 0


@pytest.mark.parametrize(
    ("clear", "given"),
    [
        ({}, "no text"),
        ({"clear_password": ""}, "an empty text"),
        ({"clear_password": "$7$x"}, "the encrypted text"),
        ({"clear_password": "\ufffd{"}, "a text that is not JSON"),
        ({"clear_password": '{"client_secret": "x"}'}, "JSON"),
    ],
)
def test_what_splunkd_gives_for_a_secret_is_told_apart_without_a_word_of_it(clear: dict[str, str], given: str) -> None:
    assert given_for({"encr_password": "$7$x", **clear}) == given
