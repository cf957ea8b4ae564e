"""A SPLUNK_HOME in a temporary directory: what an installation brings, the app, the files a run leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import quote, quote_plus

from standins.splunkd.https import write_certificate

_SITE = Path(__file__).parent / "python"

_SYSTEM_DEFAULTS = {
    "server": ("[general]\nserverName = standin\n[sslConfig]\nenableSplunkdSSL = true\n[kvstore]\ndisabled = false\n"),
    "web": "[settings]\nmgmtHostPort = 127.0.0.1:8089\nstartwebserver = 1\n",
    # inputs.conf.spec: host is decided at start, index "default" is the instance's default index.
    "inputs": "[default]\nhost = $decideOnStartup\nindex = default\n",
    "limits": "[kvstore]\nmax_documents_per_batch_save = 1000\nmax_rows_per_query = 50000\n",
}


class Home:
    """Paths below one SPLUNK_HOME."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.apps = root / "etc" / "apps"
        self.logs = root / "var" / "log" / "splunk"
        self.db = root / "var" / "lib" / "splunk"
        self.certificate = root / "etc" / "auth" / "server.pem"
        self.run_script = root / "bin" / "runScript.py"
        self.run_persistent = root / "bin" / "runPersistent.py"
        self.fork_server = root / "bin" / "forkServer.py"

    def site_packages(self) -> Path:
        """Where Splunk's own Python modules stand."""
        return self.root / "lib" / "python3" / "site-packages"

    def install(self, app: Path) -> None:
        """Lay out the tree, once, and copy the app into it."""
        for directory in (
            self.apps / "search" / "default",
            self.root / "etc" / "system" / "default",
            self.root / "etc" / "system" / "local",
            self.root / "etc" / "auth",
            self.root / "bin",
            self.logs,
            self.db / "modinputs",
            self.db / "kvstore",
        ):
            directory.mkdir(parents=True, exist_ok=True)
        for name, text in _SYSTEM_DEFAULTS.items():
            (self.root / "etc" / "system" / "default" / f"{name}.conf").write_text(text, encoding="utf-8")
        (self.apps / "search" / "default" / "app.conf").write_text("[ui]\nlabel = Search\n", encoding="utf-8")
        if not self.certificate.exists():
            write_certificate(self.certificate)
        compiled = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_SITE / "splunk", self.site_packages() / "splunk", dirs_exist_ok=True, ignore=compiled)
        for script in (self.run_script, self.run_persistent, self.fork_server):
            shutil.copy(_SITE / script.name, script)
        if not (self.apps / app.name).exists():
            shutil.copytree(app, self.apps / app.name, ignore=compiled)

    def clear(self) -> None:
        """Take away what has been written since the installation, but for where splunkd listens."""
        for written in (
            *self.apps.glob("*/local"),
            *self.apps.glob("*/metadata/local.meta"),
            *(self.root / "etc" / "system" / "local").glob("[!w]*"),
            *self.logs.iterdir(),
            *(self.db / "modinputs").iterdir(),
        ):
            if written.is_dir():
                shutil.rmtree(written)
            else:
                written.unlink()

    def tell_port(self, host: str, port: int) -> None:
        """Where splunkd listens, for everything that looks it up in web.conf."""
        local = self.root / "etc" / "system" / "local" / "web.conf"
        local.write_text(f"[settings]\nmgmtHostPort = {host}:{port}\n", encoding="utf-8")

    def read_logs(self) -> dict[str, str]:
        """The text of every file in var/log/splunk, by its name."""
        return {
            path.name: path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.logs.iterdir())
            if path.is_file()
        }

    def files_with(self, secret: str) -> list[str]:
        """Files below SPLUNK_HOME, relative to it, that hold the secret as it is, URL-quoted or JSON-escaped."""
        spellings = {
            text.encode()
            for text in (
                secret,
                quote(secret),
                quote(secret, safe=""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
            )
        }
        return [
            str(path.relative_to(self.root))
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and any(spelling in path.read_bytes() for spelling in spellings)
        ]
