"""The page about `./build.sh accept`, the compose file and the workflow: what can be checked of them without a Docker or a Splunk."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # PyYAML ships no types

from acceptance import __main__ as program
from acceptance import pages, splunk, tenant
from tooling import paths

PAGE = (paths.ROOT / "docs" / "accept.md").read_text(encoding="utf-8")
FOLDER = paths.ROOT / "acceptance"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
# YAML 1.1 reads the key `on` as true.
WORKFLOW: dict[Any, Any] = yaml.safe_load((FOLDER / "github-workflow.yml").read_text(encoding="utf-8"))
SERVICE: dict[str, Any] = COMPOSE["services"]["splunk"]
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["splunk"]["steps"]
PARSERS = {"--splunk": splunk.parser, "--tenant": tenant.parser}
TERMS = {"SPLUNK_START_ARGS": "--accept-license", "SPLUNK_GENERAL_TERMS": "--accept-sgt-current-at-splunk-com"}


def commands(text: str) -> list[list[str]]:
    """Give the words behind each `./build.sh accept` that is a whole command."""
    lines = re.findall(r"\./build\.sh accept (--(?:[^`\n\\]|\\\n)+)", text)
    split = (re.sub(r"\\\n\s*", " ", line) for line in lines if "..." not in line and "--help" not in line)
    # What a shell puts in is one word here.
    return [shlex.split(re.sub(r"\$\([^)]*\)|\$\w+", "made", line)) for line in split]


def test_each_command_that_the_page_and_the_workflow_give_is_one_that_the_program_takes() -> None:
    from_page, from_workflow = commands(PAGE), [one for step in STEPS for one in commands(step.get("run", ""))]
    assert len(from_page) >= 4
    assert len(from_workflow) == 1
    for words in (*from_page, *from_workflow):
        asked = next(word for word in words if word in program.MODULES)
        PARSERS[asked]().parse_args(words)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z][\w-]*", PAGE))))
def test_each_option_that_the_page_names_exists(option: str) -> None:
    known = {name for parser in PARSERS.values() for action in parser()._actions for name in action.option_strings}
    of_others = {"--detach", "--wait", "--file", "--volumes", *TERMS.values()}
    assert option in known | of_others


def test_the_page_lists_the_questions_as_their_table_has_them() -> None:
    assert pages.accept(PAGE) == PAGE, "run python -m acceptance.pages"
    assert PAGE.count("\n| `graph-alerts-") >= 10
    assert PAGE.count("| `every-version-once` |") == 1


def test_the_page_names_every_variable_of_the_environment() -> None:
    needed = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
    named = {*tenant.ENVIRONMENT.values(), splunk.PASSWORD, splunk.TOKEN, *needed}
    assert [name for name in sorted(named) if name not in PAGE] == []


def test_nobody_s_licence_is_accepted_for_them() -> None:
    for name, value in TERMS.items():
        assert SERVICE["environment"][name].startswith(f"${{{name}:?Read https://")
        assert f"{name}={value}" in PAGE
        assert WORKFLOW["jobs"]["splunk"]["env"][name] == f"${{{{ vars.{name} }}}}"


def test_the_container_is_on_this_machine_alone_and_finds_the_tarball_and_the_stand_in_cloud() -> None:
    assert [port for port in SERVICE["ports"] if not port.startswith("127.0.0.1:")] == []
    assert SERVICE["extra_hosts"] == ["host.docker.internal:host-gateway"]
    ours, theirs, mode = SERVICE["volumes"][0].split(":")
    assert ((FOLDER / ours).resolve(), mode) == (paths.DIST, "ro")
    apps = [words[words.index("--app") + 1] for words in commands(PAGE) if "--app" in words]
    assert apps == [f"{theirs}/{paths.TARBALL.name}"]
    assert f"{theirs}/$(cd dist && ls TA_defender_alerts-*.tar.gz)" in STEPS[-4]["run"]


def test_the_workflow_is_whole_and_not_activated() -> None:
    assert WORKFLOW[True] == {"workflow_dispatch": None}
    assert not (paths.ROOT / ".github").exists()
    assert [step for step in STEPS if ("run" in step) is ("uses" in step)] == []
    programs = {word for step in STEPS for word in re.findall(r"(?<!\S)(?:\./|acceptance/)\S+", step.get("run", ""))}
    assert [name for name in programs if not (paths.ROOT / name).exists()] == []
    kept = next(step["with"]["path"] for step in STEPS if step.get("uses", "").startswith("actions/upload-artifact"))
    assert kept == f"{splunk.REPORT.relative_to(paths.ROOT)}.*"
    assert STEPS[-1]["if"] == "always()"


def test_said_to_be_never_run_where_somebody_looks() -> None:
    for path in (FOLDER / "compose.yaml", FOLDER / "github-workflow.yml"):
        assert "never run" in path.read_text(encoding="utf-8").lower()
    assert re.search(r"\| result \|\n\|(?:---\|)+\n\n", PAGE), "the table is empty until somebody has sent a report"
