"""`defender_alerts_doctor.py --self`: says what keeps the add-on from starting, and needs none of it for that."""

from __future__ import annotations

import ast
import datetime as dt
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from integration.doctor import PASSWORD, Visit
from integration.installation import APP, NARROW, Installation
from package.test_older_pythons import STARTS
from standins import openssl_1_0_2
from standins.splunkd import KVStoreState

from tooling import paths

SITE = paths.ROOT / "tests" / "standins" / "splunkd" / "python"
CORE = paths.PACKAGE / "bin" / "defender_alerts"
# What it consists of: the core's modules that it imports, and its own.
MODULES = (
    *sorted((CORE / "splunk" / "installation").glob("*.py")),
    CORE / "__init__.py",
    CORE / "diagnostics" / "__init__.py",
    CORE / "diagnostics" / "report.py",
    CORE / "errors.py",
    CORE / "splunk" / "__init__.py",
    CORE / "splunk" / "cli" / "__init__.py",
    CORE / "splunk" / "cli" / "shell.py",
)
NEEDS_URLLIB3 = {
    "TA_defender_alerts_rh_account.py",
    "TA_defender_alerts_rh_defender_graph_alerts.py",
    "defender_alerts_audit.py",
    "defender_alerts_doctor.py",
    "defender_alerts_rest.py",
    "defender_graph_alerts.py",
    "defender_siem_alerts.py",
}
NEEDS_NO_LIBRARY = "defender_alerts_input_helper.py"


class Look(Visit):
    """What it has said, and how it ended."""

    def lines(self, check: str) -> dict[str, dict[str, str]]:
        """The lines of a check by subject."""
        return {line["subject"]: line for line in self.report["checks"] if line["check"] == check}

    def failed(self, check: str) -> dict[str, dict[str, str]]:
        return {subject: line for subject, line in self.lines(check).items() if line["outcome"] == "failed"}


def look(
    app: Path,
    start: tuple[str, ...],
    *options: str,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
    password: str = PASSWORD,
    site: str = str(SITE),
) -> Look:
    """Start it as `splunk cmd python3.9` does."""
    done = subprocess.run(
        [*start, str(app / "bin" / "defender_alerts_doctor.py"), "--self", *options],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={
            "SPLUNK_HOME": str(home or app.parent.parent.parent),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": site,
            **(environment or {}),
        },
    )
    return Look(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def compiled(built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what of the built tree is looked at, as it is once Splunk has run all of it: compiled."""
    left_out = shutil.ignore_patterns("__pycache__", "appserver", "static", "LICENSES")
    app = shutil.copytree(built_app, tmp_path_factory.mktemp("compiled") / built_app.name, ignore=left_out)
    for python in splunk_pythons.values():
        subprocess.run([python, "-m", "compileall", "-q", app / "bin", app / "lib"], check=True)
    return app


@pytest.fixture
def copy(compiled: Path, tmp_path: Path) -> Path:
    """Give a copy of the built tree to break, in a Splunk that has logged nothing yet."""
    (tmp_path / "var" / "log" / "splunk").mkdir(parents=True)
    return shutil.copytree(compiled, tmp_path / "etc" / "apps" / compiled.name)


@pytest.fixture
def small(copy: Path) -> Path:
    """Give a copy with one kind of input and nothing else to start, where what is looked at is something else."""
    kept = {"import_declare_test", "defender_alerts_python_version", "defender_alerts_doctor", "defender_graph_alerts"}
    for path in copy.glob("bin/*.py"):
        if path.stem not in {*kept, "defender_alerts_input_helper"}:
            path.unlink()
    inputs = copy / "default" / "inputs.conf"
    inputs.write_text(inputs.read_text(encoding="utf-8").partition("\n[defender_incidents]")[0], encoding="utf-8")
    return copy


@pytest.fixture
def start(python: Path) -> tuple[str, ...]:
    """Give the older of Splunk's Pythons, where one is enough."""
    return (str(python),)


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Whole.


def test_an_installation_in_order_is_told_so(copy: Path, splunk_python: Path) -> None:
    done = look(copy, (str(splunk_python),), "--json")
    assert (done.status, done.err) == (0, ""), done.out
    assert done.report["healthy"]
    assert done.report["notice"].startswith("Safe to send to support")
    (entries,) = done.lines("entry").values()
    scripts = {path.name for path in copy.glob("bin/*.py")}
    named = set(re.findall(r"\w+\.py\b", entries["found"]))
    assert named == scripts - {"import_declare_test.py", "defender_alerts_python_version.py"}
    (libraries,) = done.lines("library").values()
    for folder in copy.glob("lib/*.dist-info"):
        assert folder.name.removesuffix(".dist-info").replace("-", " ") in libraries["found"]
    assert done.lines("splunkd")[""]["outcome"] == "skipped"


def test_it_can_be_read_as_well_and_leaves_what_it_looks_at_as_it_was(small: Path, splunk_python: Path) -> None:
    for compiled in small.rglob("__pycache__"):
        shutil.rmtree(compiled)
    before = files_of(small)
    done = look(small, (str(splunk_python),))
    assert files_of(small) == before
    assert done.status == 0
    assert "The add-on itself\n  Nothing failed.\n\n  ok       Python\n" in done.out


# Broken.


def test_a_broken_library_fails_with_every_entry_that_needs_it_and_no_other(copy: Path, splunk_python: Path) -> None:
    shutil.rmtree(copy / "lib" / "urllib3")
    (copy / "lib" / "urllib3").mkdir()
    (copy / "lib" / "urllib3" / "__init__.py").write_text(
        "raise ImportError(\"urllib3 v2 only supports OpenSSL 1.1.1+, currently the 'ssl' module is OpenSSL 1.0.2\")\n",
        encoding="utf-8",
    )
    done = look(copy, (str(splunk_python),), "--json")
    assert done.status == 1
    entries = done.failed("entry")
    assert entries.keys() >= NEEDS_URLLIB3
    for one in (done.failed("library")[""], *entries.values()):
        assert "ImportError: urllib3 v2 only supports OpenSSL 1.1.1+" in one["found"]
        assert f"Install this version of the add-on again: delete the folder lib/ in {copy}" in one["advice"]
    assert NEEDS_NO_LIBRARY in done.lines("entry")[""]["found"]
    assert done.report["verdict"].endswith("Fix this first: Library.")


def test_it_starts_without_any_library_and_says_that_they_are_missing(copy: Path, start: tuple[str, ...]) -> None:
    requirements = (copy / "lib" / "requirements.txt").read_bytes()
    shutil.rmtree(copy / "lib")
    (copy / "lib").mkdir()
    (copy / "lib" / "requirements.txt").write_bytes(requirements)
    done = look(copy, start, "--json")
    assert (done.status, done.err) == (1, "")
    missing = done.failed("library")
    assert {"urllib3", "requests", "splunk-sdk", "solnlib"} <= missing.keys()
    assert missing["requests"]["found"] == "lib/ holds none; 2.32.5 belongs there."
    assert "No module named" in done.failed("entry")["defender_graph_alerts.py"]["found"]


def test_what_is_broken_costs_only_itself(small: Path, start: tuple[str, ...]) -> None:
    again = "Install this version of the add-on again"
    report = "Report it, with Splunk's version and the operating system."
    ended = "the process ended with -11 without a word"
    broken = {
        "crash.py": ("import os\nos.kill(os.getpid(), 11)\n", ended, report),
        "exit.py": ("raise SystemExit('gone')\n", "It fails: SystemExit: gone", again),
        "cut_short.py": ("def handle(\n", "It fails: SyntaxError: ", again),
    }
    for script, (text, _, _) in broken.items():
        (small / "bin" / script).write_text(text, encoding="utf-8")
    missing = "defender_graph_alerts.py"
    (small / "bin" / missing).unlink()
    told = {script: (found, advice) for script, (_, found, advice) in broken.items()}
    told[missing] = ("It fails: ModuleNotFoundError: No module named 'defender_graph_alerts'", again)
    done = look(small, start, "--json")
    assert done.status == 1
    failed = done.failed("entry")
    assert failed.keys() == told.keys()
    for script, (found, advice) in told.items():
        assert found in failed[script]["found"]
        assert advice in failed[script]["advice"]
    assert not done.failed("library")


def test_a_library_that_another_app_has_put_in_front_is_named(
    small: Path, start: tuple[str, ...], tmp_path: Path
) -> None:
    """Python looks at what is loaded already first: a .pth or sitecustomize of an administrator's can do that."""
    other = tmp_path / "other"
    (other / "idna").mkdir(parents=True)
    (other / "idna" / "__init__.py").write_text("", encoding="utf-8")
    (other / "sitecustomize.py").write_text("import idna\n", encoding="utf-8")
    done = look(small, start, "--json", site=f"{SITE}{os.pathsep}{other}")
    library = done.failed("library")[""]
    assert f"{other / 'idna' / '__init__.py'} takes its place" in library["found"]
    assert library["advice"].startswith("Look for a copy that an administrator or another app has put there")


def test_versions_that_an_upgrade_has_left_beside_each_other_are_named(small: Path, start: tuple[str, ...]) -> None:
    left = small / "lib" / "urllib3-0.9.dist-info"
    left.mkdir()
    (left / "METADATA").write_text("Name: urllib3\nVersion: 0.9\n", encoding="utf-8")
    done = look(small, start, "--json")
    assert done.status == 0
    assert "lib/ holds 0.9 and " in done.lines("library")["urllib3"]["found"]
    assert done.lines("library")["urllib3"]["outcome"] == "warning"


def test_a_python_that_is_not_splunks_is_told_so(small: Path, start: tuple[str, ...]) -> None:
    done = look(small, start, "--json", site="")
    assert "No module named 'splunk'" in done.failed("splunk")[""]["found"]
    assert done.failed("splunk")[""]["advice"].startswith("Start it with Splunk's own Python: ")


@pytest.mark.parametrize("name", STARTS)
def test_on_an_older_python_it_says_which_one_to_use(small: Path, name: str, splunk_pythons: dict[str, Path]) -> None:
    assert splunk_pythons
    done = look(small, STARTS[name], "--json")
    assert (done.status, done.err) == (1, "")
    (python,) = done.failed("python").values()
    assert "needs Python 3.9 or later and was started by Python 3." in python["found"]
    assert python["advice"].startswith("At a shell, start it with splunk cmd python3.9")
    assert done.lines("entry")[""]["found"] == "Not looked at, because python failed."


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(CORE)))
def test_it_can_be_read_by_python_3_7_and_imports_no_library_when_it_starts(module: Path) -> None:
    tree = ast.parse(module.read_bytes(), feature_version=(3, 7))
    named = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    tops = {name.partition(".")[0] for name in named}
    assert not tops & {"requests", "urllib3", "certifi", "msal", "splunklib", "solnlib", "splunktaucclib", "packaging"}


# Files and logs.


def test_files_that_splunks_user_cannot_read_are_named(small: Path, start: tuple[str, ...], tmp_path: Path) -> None:
    closed = [small / "bin" / "defender_graph_alerts.py", small / "default" / "props.conf"]
    if os.geteuid() == 0:
        # To root everything is open: what counts is the user to whom Splunk belongs.
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, 12345, 12345)
        for path in closed:
            os.chown(path, 0, 0)
    for path in closed:
        path.chmod(0o600 if os.geteuid() == 0 else 0)
    try:
        done = look(small, start, "--json")
    finally:
        for path in closed:
            path.chmod(0o644)
    (files,) = done.failed("files").values()
    assert f"can't read bin/defender_graph_alerts.py, default/props.conf in {small}." in files["found"]
    assert f"chown -R that user {small}" in files["advice"]


def test_a_log_folder_that_is_closed_or_missing_is_told(small: Path, start: tuple[str, ...], tmp_path: Path) -> None:
    logs = tmp_path / "var" / "log" / "splunk"
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12345)
        logs.chmod(0o755)
    else:
        logs.chmod(0o555)
    done = look(small, start, "--json")
    assert f"can't write {logs}." in done.failed("logs")[""]["found"]
    assert "without a log, an input does not start" in done.failed("logs")[""]["advice"]
    logs.chmod(0o755)
    logs.rmdir()
    done = look(small, start, "--json")
    assert done.failed("logs")[""]["found"] == f"There is no folder {logs}."


def line(component: str, text: str, *, level: str = "ERROR", ago: dt.timedelta = dt.timedelta(hours=1)) -> str:
    at = (dt.datetime.now(dt.timezone.utc) - ago).strftime("%m-%d-%Y %H:%M:%S.123 +0000")
    return f"{at} {level:5} {component} [4711 {component}] - {text}\n"


def test_splunkd_log_is_searched_for_what_the_add_on_died_of(
    small: Path, start: tuple[str, ...], tmp_path: Path
) -> None:
    script = "/opt/splunk/etc/apps/TA_defender_alerts/bin/defender_graph_alerts.py"
    message = f'message from "/opt/splunk/bin/python3.9 {script}" '
    rest = "From {/opt/splunk/bin/python3.9 /opt/splunk/etc/apps/TA_defender_alerts/bin/defender_alerts_rest.py persistent}: "
    (tmp_path / "var" / "log" / "splunk" / "splunkd.log").write_text(
        line("ExecProcessor", message + "Traceback (most recent call last):")
        + line("ExecProcessor", message + f'  File "{script}", line 1, in <module>')
        + line("ExecProcessor", message + "    import import_declare_test")
        + line("ExecProcessor", message + "ImportError: urllib3 v2 only supports OpenSSL 1.1.1+")
        + line("ExecProcessor", message + "too old", ago=dt.timedelta(hours=30))
        + line("ExecProcessor", 'message from "/opt/splunk/bin/python3.9 /opt/splunk/etc/apps/other/bin/x.py" Error: x')
        + line("ExecProcessor", message + "all is well", level="INFO")
        + line("PersistentScript", rest + "ModuleNotFoundError: No module named 'x'")
        + line(
            "CalcFieldProcessor", "Invalid eval expression for 'EVAL-dest' in stanza [ms:defender:graph:alerts]: bad"
        )
        + line("TcpOutputProc", "defender of nothing"),
        encoding="utf-8",
    )
    done = look(small, start, "--json")
    assert done.status == 0
    said = done.lines("splunkd.log")
    assert {component: one["outcome"] for component, one in said.items()} == dict.fromkeys(
        ("CalcFieldProcessor", "ExecProcessor", "PersistentScript"), "warning"
    )
    assert said["ExecProcessor"]["found"] == (
        "defender_graph_alerts.py: ImportError: urllib3 v2 only supports OpenSSL 1.1.1+"
    )
    assert said["PersistentScript"]["found"] == "defender_alerts_rest.py: ModuleNotFoundError: No module named 'x'"
    assert said["CalcFieldProcessor"]["found"].startswith("Invalid eval expression for 'EVAL-dest'")


# With a login.


def on(installed: Installation, start: tuple[str, ...], *options: str, app: Path | None = None, **how: Any) -> Look:
    """Look at the app that is installed, or at a smaller one in its place."""
    home = installed.splunkd.home
    port = installed.splunkd.server_uri.rpartition(":")[2]
    return look(app or home / "etc" / "apps" / APP, start, "--json", "--port", port, *options, home=home, **how)


def test_with_a_login_splunkd_is_asked_straight_for_all_that_the_pages_need(
    installed: Installation, start: tuple[str, ...]
) -> None:
    known = len(installed.splunkd.journal)
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9")
    done = on(installed, start, "--username", "admin", environment=nowhere)
    assert done.status == 0, done.out
    assert "Splunk " in done.lines("splunkd")[""]["found"]
    assert done.lines("kvstore")[""]["found"] == "The KV store is ready."
    assert {one["outcome"] for one in done.lines("rest").values()} == {"ok"}
    assert done.lines("rest")["accounts, by the add-on's own handler"]["found"] == "splunkd gives it, 1 in all."
    posts = {call.path for call in installed.splunkd.journal[known:] if call.method != "GET"}
    assert posts == {"/services/auth/login"}
    assert PASSWORD not in done.out + done.err


def test_it_works_and_finds_everything_in_order_on_openssl_1_0_2(
    installed: Installation, python: Path, tmp_path: Path
) -> None:
    done = on(installed, (str(openssl_1_0_2.program(python, tmp_path)),), "--username", "admin")
    assert done.status == 0, done.out
    assert done.lines("openssl")[""]["found"].startswith("OpenSSL 1.0.2")


def test_a_session_key_is_taken_from_the_environment_and_never_written(
    installed: Installation, small: Path, start: tuple[str, ...]
) -> None:
    key = installed.splunkd.session_key()
    done = on(installed, start, app=small, environment={"SPLUNK_TOKEN": f"Splunk {key}"})
    assert done.status == 0
    assert key not in done.out


def test_what_splunkd_says_of_the_add_on_s_own_handler_is_passed_on(
    installed: Installation, start: tuple[str, ...]
) -> None:
    handler = installed.splunkd.home / "etc" / "apps" / APP / "bin" / "TA_defender_alerts_rh_account.py"
    whole = handler.read_text(encoding="utf-8")
    handler.write_text("import no_such_thing\n", encoding="utf-8")
    try:
        done = on(installed, start, "--username", "admin")
    finally:
        handler.write_text(whole, encoding="utf-8")
    assert done.status == 1
    assert done.failed("entry").keys() == {"TA_defender_alerts_rh_account.py"}
    (rest,) = done.failed("rest").values()
    assert rest["subject"] == "accounts, by the add-on's own handler"
    assert "HTTP 500" in rest["found"]
    assert "What splunkd.log says below is the reason." in rest["advice"]
    assert any("No module named 'no_such_thing'" in one["found"] for one in done.lines("splunkd.log").values())


def test_a_kv_store_that_is_not_ready_fails(installed: Installation, small: Path, start: tuple[str, ...]) -> None:
    installed.splunkd.kvstore.state = KVStoreState.FAILED
    done = on(installed, start, "--username", "admin", app=small)
    assert done.status == 1
    assert done.failed("kvstore")[""]["found"] == "The KV store is failed."


@pytest.mark.parametrize(("user", "password"), [("admin", "wrong-password"), ("nobody", PASSWORD)])
def test_a_login_that_is_refused_fails_and_costs_only_what_it_takes(
    installed: Installation, small: Path, start: tuple[str, ...], user: str, password: str
) -> None:
    done = on(installed, start, "--username", user, app=small, password=password)
    assert done.status == 1
    assert done.failed("splunkd")[""]["found"].startswith("The login fails (HTTP 401")
    assert password not in done.out
    assert done.lines("entry")[""]["outcome"] == "ok"


def test_a_splunkd_that_does_not_run_fails(installed: Installation, small: Path, start: tuple[str, ...]) -> None:
    with installed.splunkd.unreachable():
        done = on(installed, start, app=small, environment={"SPLUNK_TOKEN": "key"})
    assert "does not answer" in done.failed("splunkd")[""]["found"]


def test_the_last_error_of_each_inputs_own_log_is_told(
    installed: Installation, small: Path, start: tuple[str, ...]
) -> None:
    installed.application.disabled = True
    assert installed.run(NARROW).status == 2
    logged = on(installed, start, app=small).lines("log")
    (name,) = [name for name in logged if name.endswith(f"_{NARROW}.log")]
    assert "Its last error: " in logged[name]["found"]
    assert "AADSTS" in logged[name]["found"]
