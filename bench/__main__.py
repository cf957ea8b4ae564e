"""`./build.sh bench`: what a poll takes, as a table beside the floor and the yardstick."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import report
from bench.cases import CASES, Context
from bench.figures import Row
from bench.options import Options
from bench.scene import stage
from tooling import paths, splunk_pythons

EXPLANATION = """\
CPU, memory and time of the modular input's process, median of {runs} runs. The floor: a few plain lines that read the
same answers through the same proxy, parse them and write them; the yardstick: `import requests, splunklib.client`; both
with the tarball's own libraries, on the same Python, in the same minutes. First call: from the process's start to its
first request.
"""


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line asks for, and print as it goes."""
    parser = _parser()
    given = parser.parse_args(arguments)
    options = Options(
        runs=given.runs,
        drains=tuple(given.records) or Options.drains,
        million=given.million,
        inputs=given.inputs,
        tenants=given.tenants,
        overlap=given.overlap,
    )
    cases = [case for case in CASES if _is_wanted(case, given.case)]
    if not cases:
        parser.error(f"there is no such case; there are {', '.join(case.name for case in CASES)}")
    pythons = [
        (each.version, each.program) for each in splunk_pythons.SPLUNK_PYTHONS if given.python in (None, each.version)
    ]
    date = dt.datetime.now(dt.timezone.utc).date().isoformat()
    # With --json, only the JSON is on stdout.
    terminal = sys.stderr if given.json else sys.stdout
    print(EXPLANATION.format(runs=options.runs), file=terminal)
    print(report.heading(), file=terminal, flush=True)
    rows = []
    for row in _measured(given.app, pythons, cases, options):
        rows.append(row)
        print(report.line(row), file=terminal, flush=True)
    if given.json:
        print(report.as_json(rows, date))
    if given.document:
        report.document(rows, date)


def _measured(
    app: Path, pythons: Sequence[tuple[str, Path]], cases: Sequence[Context], options: Options
) -> Iterator[Row]:
    for paced in (True, False):
        chosen = [case for case in cases if case.paced is paced]
        if chosen:
            with stage(app, pythons, paced=paced) as scenes:
                for case in chosen:
                    yield from case.measure(scenes, options)


def _is_wanted(case: Context, names: Sequence[str]) -> bool:
    """Whether a case is asked for: by its name, by the beginning of it up to a hyphen, or by no name at all."""
    if not names:
        return not case.asked_for
    return any(case.name == name or case.name.startswith(f"{name}-") for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./build.sh bench", description=__doc__)
    names = ", ".join(case.name for case in CASES)
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help=f"only this one: {names}")
    parser.add_argument("--runs", type=int, default=Options.runs, help="of which the medians are taken")
    parser.add_argument(
        "--records", type=int, action="append", default=[], help="of a drain, instead of the usual ones"
    )
    parser.add_argument("--million", type=int, default=Options.million, help="alerts of the case million")
    parser.add_argument("--inputs", type=int, default=Options.inputs, help="of the case turn")
    parser.add_argument("--tenants", type=int, default=Options.tenants, help="of the case tenants")
    parser.add_argument("--overlap", type=int, default=Options.overlap, help="versions of the case overlap")
    parser.add_argument("--python", choices=[each.version for each in splunk_pythons.SPLUNK_PYTHONS])
    parser.add_argument("--app", type=Path, default=paths.BUILT_APP, help="the built tree")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--document", action="store_true", help="renew docs/performance.md with what was measured")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
