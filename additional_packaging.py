"""What UCC calls, by this file's name, once the add-on's tree stands in the output folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

NOT_SHIPPED = (
    "lib/bin",  # command-line programs of the libraries
    "lib/certifi/tests",
    "lib/solnlib/observability.py",  # needs grpcio and opentelemetry, which are compiled
    "lib/solnlib/_observability_flush.py",
    "**/__pycache__",
)

# UCC's options.restHandlers know handlers of the kind admin_external alone, which can't read what the caller may not.
RESTMAP = """
[script:{endpoint}]
match = /{endpoint}
script = defender_alerts_rest.py
scripttype = persist
handler = defender_alerts_rest.{handler}
requireAuthentication = true
output_modes = json
python.version = python3.9
python.required = 3.9, 3.13
"""
WEB = """
[expose:{endpoint}]
pattern = {endpoint}
methods = {methods}
"""
# The status reads the checkpoints with the system user's session. The others act in the name of the caller alone.
WITH_SYSTEM_SESSION = "passSystemAuth = true\n"
ENDPOINTS = (
    ("defender_alerts_status", "StatusHandler", "POST, GET", WITH_SYSTEM_SESSION),
    ("defender_alerts_doctor", "DoctorHandler", "GET", ""),
    ("defender_alerts_sign_in", "SignInHandler", "POST", ""),
)

_LOOK_AT_THE_PYTHON = "import defender_alerts_python_version\n\ndefender_alerts_python_version.require()\n"
_RUN_ONLY_ONE = "run_only_one = In a search head cluster, run the input on one member alone. (Default: true)"


def cleanup_output_files(output_path: str, app_name: str) -> None:
    """Remove from the built tree what an add-on has no use for.

    Args:
        output_path: the folder UCC builds in.
        app_name: the add-on's folder in it.
    """
    app = Path(output_path) / app_name
    for pattern in NOT_SHIPPED:
        for path in list(app.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    declare_run_only_one(app)
    start_without_a_shell(app)
    name_the_python(app)
    refuse_older_pythons(app)
    declare_endpoints(app)
    check_settings_at_save(app)


def declare_endpoints(app: Path) -> None:
    """Tell splunkd and Splunk Web of the add-on's own endpoints."""
    default = app / "default"
    for endpoint, handler, methods, more in ENDPOINTS:
        with (default / "restmap.conf").open("a", encoding="utf-8") as restmap:
            restmap.write(RESTMAP.format(endpoint=endpoint, handler=handler) + more)
        with (default / "web.conf").open("a", encoding="utf-8") as web:
            web.write(WEB.format(endpoint=endpoint, methods=methods))


def declare_run_only_one(app: Path) -> None:
    """Say in inputs.conf and its spec that one member of a cluster is enough; UCC has no word for it.

    What is known of it: inputs.conf.spec says what it means for modular inputs in a search head cluster, and
    others report that Splunk Cloud honours it only where the spec declares it. Nothing of ours depends on it.

    Raises:
        ValueError: UCC's files are not as they were when this was written.
    """
    conf, spec = app / "default/inputs.conf", app / "README/inputs.conf.spec"
    lines = conf.read_text(encoding="utf-8").splitlines()
    stanzas = [line for line in lines if line.startswith("[")]
    if not stanzas or "python.required" not in spec.read_text(encoding="utf-8"):
        msg = f"{conf} or {spec} is not what UCC used to write"
        raise ValueError(msg)
    declared = [extra for line in lines for extra in ([line, "run_only_one = true"] if line in stanzas else [line])]
    conf.write_text("\n".join(declared) + "\n", encoding="utf-8")
    described = [
        extra
        for line in spec.read_text(encoding="utf-8").splitlines()
        for extra in ([line, _RUN_ONLY_ONE] if line.startswith("[") else [line])
    ]
    spec.write_text("\n".join(described) + "\n", encoding="utf-8")


def start_without_a_shell(app: Path) -> None:
    """Let splunkd start the inputs themselves; UCC has no word for it.

    inputs.conf.spec, start_by_shell: true by default on *nix, "best practice: false". With an old dash as /bin/sh,
    Splunk's signal ends the shell and not the script (splunk/splunk-shuttl issue 76), so the input would not hear that
    it shall stop.
    """
    conf = app / "default/inputs.conf"
    text = conf.read_text(encoding="utf-8")
    conf.write_text(re.sub(r"(?m)^(\[.+\])$", r"\1\nstart_by_shell = false", text), encoding="utf-8")


def name_the_python(app: Path) -> None:
    """Ask for Python 3.9 by its name. UCC writes python3, which means 3.7 in Splunk 9.3 and 9.4 (inputs.conf.spec).

    From Splunk 10.2 on, python.required decides.

    Raises:
        ValueError: UCC's files are not as they were when this was written.
    """
    for name in ("inputs", "restmap"):
        conf = app / f"default/{name}.conf"
        text, count = re.subn(
            r"(?m)^python\.version = python3$", "python.version = python3.9", conf.read_text(encoding="utf-8")
        )
        if not count:
            msg = f"{conf} is not what UCC used to write"
            raise ValueError(msg)
        conf.write_text(text, encoding="utf-8")


def refuse_older_pythons(app: Path) -> None:
    """Let the module that every script imports first begin with the look at the Python.

    Raises:
        ValueError: UCC's files are not as they were when this was written.
    """
    first = app / "bin/import_declare_test.py"
    text = first.read_text(encoding="utf-8")
    if "sys.path = new_paths" not in text or _LOOK_AT_THE_PYTHON in text:
        msg = f"{first} is not what UCC used to write"
        raise ValueError(msg)
    first.write_text(_LOOK_AT_THE_PYTHON + text, encoding="utf-8")


def check_settings_at_save(app: Path) -> None:
    """Put the add-on's own handler behind the tabs without a table; UCC has no word for it.

    Raises:
        ValueError: UCC's file is not as it was when this was written.
    """
    path = app / "bin" / f"{app.name}_rh_settings.py"
    text = path.read_text(encoding="utf-8")
    for ucc, own in (
        (
            "from splunktaucclib.rest_handler.admin_external import AdminExternalHandler",
            "from defender_alerts_rh import SettingsHandler",
        ),
        ("handler=AdminExternalHandler", "handler=SettingsHandler"),
    ):
        if text.count(ucc) != 1:
            msg = f"{path} is not what UCC used to write"
            raise ValueError(msg)
        text = text.replace(ucc, own)
    path.write_text(text, encoding="utf-8")
