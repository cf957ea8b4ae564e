"""The built add-on on the Python of Splunk 9.3 and 9.4, which is linked with OpenSSL 1.0.2, as far as it can be had."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from integration.installation import APP, DAY, KIND, MINUTE, NARROW, Install, Installation, set_up, texts
from standins import openssl_1_0_2
from standins.key_pairs import KeyPair, rsa_key
from standins.sources import CURRENT, ROLES, Source
from standins.splunkd import WebError


@pytest.fixture(scope="module")
def old_python(splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openssl_1_0_2.program(splunk_pythons["3.9"], tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def set_up_there(install: Install, old_python: Path) -> Installation:
    installation = set_up(install(old_python))
    installation.application.roles = dict(ROLES)
    return installation


@pytest.fixture
def there(set_up_there: Installation) -> Iterator[Installation]:
    yield set_up_there
    set_up_there.cloud.faults.clear()


def test_this_python_has_what_openssl_1_0_2_leaves_it_and_nothing_more(old_python: Path) -> None:
    code = """
import ssl
context = ssl.create_default_context()
context.minimum_version = ssl.TLSVersion.TLSv1_2
names = ["minimum_version", "maximum_version", "post_handshake_auth", "keylog_filename", "num_tickets",
    "hostname_checks_common_name"]
print(ssl.OPENSSL_VERSION_INFO < (1, 1), ssl.HAS_TLSv1_3, [name for name in names if hasattr(context, name)],
    [name for name in names if hasattr(ssl.SSLContext, name)])
"""
    said = subprocess.check_output([old_python, "-c", code], text=True, env={"PYTHONPATH": "/"})
    assert said == "True False [] []\n"


def test_every_script_of_the_built_tree_is_imported(there: Installation, old_python: Path) -> None:
    # As splunkd starts them: UCC's modules look for themselves in __main__, and put lib/ into the search path.
    code = """
import pathlib, runpy, sys
sys.path[0] = sys.argv[1]
for script in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    __file__ = str(script)
    import import_declare_test
    runpy.run_path(__file__, run_name="imported")
    print(script.name)
"""
    folder = there.splunkd.home / "etc" / "apps" / APP / "bin"
    environment = {
        "PYTHONPATH": str(Path(openssl_1_0_2.__file__).parents[1] / "splunkd" / "python"),
        "SPLUNK_HOME": str(there.splunkd.home),
        "PATH": os.environ["PATH"],
    }
    command = [str(old_python), "-c", code, str(folder)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split() == sorted(path.name for path in folder.glob("*.py"))


def test_the_siem_input_collects(there: Installation) -> None:
    alerts = there.alerts(20)
    there.publish("eu", alerts)
    run = there.run(NARROW)
    assert (run.status, run.stderr) == (0, [])
    assert [event.raw for event in run.events] == texts(alerts)


@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_each_input_of_todays_apis_is_added_on_its_page_and_collects(there: Installation, source: Source) -> None:
    name = f"old_{source.kind}"
    there.save_current_input(source.kind, name, **source.form)
    now = there.cloud.clock.now()
    raws = [source.make(number, now - DAY + number * MINUTE) for number in range(1, 21)]
    source.publish(there.cloud, there.tenant, raws)
    run = there.run(name, kind=source.kind)
    assert (run.status, run.stderr) == (0, [])
    assert [event.raw for event in run.events if not event.sourcetype.endswith("incident:alerts")] == texts(raws)
    listed = there.splunkd.web.get(f"{APP}_{source.kind}/{name}")
    assert listed["entry"][0]["content"]["account"] == "corp"


def test_an_account_with_a_certificate_is_checked_saved_and_collects(there: Installation) -> None:
    pair = KeyPair(rsa_key(), name="own")
    there.application.add_certificate(pair.pem)
    there.save_account(
        "certified", auth_type="certificate", certificate=pair.pem, private_key=pair.key_pem, client_secret=""
    )
    there.save_input("by_certificate", account="certified", regions="eu")
    alerts = there.alerts(3)
    there.publish("eu", alerts)
    run = there.run("by_certificate")
    assert (run.status, run.stderr) == (0, [])
    assert set(texts(alerts)) <= {event.raw for event in run.events}


def test_each_page_refuses_what_is_wrong_with_a_sentence(there: Installation) -> None:
    with pytest.raises(WebError, match="AADSTS7000215"):
        there.save_account("wrong", client_secret="not the value")
    with pytest.raises(WebError, match="Configuration > Network"):
        there.save_network("-----BEGIN CERTIFICATE-----")
    with pytest.raises(WebError, match="start"):
        there.save_input("too_early", start_time="-900d")


def test_status_and_doctor_answer(there: Installation) -> None:
    names = {one["name"] for one in there.splunkd.web.get("defender_alerts_status", "admin")["inputs"]}
    assert NARROW in names
    [report] = there.splunkd.web.get("defender_alerts_doctor", "admin", kind=KIND, input=NARROW)["inputs"]
    assert [check["found"] for check in report["checks"] if check["outcome"] == "failed"] == []


TRY_TLS = """
import json, socket, ssl, sys
sys.path[:0] = [sys.argv[1] + "/bin", sys.argv[1] + "/lib"]
from defender_alerts.microsoft.transport.session import trust
def speaks(context):
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as plain:
            return context.wrap_socket(plain, server_hostname="127.0.0.1").version()
    except (OSError, ssl.SSLError):
        return None
anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
anything.load_verify_locations(cadata=sys.argv[3])
print(json.dumps([speaks(anything), speaks(trust(sys.argv[3]))]))
"""


def _spoken(app: Path, context: ssl.SSLContext, ca_pem: str, *pythons: Path) -> list[list[str | None]]:
    """The versions of TLS that each Python speaks with a server: with OpenSSL's own settings, and with the add-on's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, context, 2 * len(pythons)))
        thread.start()
        arguments = ["-c", TRY_TLS, str(app), str(server.getsockname()[1]), ca_pem]
        environment = {"PYTHONPATH": "/"}
        told = [
            subprocess.run([python, *arguments], check=True, capture_output=True, env=environment) for python in pythons
        ]
        thread.join()
    assert [run.stderr for run in told] == [b""] * len(pythons)
    return [json.loads(run.stdout) for run in told]


def _serve(server: socket.socket, context: ssl.SSLContext, connections: int) -> None:
    for _ in range(connections):
        plain, _address = server.accept()
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            plain.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_1_1_is_refused_although_this_openssl_speaks_it(built_app: Path, old_python: Path) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA).configure_cert(context)
    assert _spoken(built_app, context, authority.cert_pem.bytes().decode(), old_python) == [["TLSv1.1", None]]


def test_an_intermediate_authority_alone_is_enough_on_either_python(
    built_app: Path, old_python: Path, splunk_pythons: dict[str, Path]
) -> None:
    issuing = trustme.CA().create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuing.issue_cert("127.0.0.1").configure_cert(context)
    spoken = _spoken(built_app, context, issuing.cert_pem.bytes().decode(), old_python, *splunk_pythons.values())
    assert [by_ours for _, by_ours in spoken] == ["TLSv1.2", "TLSv1.3", "TLSv1.3"]
