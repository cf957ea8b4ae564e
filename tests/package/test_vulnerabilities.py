"""What is known against the libraries: each row dated, about the version that is shipped, and in the SBOM; and its reasons hold."""

from __future__ import annotations

import ast
import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.impact_analysis import ImpactAnalysisJustification, ImpactAnalysisState

from tooling import paths, sbom, tree, vex

ROWS = vex.rows()
CORE = paths.PACKAGE / "bin" / "defender_alerts"
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
# By these an answer would go through urllib3's own decoders or redirects.
NEVER_USED = {
    "iter_content",
    "iter_lines",
    "read_chunked",
    "drain_conn",
    "stream",
    "connection_from_url",
    "resolve_redirects",
}


@every_row
def test_each_row_has_a_date_a_state_and_a_reason(row: vex.Row) -> None:
    assert re.fullmatch(r"CVE-\d{4}-\d{4,}", row.id)
    assert dt.date(2026, 11, 1) < row.assessed <= dt.datetime.now(dt.timezone.utc).date()
    assert ImpactAnalysisState(row.state) is ImpactAnalysisState.NOT_AFFECTED
    assert ImpactAnalysisJustification(row.justification)
    assert len(row.why) > 60
    assert row.summary.endswith(".")


def test_each_row_is_about_the_version_in_the_lock() -> None:
    assert vex.problems(ROWS, tree.locked_libraries()) == []


def test_a_row_that_outlives_its_version_is_found() -> None:
    locked = {**tree.locked_libraries(), "urllib3": "9.0"}
    assert [problem.partition(" ")[0] for problem in vex.problems(ROWS, locked)] == [
        row.id for row in ROWS if row.library == "urllib3"
    ]
    assert vex.problems([replace(ROWS[0], library="left-pad")], locked)


def test_no_vulnerability_has_two_rows() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_sbom_has_every_row_for_the_library_that_it_lists(built_app: Path, tarball: Path) -> None:
    bill: dict[str, Any] = json.loads(sbom.document(built_app, tarball))
    listed = {part["bom-ref"] for part in bill["components"]}
    known = {one["id"]: one for one in bill["vulnerabilities"]}
    assert known.keys() == {row.id for row in ROWS}
    for row in ROWS:
        analysis = known[row.id]["analysis"]
        assert (analysis["state"], analysis["justification"]) == (row.state, row.justification)
        assert (analysis["detail"], analysis["lastUpdated"][:10]) == (row.why, row.assessed.isoformat())
        assert [target["ref"] in listed for target in known[row.id]["affects"]] == [True]


def test_the_documents_name_every_row() -> None:
    text = (paths.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert set(re.findall(r"CVE-\d{4}-\d{4,}", text)) == {row.id for row in ROWS}


# The reasons.


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def test_no_answer_goes_through_the_decoders_or_the_redirects_of_the_libraries() -> None:
    used = {
        (path.name, node.attr)
        for path in CORE.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in NEVER_USED
    }
    assert used == set()


def test_every_call_refuses_redirects() -> None:
    calls = [
        {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        for path in CORE.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        if re.search(r"session\.(?:request|head|get|post|put|send)$", ast.unparse(node.func))
    ]
    assert len(calls) >= 2
    assert {call.get("allow_redirects") for call in calls} == {"False"}


def test_one_tls_context_verifies_proxy_and_destination() -> None:
    text = (CORE / "microsoft" / "transport" / "session.py").read_text(encoding="utf-8")
    assert set(re.findall(r'kwargs\["(\w*ssl_context)"\] = (\S+)', text)) == {
        ("ssl_context", "self._context"),
        ("proxy_ssl_context", "self._context"),
    }
