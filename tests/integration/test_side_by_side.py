"""What threads of one process import at the same moment is there whole for each of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from standins.key_pairs import KeyPair

# Python 3.9 shows a thread what another has imported by half rather than let both wait for each other.
CHECKS = """
import json, sys, threading
from types import SimpleNamespace

folder, rounds = sys.argv[1], int(sys.argv[2])
sys.path[:0] = [folder + "/bin", folder + "/lib"]
sys.setswitchinterval(1e-6)
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import read_account
from defender_alerts.microsoft.tokens import TokenSource

account = read_account("corp", *json.load(sys.stdin))
caller = SimpleNamespace(clock=SimpleNamespace(now=lambda: 0))
failed = []

def ask(gate):
    source = TokenSource(account, clouds.cloud("commercial"), caller, callers=None)
    gate.wait()
    try:
        source.reject("a token")
    except BaseException as error:
        failed.append(repr(error))

for _ in range(rounds):
    for name in [one for one in sys.modules if one.startswith("defender_alerts.microsoft.client_certificate")]:
        del sys.modules[name]
    gate = threading.Barrier(4)
    threads = [threading.Thread(target=ask, args=(gate,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(json.dumps(failed))
"""


def test_tokens_for_several_audiences_are_asked_for_with_a_certificate_at_the_same_moment(
    built_app: Path, splunk_python: Path
) -> None:
    pair, guid = KeyPair(), "11111111-2222-3333-4444-555555555555"
    settings = {
        "cloud": "commercial",
        "tenant_id": guid,
        "client_id": guid,
        "auth_type": "certificate",
        "certificate": pair.pem,
    }
    run = subprocess.run(
        [splunk_python, "-c", CHECKS, str(built_app), "5"],
        check=False,
        capture_output=True,
        text=True,
        input=json.dumps([settings, {"private_key": pair.key_pem}]),
        env={"PYTHONPATH": "/"},
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout) == []
