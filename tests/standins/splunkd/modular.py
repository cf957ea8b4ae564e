"""Modular inputs' kinds: the scheme each script tells at start, and the check of an input that is saved.

Source: Splunk "Modular inputs overview", "Create a modular input script", "Introspection scheme",
"Set up external validation". Which parameter names are reserved is assumed from what UCC leaves out of schemes.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from standins.splunkd.answers import Refusal
from standins.splunkd.children import Children
from standins.splunkd.conf import ConfFiles

RESERVED = frozenset({"interval", "index", "host", "source", "sourcetype", "disabled", "start_by_shell"})
STANDARD = RESERVED | {"name"}
_KIND = re.compile(r"^\[(\w+)://[^\]]*\]", re.MULTILINE)
_SECONDS = 60


class SchemeError(Exception):
    """A script that a real splunkd would not register as a modular input."""


@dataclass(frozen=True)
class Argument:
    """One parameter of a scheme."""

    name: str
    required_on_create: bool
    required_on_edit: bool


@dataclass(frozen=True)
class Scheme:
    """What a script answered to --scheme."""

    kind: str
    app: str
    script: str
    arguments: tuple[Argument, ...]
    external_validation: bool

    def check(self, given: Mapping[str, str], *, create: bool) -> None:
        """Refuse unknown arguments and missing ones, as splunkd does before it asks the script."""
        declared = {argument.name for argument in self.arguments}
        for name in given:
            if name not in declared | STANDARD:
                raise Refusal(400, f'Argument "{name}" is not supported by this handler.')
        missing = [
            argument.name
            for argument in self.arguments
            if (argument.required_on_create if create else argument.required_on_edit) and not given.get(argument.name)
        ]
        if missing:
            raise Refusal(400, f"The following required arguments are missing: {', '.join(missing)}.")


def parameters_xml(parameters: Mapping[str, str], indent: str) -> str:
    """<param> elements."""
    return "".join(
        f"{indent}<param name={quoteattr(name)}>{escape(value)}</param>\n" for name, value in parameters.items()
    )


def metadata_xml(server_uri: str, session_key: str, checkpoint_dir: str) -> str:
    """What stands at the head of <input> and of <items>."""
    return (
        "  <server_host>standin</server_host>\n"
        f"  <server_uri>{escape(server_uri)}</server_uri>\n"
        f"  <session_key>{escape(session_key)}</session_key>\n"
        f"  <checkpoint_dir>{escape(checkpoint_dir)}</checkpoint_dir>\n"
    )


def _flag(scheme: ET.Element, name: str, default: str) -> bool:
    return scheme.findtext(name, default).strip().lower() in {"true", "1"}


def _parse(kind: str, app: str, script: str, output: bytes) -> Scheme:
    try:
        root = ET.fromstring(output)
    except ET.ParseError as error:
        raise SchemeError(f"{kind}: scheme is not XML: {error}") from error
    if root.tag != "scheme" or root.findtext("streaming_mode", "simple").strip().lower() != "xml":
        raise SchemeError(f"{kind}: not a scheme for streaming_mode xml")
    arguments = []
    for element in root.iterfind("endpoint/args/arg"):
        name = element.get("name", "")
        if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or name in RESERVED:
            raise SchemeError(f"{kind}: {name!r} is not allowed as an argument's name")
        arguments.append(
            Argument(name, _flag(element, "required_on_create", "true"), _flag(element, "required_on_edit", "false"))
        )
    if len({argument.name for argument in arguments}) != len(arguments):
        raise SchemeError(f"{kind}: an argument twice")
    return Scheme(
        kind,
        app,
        script,
        tuple(arguments),
        _flag(root, "use_external_validation", "false"),
    )


class ModularInputs:
    """The kinds of modular input of all installed apps."""

    def __init__(self, children: Children, conf: ConfFiles) -> None:
        self._children = children
        self._conf = conf
        self.schemes: dict[str, Scheme] = {}

    def introspect(self) -> None:
        """Run every script that README/inputs.conf.spec announces with --scheme."""
        for app in self._conf.apps():
            spec = self._conf.directory(app) / "README" / "inputs.conf.spec"
            kinds = _KIND.findall(spec.read_text(encoding="utf-8")) if spec.is_file() else []
            for kind in dict.fromkeys(kinds):
                script = self._conf.directory(app) / "bin" / f"{kind}.py"
                if not script.is_file():
                    raise SchemeError(f"{kind}: announced in inputs.conf.spec, but there is no {script.name}")
                self.schemes[kind] = _parse(kind, app, str(script), self._run(str(script), "--scheme", ""))

    def _run(self, script: str, flag: str, stdin: str) -> bytes:
        command = [str(self._children.python), script, flag]
        done = self._children.run(command[1:], stdin.encode(), _SECONDS)
        for line in done.stderr.decode(errors="replace").splitlines():
            self._children.log_stderr(command, line)
        if flag == "--scheme" and done.returncode:
            text = done.stderr.decode(errors="replace")
            raise SchemeError(f"{script} --scheme ended with {done.returncode}: {text}")
        if done.returncode:
            raise Refusal(400, _validation_message(done.stdout, script))
        return done.stdout

    def scheme(self, kind: str) -> Scheme:
        """The scheme of a kind; 404 where there is none."""
        if kind not in self.schemes:
            raise Refusal(404, f"Not Found: data/inputs/{kind}")
        return self.schemes[kind]

    def checkpoint_dir(self, kind: str) -> str:
        """$SPLUNK_DB/modinputs/<kind>, made if need be."""
        path = self._children.home.db / "modinputs" / kind
        path.mkdir(parents=True, exist_ok=True)
        return str(path)

    def validate(
        self, scheme: Scheme, name: str, parameters: Mapping[str, str], server_uri: str, session_key: str
    ) -> None:
        """--validate-arguments with <items> on stdin; its <error><message> becomes a 400."""
        if not scheme.external_validation:
            return
        items = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<items>\n'
            + metadata_xml(server_uri, session_key, self.checkpoint_dir(scheme.kind))
            + f"  <item name={quoteattr(name)}>\n{parameters_xml(parameters, '    ')}  </item>\n</items>\n"
        )
        self._run(scheme.script, "--validate-arguments", items)


def _validation_message(stdout: bytes, script: str) -> str:
    try:
        message = ET.fromstring(stdout).findtext("message")
    except ET.ParseError:
        message = None
    return message or f"Argument validation failed: script running failed ({script})."
