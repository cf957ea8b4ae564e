"""Known vulnerabilities of what the tarball holds of others, and why they don't reach it: the SBOM's VEX."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from cyclonedx.model import XsUri
from cyclonedx.model.impact_analysis import ImpactAnalysisJustification, ImpactAnalysisState
from cyclonedx.model.vulnerability import BomTarget, Vulnerability, VulnerabilityAnalysis, VulnerabilitySource
from packageurl import PackageURL
from packaging.specifiers import SpecifierSet

from tooling import paths, tree

TABLE = paths.TOOLING / "vulnerabilities.toml"
_SOURCE = "https://nvd.nist.gov/vuln/detail/"


@dataclass(frozen=True)
class Row:
    """One vulnerability of one library; the fields are those of the table."""

    id: str
    library: str
    affected: str
    summary: str
    state: str
    justification: str
    why: str
    assessed: date


def rows() -> list[Row]:
    """Give the table."""
    return [Row(**row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["vulnerability"]]


def problems(table: Iterable[Row], locked: dict[str, str]) -> list[str]:
    """Say which rows are not about what is shipped; nothing, if all are.

    Args:
        table: the rows.
        locked: the version of each library, by canonical name.
    """
    found = []
    for row in table:
        version = locked.get(row.library)
        if version is None or not SpecifierSet(row.affected).contains(version):
            found.append(f"{row.id} is about {row.library} {row.affected}, and {version} is shipped")
    return found


def vulnerabilities() -> list[Vulnerability]:
    """Give the table as CycloneDX has it."""
    locked = tree.locked_libraries()
    return [_vulnerability(row, locked[row.library]) for row in rows()]


def _vulnerability(row: Row, version: str) -> Vulnerability:
    assessed = datetime.combine(row.assessed, time(), UTC)
    return Vulnerability(
        bom_ref=row.id,
        id=row.id,
        source=VulnerabilitySource(name="NVD", url=XsUri(_SOURCE + row.id)),
        description=row.summary,
        affects=[BomTarget(ref=PackageURL("pypi", None, row.library, version).to_string())],
        analysis=VulnerabilityAnalysis(
            state=ImpactAnalysisState(row.state),
            justification=ImpactAnalysisJustification(row.justification),
            detail=row.why,
            first_issued=assessed,
            last_updated=assessed,
        ),
    )
