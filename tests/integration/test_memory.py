"""Memory is flat: a run over a backlog many times as large takes no more of it."""

from __future__ import annotations

from pathlib import Path

from bench.memory import drains


def test_the_peak_of_a_run_does_not_grow_with_its_backlog(built_app: Path, splunk_pythons: dict[str, Path]) -> None:
    small, large = drains(built_app, splunk_pythons["3.9"], (5_000, 25_000))
    assert large.megabytes_of_alerts > 4 * small.megabytes_of_alerts > 40
    assert large.peak_megabytes < 1.25 * small.peak_megabytes
