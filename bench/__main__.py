"""`./build.sh bench`: what a run takes, as a table."""

from __future__ import annotations

from bench.memory import drains
from tooling import paths, splunk_pythons

BACKLOGS = (2_500, 10_000, 50_000)


def main() -> None:
    """Measure, and print as it goes."""
    print("Peak memory of a run over a backlog of one region: it should not grow with the backlog.\n")
    print(f"{'Python':>8}  {'alerts':>8}  {'MB of alerts':>12}  {'peak MB':>8}")
    for python in splunk_pythons.SPLUNK_PYTHONS:
        for drain in drains(paths.BUILT_APP, python.program, BACKLOGS):
            size, peak = drain.megabytes_of_alerts, drain.peak_megabytes
            print(f"{python.version:>8}  {drain.alerts:>8,}  {size:>12.1f}  {peak:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
