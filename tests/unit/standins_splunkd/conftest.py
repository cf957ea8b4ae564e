"""A small app of its own, so that the stand-in is tested without the add-on's build."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from splunklib import client
from standins.splunkd import Splunkd

SCRIPT = '''
import sys
if sys.argv[1:] == ["--scheme"]:
    print("""<scheme><title>t</title><use_external_validation>true</use_external_validation>
    <use_single_instance>false</use_single_instance><streaming_mode>xml</streaming_mode><endpoint><args>
    <arg name="name"/><arg name="what"/></args></endpoint></scheme>""")
elif sys.argv[1:] == ["--validate-arguments"]:
    if "forbidden" in sys.stdin.read():
        print("<error><message>what: forbidden</message></error>")
        sys.exit(1)
'''

FILES = {
    "default/app.conf": "[launcher]\nversion = 1.0.0\n",
    "default/inputs.conf": "[small]\ninterval = 60\n",
    "default/collections.conf": "[places]\nenforceTypes = true\nfield.count = number\n[loose]\nfield.count = number\n",
    "default/web.conf": "[expose:one]\npattern = configs/conf-small/*\nmethods = GET\n",
    "default/small.conf": "[shipped]\nx = 1\n",
    "metadata/default.meta": "[]\naccess = read : [ * ], write : [ admin ]\n",
    "README/inputs.conf.spec": "[small://<name>]\nwhat = <string>\n",
    "bin/small.py": SCRIPT,
}


@pytest.fixture(scope="session")
def small_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "small_app"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def splunkd(tmp_path: Path, small_app: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "splunk", small_app, Path(sys.executable)) as running:
        yield running


@pytest.fixture
def connect(splunkd: Splunkd) -> Callable[..., client.Service]:
    """Give what connects Splunk's own SDK to the stand-in."""

    def service(user: str = "admin", owner: str = "nobody", key: str | None = None) -> client.Service:
        address = urlsplit(splunkd.server_uri)
        token = key or splunkd.session_key(user)
        return client.Service(host=address.hostname, port=address.port, token=token, owner=owner, app="small_app")

    return service
