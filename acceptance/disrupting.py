"""What is done to the container, in the middle of the inputs' work, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence

from acceptance.container import KILLS, Container, Kill
from acceptance.observed import Stopped
from acceptance.scene import Input, Shown
from acceptance.session import Session, by, given_up

_TAKES = "It takes --disruptive."


def ask(at: Session) -> None:
    """Ask everything that takes the container; without one it is said that nothing was asked."""
    container = at.options.container
    if container is None:
        at.seen.why |= dict.fromkeys(("restarted", "killed", "default_index"), _TAKES)
        return
    at.alone(lambda: _use_default_index(at), "default_index")
    at.alone(lambda: _restart_at_work(at), "restarted")
    at.alone(lambda: _kill(at, container), "killed")


def _use_default_index(at: Session) -> None:
    """Let an input write into the index that it is given as "default"; its events can't be taken back."""
    at.save_input(at.scene.default, "default")
    search = f'index=* source="*:{at.scene.default.name}" | fields index | stats count by index'
    at.say("waiting for events in the default index")
    with given_up():
        at.until(lambda: bool(at.splunk.search(search)), "events there", most=at.options.grace)
    at.seen.default_index = by(at.splunk.search(search), "index")


def _backlog_of(at: Session, this: Input) -> Sequence[Shown]:
    return at.scene.backlog_of(this, at.seen.stopped.shown if at.seen.stopped else ())


def _restart_at_work(at: Session) -> None:
    """Restart Splunk in the middle of a backlog."""
    this = at.scene.restarted
    at.seen.restarted = at.interrupted(this, _backlog_of(at, this), at.restart, lambda: None)


def _kill(at: Session, container: Container) -> None:
    """Kill one thing after the other in the middle of a backlog."""
    killed: dict[str, Stopped] = {}
    at.seen.killed = killed
    for number, kill in enumerate(KILLS):
        killed[kill.name] = _killed(at, container, at.scene.killed(number), kill)


def _killed(at: Session, container: Container, this: Input, kill: Kill) -> Stopped:
    def act() -> None:
        at.say(f"killing {kill.what}")
        container.run_script(kill.script)

    def go_on() -> None:
        if kill.restarts:
            with given_up():
                at.until(lambda: bool(at.outcomes(this)), "a run to end without it", most=at.options.grace)
            at.restart()

    return at.interrupted(this, _backlog_of(at, this), act, go_on)
