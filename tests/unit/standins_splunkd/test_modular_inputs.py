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


def test_a_scheme_with_a_reserved_argument_is_not_registered(tmp_path: Path, small_app: Path) -> None:
    app = shutil.copytree(small_app, tmp_path / "small_app")
    script = app / "bin/small.py"
    script.write_text(script.read_text().replace('<arg name="what"/>', '<arg name="interval"/>'))

    with pytest.raises(SchemeError, match="interval"), Splunkd(tmp_path / "home", app, Path(sys.executable)):
        pass
