"""Splunk's .conf files on disk: reading, layering of default and local, and what REST writes.

Format and layering: Splunk Admin Manual, "Configuration file structure" and "Configuration file
precedence". The reader is our own because addonfactory_splunk_conf_parser_lib drops a line's
continuation backslash and everything behind a ";", both of which splunkd keeps.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

Stanza = dict[str, str]
Stanzas = dict[str, Stanza]

_STANZA = re.compile(r"^\[(?P<name>.*)\]\s*$")


def parse(text: str) -> Stanzas:
    """Stanzas of one file's text. A backslash at a line's end continues the value with a newline."""
    stanzas: Stanzas = {}
    current = stanzas.setdefault("default", {})
    lines = iter(text.splitlines())
    for line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        heading = _STANZA.match(stripped)
        if heading:
            current = stanzas.setdefault(heading["name"], {})
            continue
        key, equals, value = line.partition("=")
        if not equals:
            continue
        parts = [value]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            parts.append(next(lines, ""))
        current[key.strip()] = "\n".join(parts).strip()
    if not stanzas["default"]:
        del stanzas["default"]
    return stanzas


def render(stanzas: Stanzas) -> str:
    """The text of a file that parses to these stanzas."""
    blocks = []
    for name, settings in stanzas.items():
        lines = [f"[{name}]"]
        lines += [f"{key} = {value}".replace("\n", "\\\n") for key, value in settings.items()]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def merged(*layers: Stanzas) -> Stanzas:
    """Layers on top of each other, the weakest first."""
    result: Stanzas = {}
    for layer in layers:
        for name, settings in layer.items():
            result.setdefault(name, {}).update(settings)
    return result


class ConfFiles:
    """All .conf files below one SPLUNK_HOME, seen and written as REST's configs/conf-* does."""

    def __init__(self, home: Path) -> None:
        self._etc = home / "etc"
        self._lock = threading.Lock()

    def apps(self) -> list[str]:
        """Installed apps, by directory name."""
        return sorted(path.name for path in (self._etc / "apps").iterdir() if path.is_dir())

    def directory(self, app: str) -> Path:
        """Where an app's default and local directories stand; "system" is the system's own."""
        return self._etc / "system" if app == "system" else self._etc / "apps" / app

    def _layer(self, app: str, layer: str, conf: str) -> Stanzas:
        path = self.directory(app) / layer / f"{conf}.conf"
        return parse(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def of_app(self, conf: str, app: str) -> Stanzas:
        """What one app itself says, local over default, without the system's layers."""
        with self._lock:
            return merged(self._layer(app, "default", conf), self._layer(app, "local", conf))

    def read(self, conf: str, app: str) -> Stanzas:
        """What holds in an app's context: the system's settings below the app's, [default] in every stanza."""
        if app == "system":
            stanzas = self.of_app(conf, "system")
        else:
            stanzas = merged(self.of_app(conf, "system"), self.of_app(conf, app))
        default = stanzas.get("default", {})
        return {name: {**default, **settings} for name, settings in stanzas.items()}

    def local(self, conf: str, app: str) -> Stanzas:
        """What the app's local file says: what was added or changed here."""
        with self._lock:
            return self._layer(app, "local", conf)

    def is_default(self, conf: str, app: str, stanza: str) -> bool:
        """Whether the stanza ships with the app, so that it can't be removed."""
        with self._lock:
            return stanza in self._layer(app, "default", conf)

    def write(self, conf: str, app: str, stanza: str, settings: Stanza) -> None:
        """Settings laid over a stanza of the app's local file, which is made if need be."""
        with self._lock:
            local = self._layer(app, "local", conf)
            local.setdefault(stanza, {}).update(settings)
            self._store(conf, app, local)

    def remove(self, conf: str, app: str, stanza: str) -> None:
        """The stanza taken out of the app's local file."""
        with self._lock:
            local = self._layer(app, "local", conf)
            local.pop(stanza, None)
            self._store(conf, app, local)

    def _store(self, conf: str, app: str, stanzas: Stanzas) -> None:
        path = self.directory(app) / "local" / f"{conf}.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".conf.new")
        written.write_text(render(stanzas), encoding="utf-8")
        written.replace(path)
