"""The sign-in of a person in the password store: few writes, and a whole slot at every moment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from defender_alerts.splunk.refresh_tokens import JITTER, OLD, REALM, StoredRefreshTokens, ends_of_all
from defender_alerts.splunk.rest_client import SplunkdError

DAY = 86_400
START = 1_800_000_000.0
MOST_CHARACTERS = 255


class Killed(BaseException):
    """SIGKILL."""


class PasswordStore:
    """``storage/passwords`` as far as the module uses it: strict, and with a step before each write."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.calls = 0
        self.before_write: Callable[[int], None] = lambda _: None

    def get_with_retries(self, path: str, **query: Any) -> dict[str, Any]:
        assert (path, query) == ("storage/passwords", {"count": 0, "search": f"realm={REALM}"})
        return {
            "entry": [
                {"name": f"{REALM}:{user}:", "content": {"realm": REALM, "username": user, "clear_password": password}}
                for user, password in self.passwords.items()
            ]
        }

    def post(self, *segments: str, **form: str) -> None:
        self.calls += 1
        self.before_write(self.calls)
        assert 0 < len(form["password"]) <= MOST_CHARACTERS
        if "name" in form:
            assert (segments, form["realm"]) == (("storage", "passwords"), REALM)
            if form["name"] in self.passwords:
                raise SplunkdError(409, "exists")
            self.passwords[form["name"]] = form["password"]
            return
        self.passwords[self._known(segments[-1])] = form["password"]

    def delete(self, path: str, **_: str) -> None:
        del self.passwords[self._known(unquote(path.rpartition("/")[2]))]

    def _known(self, name: str) -> str:
        user = name[len(REALM) + 1 : -1]
        if user not in self.passwords:
            raise SplunkdError(404, "not there")
        return user


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def token(number: int) -> str:
    """As long as real ones are, which fill several pieces."""
    return f"1.A{number:06}" + "x" * (900 + number % 300)


@pytest.fixture
def store() -> PasswordStore:
    return PasswordStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tokens(store: PasswordStore, clock: Clock, writer: str = "") -> StoredRefreshTokens:
    return StoredRefreshTokens(store, "corp", writer=writer, now=clock)  # type: ignore[arg-type]


@pytest.fixture
def old(store: PasswordStore, clock: Clock) -> PasswordStore:
    """A store with a sign-in that is due to be written again."""
    tokens(store, clock).replace(token(0))
    clock.now += 2 * DAY
    return store


def test_what_was_stored_is_read_and_gone_when_it_is_forgotten(store: PasswordStore, clock: Clock) -> None:
    assert tokens(store, clock).current() == ""
    tokens(store, clock).replace(token(1))
    assert tokens(store, clock).current() == token(1)
    other = StoredRefreshTokens(store, "corp_2", now=clock)  # type: ignore[arg-type]
    other.replace(token(2))
    assert tokens(store, clock).current() == token(1)
    assert sorted(ends_of_all(store)) == ["corp", "corp_2"]  # type: ignore[arg-type]
    tokens(store, clock).forget()
    assert (tokens(store, clock).current(), other.current()) == ("", token(2))


def test_a_hundred_inputs_in_a_week_write_three_times_a_day_at_most_and_always_leave_a_whole_slot(
    store: PasswordStore, clock: Clock
) -> None:
    tokens(store, clock).replace(token(0))
    inputs = [tokens(store, clock, f"defender_graph_alerts://input_{number}") for number in range(100)]
    written: list[float] = []
    latest = 0

    def hold(_: int) -> None:
        # In the middle of whatever write: somebody else reads.
        assert tokens(store, clock).current()

    store.before_write = hold
    for minute in range(0, 7 * 24 * 60, 30):
        clock.now = START + minute * 60
        # All read before anybody writes, as processes do that start at the same time.
        for one in inputs:
            assert one.current()
        for one in inputs:
            before = store.calls
            latest += 1
            one.renewed(token(latest))
            written += [clock.now] if store.calls > before else []
    for moment in written:
        assert sum(moment <= other < moment + DAY for other in written) <= 3
    # And often enough: never older than a day, its jitter, and a poll.
    assert all(later - earlier <= OLD + JITTER + 1_800 for earlier, later in zip([START, *written], written))


@pytest.mark.parametrize("step", range(1, 7))
def test_a_kill_at_any_step_of_a_write_leaves_the_newer_slot_and_the_next_run_mends_the_other(
    old: PasswordStore, clock: Clock, step: int
) -> None:
    first = tokens(old, clock, "one")
    first.current()
    first.renewed(token(1))
    clock.now += 2 * DAY
    killed = tokens(old, clock, "one")
    assert killed.current() == token(1)
    old.calls = 0

    def kill(call: int) -> None:
        if call == step:
            raise Killed

    old.before_write = kill
    with pytest.raises(Killed):
        killed.renewed(token(2))
    old.before_write = lambda _: None
    following = tokens(old, clock, "two")
    # Before the mark behind the last piece, which stands there already, all of the newer one is there.
    assert following.current() == (token(2) if step == 6 else token(1))
    following.renewed(token(3))
    assert following.current() == (token(2) if step == 6 else token(3))
    newest = tokens(old, clock)
    clock.now += 2 * DAY
    again = tokens(old, clock, "three")
    again.current()
    again.renewed(token(4))
    assert newest.current() == token(4)


@pytest.mark.parametrize("step", range(1, 7))
def test_two_that_write_at_once_leave_one_whole_slot_of_the_right_sign_in(
    old: PasswordStore, clock: Clock, step: int
) -> None:
    one, other = tokens(old, clock, "one"), tokens(old, clock, "other")
    assert one.current() == other.current() == token(0)
    old.calls = 0

    def interleave(call: int) -> None:
        if call == step:
            old.before_write = lambda _: None
            other.renewed(token(2))

    old.before_write = interleave
    one.renewed(token(1))
    assert tokens(old, clock).current() in {token(0), token(1), token(2)}


def test_an_input_never_puts_the_sign_in_of_before_in_place_of_a_new_one(old: PasswordStore, clock: Clock) -> None:
    late = tokens(old, clock, "late")
    late.current()
    tokens(old, clock).replace(token(1))
    clock.now += 2 * DAY
    late.renewed(token(2))
    assert tokens(old, clock).current() == token(1)
    # Not even in the middle of its own write.
    busy = tokens(old, clock, "busy")
    busy.current()
    old.calls = 0

    def sign_in(call: int) -> None:
        if call == 1:
            old.before_write = lambda _: None
            # Done on a host whose clock is behind.
            clock.now -= 60
            tokens(old, clock).replace(token(3))

    old.before_write = sign_in
    busy.renewed(token(4))
    assert tokens(old, clock).current() == token(3)


def test_a_clock_that_was_set_back_does_not_hide_a_new_sign_in(store: PasswordStore, clock: Clock) -> None:
    tokens(store, clock).replace(token(0))
    clock.now -= 400 * DAY
    store.calls = 0

    def kill_behind_the_first_slot(call: int) -> None:
        if call == 7:
            raise Killed

    store.before_write = kill_behind_the_first_slot
    with pytest.raises(Killed):
        tokens(store, clock).replace(token(1))
    assert tokens(store, clock).current() == token(1)


def test_who_only_reads_never_writes(old: PasswordStore, clock: Clock) -> None:
    reader, old.calls = tokens(old, clock), 0
    reader.current()
    reader.renewed(token(1))
    assert old.calls == 0


def test_a_write_that_fails_is_said_and_costs_nothing(
    old: PasswordStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("test_refresh_tokens")
    writer = StoredRefreshTokens(old, "corp", writer="one", log=log, now=clock)  # type: ignore[arg-type]
    writer.current()

    def refuse(_: int) -> None:
        raise SplunkdError(503, "busy")

    old.before_write = refuse
    writer.renewed(token(1))
    assert "account=corp The renewed sign-in could not be stored (busy)." in caplog.text
    assert token(1) not in caplog.text
    assert tokens(old, clock).current() == token(0)
