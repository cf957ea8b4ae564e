from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from splunklib.binding import HTTPError
from standins.splunkd import SchemeError, Splunkd


@pytest.fixture
def create(connect: Callable[..., Any]) -> Callable[..., Any]:
    def post(**arguments: str) -> Any:
        return connect().post("data/inputs/small", **arguments)

    return post


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "one", "what": "x", "undeclared": "1"}, 'Argument "undeclared" is not supported by this handler.'),
        ({"name": "one"}, "The following required arguments are missing: what."),
        ({"name": "one", "what": "forbidden"}, "what: forbidden"),
    ],
)
def test_an_input_is_refused_by_its_scheme_or_by_its_script(
    splunkd: Splunkd, create: Callable[..., Any], arguments: dict[str, str], text: str
) -> None:
    with pytest.raises(HTTPError, match="400") as refused:
        create(**arguments)

    assert text in str(refused.value)
    assert "small://one" not in splunkd.conf.read("inputs", "small_app")


def test_a_run_gets_splunkds_environment_and_nothing_of_the_tests(
    splunkd: Splunkd, create: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://the.tests.own:1")
    create(name="one", what="a<&b", index="main")

    run = splunkd.run_input("small", "one", env={"REQUESTS_CA_BUNDLE": "/launch.conf"})

    assert (run.status, run.stream_closed, run.stream_error) == (0, True, None)
    assert run.stderr == ["INFO what=a&lt;&amp;b"]
    assert run.command == [sys.executable, str(splunkd.home / "etc/apps/small_app/bin/small.py")]
    assert "HTTPS_PROXY" not in run.environ
    assert (run.environ["REQUESTS_CA_BUNDLE"], run.environ["SPLUNK_HOME"]) == ("/launch.conf", str(splunkd.home))
    [event] = run.events
    assert (event.raw, event.time, event.index, event.host) == ("first", "1.5", "main", "standin")
    assert "what=a&lt;" in splunkd.logs()["splunkd.log"]


@pytest.mark.parametrize("what", ["broken", "unterminated"])
def test_a_broken_stream_is_an_error_of_the_run(splunkd: Splunkd, create: Callable[..., Any], what: str) -> None:
    create(name="one", what=what)

    run = splunkd.run_input("small", "one")

    assert run.status == 0
    assert run.stream_error
    assert [event.raw for event in run.events] == ["first"]


def test_a_scheme_with_a_reserved_argument_is_not_registered(tmp_path: Path, small_app: Path) -> None:
    app = shutil.copytree(small_app, tmp_path / "small_app")
    script = app / "bin/small.py"
    script.write_text(script.read_text().replace('<arg name="what"/>', '<arg name="interval"/>'))

    with pytest.raises(SchemeError, match="interval"), Splunkd(tmp_path / "home", app, Path(sys.executable)):
        pass
