"""The measurements work, tried small on one Python. How long anything takes is not looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import backlog, chart, report
from bench.__main__ import main
from bench.cases import CASES
from bench.figures import Figures, Row, Sample, medians
from bench.options import Options
from bench.scene import Scene, stage

SMALL = Options(runs=1, drains=(60,), region=5, overlap=40, inputs=4, tenants=3, million=300)
ROW = Row(
    "million",
    "backlog of 300",
    "3.9",
    1,
    Figures(0.5, 40.0, 1.0, 3, 8, 0.25),
    Figures(0.4, 80.0, 0.5, 2),
    Figures(0.1, 20.0, 0.1),
    records=300,
    ratios=(("ms of CPU per alert", 1.5),),
    samples=tuple(Sample(30 * number, 0.05 * number, 40.0) for number in range(11)),
)


@pytest.fixture(scope="module")
def scenes(built_app: Path, splunk_pythons: dict[str, Path]) -> Iterator[list[Scene]]:
    with stage(built_app, [("3.9", splunk_pythons["3.9"])], paced=False) as ready:
        yield ready


@pytest.mark.parametrize("name", ["poll-siem", "drain-endpoint", "drain-split"])
def test_a_case_measures_the_add_on_beside_the_floor(scenes: Sequence[Scene], name: str) -> None:
    (case,) = (case for case in CASES if case.name == name)
    (row,) = case.measure(scenes, SMALL)
    assert row.floor is not None
    for figures in (row.ours, row.floor):
        assert 0 < figures.cpu_seconds < 60
        # More than a bare Python, and far less than the stand-ins' process: the launcher keeps that out.
        assert 10 < figures.peak_megabytes < 100
        assert figures.microsoft_calls >= 2
    assert row.ours.splunkd_calls > 0
    assert 0 < row.ours.first_request_seconds < row.ours.wall_seconds


def test_many_tenants_of_one_account_are_polled_in_turn(scenes: Sequence[Scene]) -> None:
    (case,) = (case for case in CASES if case.name == "tenants")
    (row,) = case.measure(scenes, SMALL)
    assert row.title.startswith("3 inputs of as many tenants with one account")
    collected = {document["tenant"] for document in scenes[0].installation.checkpoints()}
    assert len(collected) == 3
    # A token and the alerts: no call more than one tenant alone takes.
    assert row.ours.microsoft_calls == 2


def test_a_long_backlog_is_made_as_it_is_asked_for_and_sampled_on_the_way(
    scenes: Sequence[Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "SMALL", 100)
    small, large = backlog.measure(scenes, SMALL)
    assert (small.records, large.records) == (100, 300)
    assert [sample.delivered for sample in large.samples] == sorted(sample.delivered for sample in large.samples)
    assert dict(large.ratios).keys() == {
        "ms of CPU per alert",
        "CPU per alert / at 100",
        "peak memory / at 100",
    }


def test_a_median_is_each_figures_own() -> None:
    several = [Figures(1.0, 30.0, 5.0, 2), Figures(3.0, 10.0, 4.0, 2), Figures(2.0, 20.0, 9.0, 4)]
    assert medians(several) == Figures(2.0, 20.0, 5.0, 2)


def test_the_page_keeps_its_own_text_and_the_cases_that_were_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in (("PAGE", "page.md"), ("CHART", "chart.svg")):
        monkeypatch.setattr(report, name, tmp_path / file)
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{report.BEGINNING}\nold\n{report.END}\n\n## Where the time goes\n", encoding="utf-8")
    other = Row("poll-siem", "a quiet poll", "3.9", 5, Figures(0.2, 30.0, 0.3))
    report.document([ROW, other], "2026-01-01")
    report.document([ROW], "2026-01-02")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before.")
    assert text.endswith("## Where the time goes\n")
    assert "old" not in text
    assert text.count("a quiet poll") == text.count("backlog of 300") == 1
    assert text.index("Measured 2026-01-01") < text.index("Measured 2026-01-02")
    assert "chart.svg" in text
    assert ET.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")


def test_json_and_table_say_the_ratios() -> None:
    (row,) = json.loads(report.as_json([ROW], "2026-01-01"))["rows"]
    assert (row["cpu_of_floor"], row["memory_of_floor"], row["cpu_of_yardstick"]) == (1.25, 0.5, 5.0)
    assert "1.25" in report.line(ROW)
    assert "ms of CPU per alert: 1.5" in report.line(ROW)


def test_a_chart_has_a_line_for_each_python() -> None:
    root = ET.fromstring(chart.drawn({"3.9": ROW.samples, "3.13": ROW.samples}))
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 4


def test_a_misspelt_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--case", "drian"])
    assert "drain-endpoint" in capsys.readouterr().err
