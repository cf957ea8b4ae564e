"""The modular input, started the way splunkd starts it when it introduces itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from package.test_configuration import INPUTS

# Splunk gives these to every input; a scheme that declares one is refused or shadows Splunk's own.
RESERVED = {"index", "interval", "host", "source", "sourcetype", "disabled", "persistentQueueSize", "queueSize"}


@pytest.fixture(params=INPUTS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of input."""
    return str(request.param)


@pytest.fixture
def scheme(built_app: Path, splunk_python: Path, tmp_path: Path, kind: str) -> ET.Element:
    """Give what the input prints for --scheme."""
    app = shutil.copytree(
        built_app, tmp_path / "etc" / "apps" / built_app.name, ignore=shutil.ignore_patterns("appserver")
    )
    command = [str(splunk_python), str(app / "bin" / f"{kind}.py"), "--scheme"]
    # No variable of this machine's reaches a script of Splunk's.
    environment = {"SPLUNK_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return ET.fromstring(done.stdout)


def test_it_introduces_itself(scheme: ET.Element, kind: str) -> None:
    assert scheme.tag == "scheme"
    assert scheme.findtext("title") == kind
    deprecated = "deprecated by Microsoft" in (scheme.findtext("description") or "")
    assert deprecated == (kind == "defender_siem_alerts")
    assert scheme.findtext("streaming_mode") == "xml"
    assert scheme.findtext("use_external_validation") == "true"
    assert scheme.findtext("use_single_instance") == "false"


def test_it_declares_the_fields_of_the_page_and_none_of_splunks(scheme: ET.Element, kind: str) -> None:
    arguments = {argument.get("name") for argument in scheme.iterfind("endpoint/args/arg")}
    assert arguments == INPUTS[kind].keys() - RESERVED
