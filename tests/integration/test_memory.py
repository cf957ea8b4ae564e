"""Memory is flat: a run over a backlog many times as large takes no more of it."""

from __future__ import annotations

from pathlib import Path

from integration.installation import DAY

from bench.scene import Scene, stage
from bench.subjects import BY_NAME, Records

SIEM = BY_NAME["siem"]


def test_the_peak_of_a_run_does_not_grow_with_its_backlog(built_app: Path, splunk_pythons: dict[str, Path]) -> None:
    with stage(built_app, [("3.9", splunk_pythons["3.9"])]) as (scene,):
        now = scene.cloud.clock.now()
        small, large = (SIEM.make(count, start=now - DAY, end=now) for count in (5_000, 25_000))
        assert large.megabytes > 4 * small.megabytes > 40
        assert _peak(scene, large) < 1.25 * _peak(scene, small)


def _peak(scene: Scene, records: Records) -> float:
    """The megabytes of resident memory that a first run over these records takes."""
    SIEM.publish(scene, records)
    SIEM.add_input(scene, "memory")
    scene.forget()
    return scene.poll(SIEM.source.kind, "memory", len(records.raws)).peak_megabytes
