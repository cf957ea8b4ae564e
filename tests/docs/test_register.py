"""The scripts that register an application: linted; run against a strict stand-in of the Azure CLI, or parsed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from defender_alerts.input_kinds import KINDS
from tree_sitter import Language, Node, Parser

from tooling import paths

FOLDER = paths.PACKAGE / "appserver" / "static" / "register"
BASH, POWERSHELL = FOLDER / "azure-cli.sh.txt", FOLDER / "powershell.ps1.txt"
PAGE = paths.ROOT / "docs" / "register.md"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
GRAPH = "00000003-0000-0000-c000-000000000000"
DEFENDER = "the-defender"
APIS = {"Microsoft Graph": GRAPH, "WindowsDefenderATP": DEFENDER}


def _ids(what: str) -> dict[str, dict[str, str]]:
    """Give an id for each permission that a kind of input needs, by API."""
    ids: dict[str, dict[str, str]] = {}
    for access in (kind.access for kind in KINDS.values()):
        for permission in (access.for_persons if what == "scope" else access.roles)[:1]:
            ids.setdefault(APIS[access.service], {})[permission] = f"{what}-of-{permission}"
    return ids


ROLES, SCOPES = _ids("role"), _ids("scope")


AZ = """#!{python}
# The Azure CLI as its help has it (azure-cli, command_modules/role/_help.py): what it does not have, fails.
import json, os, re, sys
OPTIONS = {{
    "cloud set": ["--name"],
    "account show": ["--query"],
    "login": ["--allow-no-subscriptions"],
    "ad sp list": ["--display-name", "--query"],
    "ad sp show": ["--id", "--query"],
    "ad app create": ["--display-name", "--sign-in-audience", "--web-redirect-uris", "--query"],
    "ad sp create": ["--id"],
    "ad app permission add": ["--id", "--api", "--api-permissions"],
    "ad app credential reset": ["--id", "--cert", "--append"],
    "ad app permission admin-consent": ["--id"],
}}
roles, scopes = json.loads(os.environ["AZ_ROLES"]), json.loads(os.environ["AZ_SCOPES"])
words = [word for word in sys.argv[1:]]
command = max((name for name in OPTIONS if " ".join(words).startswith(name)), key=len)
given, rest = {{}}, words[len(command.split()):]
while rest:
    name = rest.pop(0)
    assert name in [*OPTIONS[command], "--output"], (command, name)
    values = []
    while rest and not rest[0].startswith("--"):
        values.append(rest.pop(0))
    given[name] = values
with open(os.environ["AZ_LOG"], "a") as log:
    log.write(json.dumps([command, given]) + "\\n")
query = given.get("--query", [""])[0]
if command == "account show":
    print("the-tenant" if query == "tenantId" else "")
elif command == "ad app create":
    assert query == "appId"
    print("the-application")
elif command == "ad sp list":
    assert given["--display-name"] == ["WindowsDefenderATP"]
    print("the-defender" if "the-defender" in roles else "")
elif command == "ad sp show":
    of, permission = re.fullmatch(r"(appRoles|oauth2PermissionScopes)\\[\\?value=='([A-Za-z.]+)'\\]\\.id \\| \\[0\\]", query).groups()
    print((roles if of == "appRoles" else scopes)[given["--id"][0]].get(permission, ""))
elif command == "ad app credential reset":
    [value] = given["--cert"]
    assert value[0] == "@" and "BEGIN CERTIFICATE" in open(value[1:]).read()
elif command == "ad app permission admin-consent":
    sys.exit(int(os.environ["AZ_CONSENT"]))
"""


class _Azure:
    """A folder with the stand-in, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "az"
        program.write_text(AZ.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
        # Nothing waits in a test.
        (folder / "sleep").write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / "sleep").chmod(0o755)
        self.certificate = folder / "cert.pem"
        self.certificate.write_text(CERTIFICATE, encoding="utf-8")
        self.roles: dict[str, dict[str, str]] = ROLES
        self.consent = 0

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "AZ_LOG": str(self.folder / "log"),
            "AZ_ROLES": json.dumps(self.roles),
            "AZ_SCOPES": json.dumps(SCOPES),
            "AZ_CONSENT": str(self.consent),
        }
        bash = shutil.which("bash")
        assert bash
        return subprocess.run(
            [bash, str(BASH), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def asked(self) -> list[tuple[str, dict[str, list[str]]]]:
        log = self.folder / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [(command, given) for command, given in map(json.loads, lines)]

    def of(self, command: str) -> list[dict[str, list[str]]]:
        return [given for name, given in self.asked() if name == command]


@pytest.fixture
def azure(tmp_path: Path) -> _Azure:
    """Give a stand-in of the Azure CLI."""
    return _Azure(tmp_path)


def test_the_script_makes_the_application_with_permissions_by_name_consent_and_certificate(azure: _Azure) -> None:
    done = azure.run(str(azure.certificate))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Directory (tenant) ID:   the-tenant" in done.stdout
    assert "Application (client) ID: the-application" in done.stdout
    assert azure.of("cloud set") == [{"--name": ["AzureCloud"], "--output": ["none"]}]
    [made] = azure.of("ad app create")
    assert made["--sign-in-audience"] == ["AzureADMyOrg"]
    [added] = azure.of("ad app permission add")
    assert (added["--api"], added["--api-permissions"]) == (
        [GRAPH],
        [f"{role}=Role" for role in ROLES[GRAPH].values()],
    )
    assert len(azure.of("ad app permission admin-consent")) == len(azure.of("ad sp create")) == 1
    assert azure.of("ad app credential reset")[0]["--append"] == []


def test_the_script_serves_the_government_the_endpoint_API_and_many_tenants(azure: _Azure) -> None:
    done = azure.run("--government", "--endpoint", "--multitenant", "--name", "A name", str(azure.certificate))
    assert (done.returncode, done.stderr) == (0, "")
    assert azure.of("cloud set")[0]["--name"] == ["AzureUSGovernment"]
    [made] = azure.of("ad app create")
    assert (made["--display-name"], made["--sign-in-audience"]) == (["A name"], ["AzureADMultipleOrgs"])
    assert azure.of("ad app permission add")[1]["--api-permissions"] == [
        f"{role}=Role" for role in ROLES[DEFENDER].values()
    ]
    assert "https://login.microsoftonline.us/<tenant>/adminconsent?client_id=the-application" in done.stdout


def test_the_script_serves_an_account_that_signs_in_as_a_user(azure: _Azure) -> None:
    done = azure.run("--user", "--endpoint", str(azure.certificate))
    assert (done.returncode, done.stderr) == (0, "")
    assert [made["--web-redirect-uris"] for made in azure.of("ad app create")] == [["http://localhost"]]
    assert [added["--api-permissions"] for added in azure.of("ad app permission add")] == [
        [f"{scope}=Scope" for scope in SCOPES[GRAPH].values()],
        [f"{scope}=Scope" for scope in SCOPES[DEFENDER].values()],
    ]
    assert "Sign in as a user" in done.stdout


def test_a_tenant_that_lacks_a_permission_gets_no_half_made_application(azure: _Azure) -> None:
    azure.roles = {GRAPH: {"SecurityAlert.Read.All": "role-of-alerts"}}
    done = azure.run(str(azure.certificate))
    assert done.returncode != 0
    assert "does not know the permission SecurityIncident.Read.All" in done.stderr
    done = azure.run("--endpoint", str(azure.certificate))
    assert done.returncode != 0
    assert "This tenant has no WindowsDefenderATP." in done.stderr
    assert azure.of("ad app create") == []


def test_consent_is_tried_again_and_its_lack_is_said(azure: _Azure) -> None:
    azure.consent = 1
    done = azure.run(str(azure.certificate))
    assert done.returncode == 1
    assert len(azure.of("ad app permission admin-consent")) == 4
    assert "Grant admin consent." in done.stderr
    assert "Application (client) ID: the-application" in done.stdout


@pytest.mark.parametrize("content", ["-----BEGIN PRIVATE KEY-----\nMIIB\n", None])
def test_a_private_key_or_no_file_at_all_stops_the_script_before_it_asks_anything(
    azure: _Azure, content: str | None
) -> None:
    if content is None:
        azure.certificate.unlink()
    else:
        azure.certificate.write_text(CERTIFICATE + content, encoding="utf-8")
    done = azure.run(str(azure.certificate))
    assert (done.returncode, azure.asked()) == (2, [])
    assert "certificate" in done.stderr


def test_shellcheck_finds_nothing_in_the_script_for_the_azure_cli() -> None:
    def check(script: str) -> list[int]:
        command = [
            str(Path(sys.executable).parent / "shellcheck"),
            "--shell=bash",
            "--severity=style",
            "--format=json",
            "-",
        ]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120)
        return [finding["code"] for finding in json.loads(done.stdout)]

    script = BASH.read_text(encoding="utf-8")
    assert check(script) == []
    # It looks: a name without quotes would be split at its spaces.
    assert check(script.replace('"$name"', "$name")) == [2086]


CMDLETS = {
    # The Microsoft Graph PowerShell SDK's reference, and PowerShell's own: with the parameters that are used of each.
    "Connect-MgGraph": {"-Environment", "-Scopes", "-NoWelcome"},
    "ForEach-Object": set(),
    "Get-Content": {"-Path", "-Raw"},
    "Get-MgContext": set(),
    "Get-MgServicePrincipal": {"-Filter"},
    "Group-Object": {"-Property"},
    "New-MgApplication": {"-DisplayName", "-SignInAudience", "-RequiredResourceAccess", "-KeyCredentials"},
    "New-MgServicePrincipal": {"-AppId"},
    "New-MgServicePrincipalAppRoleAssignment": {"-ServicePrincipalId", "-PrincipalId", "-ResourceId", "-AppRoleId"},
    "Out-Null": set(),
    "Resolve-Path": {"-Path"},
    "Select-Object": {"-First"},
    "Where-Object": set(),
    "Write-Output": set(),
}


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _text(node: Node | None) -> str:
    assert node is not None
    return (node.text or b"").decode()


def _powershell(script: str) -> list[Node]:
    """A script's nodes by a grammar of PowerShell's: its own parser and PSScriptAnalyzer need .NET, and are not run."""
    return list(_nodes(Parser(Language(tree_sitter_powershell.language())).parse(script.encode()).root_node))


def test_the_powershell_script_can_be_parsed_and_calls_what_there_is() -> None:
    script = POWERSHELL.read_text(encoding="utf-8")
    nodes = _powershell(script)
    assert [_text(node) for node in nodes if node.is_error or node.is_missing] == []
    used: dict[str, set[str]] = {}
    for command in (node for node in nodes if node.type == "command"):
        given = {_text(node) for node in _nodes(command) if node.type == "command_parameter"}
        inner = [node for node in _nodes(command) if node.type == "command" and node is not command and node != command]
        given -= {_text(node) for one in inner for node in _nodes(one) if node.type == "command_parameter"}
        used.setdefault(_text(command.child_by_field_name("command_name")), set()).update(given)
    assert used == CMDLETS
    names = [(node, _text(node).lower()) for node in nodes if node.type == "variable"]
    declared = {
        name
        for node, name in names
        if (node.parent and node.parent.type in {"script_parameter", "foreach_statement"}) or _is_assigned(node)
    }
    assert {name for _, name in names} - declared == {"$_", "$true"}


def _is_assigned(node: Node) -> bool:
    """Whether it is all that stands left of an assignment."""
    while node.parent and _text(node.parent) == _text(node):
        node = node.parent
        if node.type == "left_assignment_expression":
            return True
    return False


@pytest.mark.parametrize("script", [BASH, POWERSHELL], ids=lambda path: path.name)
def test_a_script_names_every_permission_and_says_that_nobody_has_run_it(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    least = {kind.access.roles[0] for kind in KINDS.values() if kind.access.roles}
    assert {role for role in least if role in text} == least
    assert "Nobody has run it against a real tenant yet" in text
    # Of ids none but Graph's, which Microsoft documents.
    assert set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)) == {GRAPH}


@pytest.mark.parametrize("script", [BASH, POWERSHELL], ids=lambda path: path.name)
def test_the_page_shows_the_scripts_as_they_are_shipped(script: Path) -> None:
    assert f"\n{script.read_text(encoding='utf-8')}```" in PAGE.read_text(encoding="utf-8")
