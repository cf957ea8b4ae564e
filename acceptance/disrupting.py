"""What is done to the container, in the middle of the inputs' work, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from acceptance import making
from acceptance.container import (
    ABOVE_INPUTS,
    KILLS,
    LOG,
    MARK,
    OPENSSL,
    RESTART,
    SPOIL,
    WANTS_CERTIFICATES,
    WRITES_ERRORS,
    Container,
    Kill,
)
from acceptance.notes import change
from acceptance.observed import Spoilt, Stopped
from acceptance.rest import OURS
from acceptance.scene import Input, Shown
from acceptance.session import Session, by, given_up


@dataclass(frozen=True)
class Part:
    """Something that is done, and what of all that is seen comes of it."""

    ask: Callable[[Session, Container], None]
    answers: tuple[str, ...]


def ask(at: Session, parts: Sequence[Part] | None = None) -> None:
    """Ask everything that takes the container; without one it is said that nothing was asked."""
    container = at.options.container
    for part in PARTS if parts is None else parts:
        if container is None:
            at.seen.why |= dict.fromkeys(part.answers, "It takes --disruptive.")
        else:
            at.alone(partial(part.ask, at, container), *part.answers)


def _ask_python(at: Session, container: Container) -> None:
    at.say("starting Splunk's Python")
    version = str(at.splunk.content("services/server/info").get("version") or "")
    # Splunk's command line may have something to say first.
    at.seen.openssl = version, container.run_script(OPENSSL).strip().rpartition("\n")[2]


def _use_default_index(at: Session, _: Container) -> None:
    """Let an input write into the index that it is given as "default"; its events can't be taken back."""
    at.save_input(at.scene.default, "default")
    search = f'index=* source="*:{at.scene.default.name}" | fields index | stats count by index'
    at.say("waiting for events in the default index")
    with given_up():
        at.until(lambda: bool(at.splunk.search(search)), "events there", most=at.options.grace)
    at.seen.default_index = by(at.splunk.search(search), "index")


def _backlog_of(at: Session, this: Input) -> Sequence[Shown]:
    return at.scene.backlog_of(this, at.seen.stopped.shown if at.seen.stopped else ())


def _restart_at_work(at: Session, container: Container) -> None:
    """Look at an input's process, and restart Splunk in the middle of its backlog."""
    this = at.scene.restarted

    def act() -> None:
        at.seen.above_inputs = container.run_script(ABOVE_INPUTS).splitlines()
        at.restart()

    at.seen.restarted = at.interrupted(this, _backlog_of(at, this), act, lambda: None)


def _kill(at: Session, container: Container) -> None:
    """Kill one thing after the other in the middle of a backlog."""
    killed: dict[str, Stopped] = {}
    at.seen.killed = killed
    for number, kill in enumerate(KILLS):
        killed[kill.name] = _killed(at, container, at.scene.killed(number), kill)


def _killed(at: Session, container: Container, this: Input, kill: Kill) -> Stopped:
    def act() -> None:
        at.say(f"killing {kill.what}")
        container.run_script(kill.script, user="root")

    def go_on() -> None:
        if kill.restarts:
            with given_up():
                at.until(lambda: bool(at.outcomes(this)), "a run to end without it", most=at.options.grace)
            at.restart()

    return at.interrupted(this, _backlog_of(at, this), act, go_on)


def _spoil(at: Session, container: Container) -> None:
    """Spoil the secret of an account, and let a handler write to standard error; ask after a restart."""
    this = at.scene.spoilt
    at.save("another account", making.account_step(at.scene, this.account))
    at.save_input(this)
    at.say("spoiling its secret")
    container.run_script(SPOIL, this.account)
    change(container, WRITES_ERRORS, at.notes)
    try:
        at.restart()
        at.splunk.get(f"{OURS}/defender_alerts_status")
        with given_up():
            at.until(lambda: bool(at.lines(f'"{MARK}"')), "what a handler writes", most=at.options.grace)
        at.seen.handler_errors = at.lines(f'"{MARK}"')
    finally:
        container.undo(WRITES_ERRORS)
    found = at.splunk.get(f"{OURS}/storage/passwords", count="0")["entry"]
    ours = [one["content"] for one in found if str(one["content"].get("username", "")).startswith(f"{this.account}``")]
    log = f'index=_internal source="*{this.log}" "can\'t decrypt"'
    with given_up():
        at.until(lambda: bool(at.splunk.search(log)), "the input to complain", most=at.options.grace)
    at.seen.spoilt = Spoilt(sorted({given_for(one) for one in ours}), bool(at.splunk.search(log)))


def given_for(content: Mapping[str, Any]) -> str:
    """What splunkd gives for the clear text of a secret that it can't decrypt."""
    clear = content.get("clear_password")
    if clear is None:
        return "no text"
    if clear in {"", content.get("encr_password")}:
        return "the encrypted text" if clear else "an empty text"
    try:
        json.loads(clear)
    except ValueError:
        return "a text that is not JSON"
    return "JSON"


def _want_certificates(at: Session, container: Container) -> None:
    """Let splunkd demand client certificates. It refuses this program as well: the log is read in the container."""
    log = at.scene.graph.log
    at.say("letting splunkd demand client certificates")
    change(container, WANTS_CERTIFICATES, at.notes)
    try:
        container.run_script(RESTART)
        with given_up():
            at.until(lambda: _NAMES_IT in container.run_script(LOG, log), "an input to say so", most=at.options.grace)
        at.seen.wants_certificates = _NAMES_IT in container.run_script(LOG, log)
    finally:
        at.say("letting it demand none")
        container.undo(WANTS_CERTIFICATES)
        at.log_in_again()


_NAMES_IT = "requireClientCert"
PARTS = (
    Part(_ask_python, ("openssl",)),
    Part(_use_default_index, ("default_index",)),
    Part(_restart_at_work, ("restarted", "above_inputs")),
    Part(_kill, ("killed",)),
    Part(_spoil, ("spoilt", "handler_errors")),
    Part(_want_certificates, ("wants_certificates",)),
)
"""In their order: what keeps everybody from logging in comes last."""
