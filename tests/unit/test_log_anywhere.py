"""Whatever stands where an input's log should be: what is logged is said somewhere, and the run goes on."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from defender_alerts.splunk.log import InputLog, Redaction
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "ta_defender_alerts_test_input"


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere") / "at all")


def _full(path: Path) -> None:
    path.symlink_to("/dev/full")


def _file(path: Path) -> None:
    path.write_bytes(b"\xff\xfe what was there before")


HAPPENS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "a folder": Path.mkdir,
    "a file": _file,
    "a link to itself": _loop,
    "a link to nowhere": _dangling,
    "a full disk": _full,
}


@given(
    folders=st.lists(st.sampled_from(sorted(HAPPENS)), min_size=3, max_size=3) | st.just(["a folder"] * 3),
    file=st.sampled_from(sorted(HAPPENS)),
    text=st.text(st.characters(exclude_characters="\r\n"), min_size=1),
)
@settings(max_examples=300, deadline=None)
def test_wherever_the_log_leads_each_line_is_said_once_and_nothing_is_raised(
    folders: list[str], file: str, text: str
) -> None:
    with tempfile.TemporaryDirectory() as home, contextlib.redirect_stderr(io.StringIO()) as err:
        path = Path(home)
        for name, what in zip(("var", "log", "splunk", f"{NAME}.log"), (*folders, file), strict=True):
            path /= name
            with contextlib.suppress(OSError):
                HAPPENS[what](path)
        log = InputLog(path.parent, NAME, Redaction())
        log.logger.error("a line of %s and its end", text)
        for handler in log.logger.handlers:
            # As at a process's end: logging.shutdown lets nothing out.
            with contextlib.suppress(OSError):
                handler.close()
        written = ""
        with contextlib.suppress(OSError):
            # A full disk reads as zeros without end.
            written = path.read_text("utf-8", "replace") if path.is_file() else ""
    assert (written + err.getvalue()).count("and its end") == 1
    assert (log.failure is None) or str(log.failure) in err.getvalue()
    if folders == ["a folder"] * 3 and file in {"nothing", "a file"}:
        assert log.failure is None
