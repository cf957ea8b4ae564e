"""The commands of dashboards and saved searches, with examples after Splunk's Search Reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from standins.search import NotModelledError
from standins.search.arithmetic import moment, parse_expression
from standins.search.reports import UnknownFieldError, read_chain, read_search
from standins.search.rows import Table, When

NOW = 1_774_958_400.0  # 2026-03-31T12:00:00Z
WHEN = When.of("-1d", "now", NOW)
EVENTS: Sequence[dict[str, Any]] = (
    {"_time": str(NOW - 10), "_raw": '{"id":"ab_1","x":1}', "host": "h1", "n": "10", "user": "anna", "t": ["T1", "T2"]},
    {"_time": str(NOW - 20), "_raw": '{"id":"ab_12","x":1}', "host": "h2", "n": "9", "user": "björn", "t": ["T1"]},
    {"_time": str(NOW - 30), "_raw": '{"id":"c","x":1}', "host": "h1", "n": "2"},
    {"_time": str(NOW - 90_000), "_raw": "{}", "host": "h1", "n": "100", "user": "before"},
)
LAST_HOUR, FIRST_HOUR = "1774954800", "1774872000"
FIELDS = frozenset({"n", "user", "t", "gone"})


def run(search: str) -> Table:
    return read_search(search, {}, FIELDS).run(EVENTS, WHEN)


@pytest.mark.parametrize(
    ("search", "column", "values"),
    [
        # Events outside of the range are left out.
        ('host="h*" | table n', "n", ["10", "9", "2"]),
        ('_index_earliest=-15s _index_latest=now host="h*" | table n', "n", ["10"]),
        # A phrase is found between characters that are no words; one of several values is enough.
        ('"ab_1" host="h*" | table n', "n", ["10"]),
        ('host=* user IN ("ANNA", bj*) | table n', "n", ["10", "9"]),
        # By numbers where values are numbers, and by text where that is asked for.
        ("host=* | sort 0 n | table n", "n", ["2", "9", "10"]),
        ("host=* | sort 0 -n | table n", "n", ["10", "9", "2"]),
        ("host=* | sort 0 -str(n) | table n", "n", ["9", "2", "10"]),
        ("host=* | sort 2 -host n | table n", "n", ["9", "2"]),
        ("host=* | sort 0 -user | table n", "n", ["9", "10", "2"]),
        # A list becomes rows by position.
        (
            "host=* | head 1 | eval p=mvrange(0,mvcount(t)) | mvexpand p | eval v=mvindex(t,p) | table v",
            "v",
            ["T1", "T2"],
        ),
        ('host=* | fillnull value="not said" user | table user', "user", ["anna", "björn", "not said"]),
        ("host=* | dedup host | table n", "n", ["10", "9"]),
        ("host=* | dedup user | table n", "n", ["10", "9"]),
        ("host=* | dedup user keepempty=true | table n", "n", ["10", "9", "2"]),
        # A row for each span of the range, and nothing where there is nothing to sum.
        ("host=* | timechart bins=30 limit=0 count by host | stats count", "count", ["24"]),
        ("host=* | timechart bins=30 sum(n) AS all | where all>0", "all", ["21"]),
    ],
)
def test_a_search_gives_these_values(search: str, column: str, values: list[str]) -> None:
    assert [",".join(row.get(column, [])) for row in run(search).rows] == values


@pytest.mark.parametrize(
    ("search", "columns", "rows"),
    [
        # Each value of a multivalue field counts, and rows without the field do not.
        ("host=* | stats count AS events by t", ("t", "events"), [("T1", "2"), ("T2", "1")]),
        ('host="none" | stats count sum(n) AS total', ("count", "total"), [("0", None)]),
        (
            "host=* | stats avg(n) AS a median(n) AS m max(n) AS x sum(n) AS s dc(host) AS d avg(user) AS u",
            ("a", "m", "x", "s", "d", "u"),
            [("7", "9", "10", "21", "2", None)],
        ),
        # The latest value is that of the latest row that has one.
        (
            "host=* | sort 0 n | stats latest(n) AS n latest(user) AS user min(n) AS least by host",
            ("host", "n", "user", "least"),
            [("h1", "10", "anna", "2"), ("h2", "9", "björn", "9")],
        ),
        (
            "host=* | timechart bins=30 limit=0 count by host | sort 0 -_time | head 1",
            ("_time", "h1", "h2"),
            [(LAST_HOUR, "2", "1")],
        ),
        ("host=* | timechart bins=30 limit=0 count by host | head 1", ("_time", "h1", "h2"), [(FIRST_HOUR, "0", "0")]),
        (
            "host=* | timechart bins=30 count by user | sort 0 -_time | head 1",
            ("_time", "NULL", "anna", "björn"),
            [(LAST_HOUR, "1", "1", "1")],
        ),
        ('host="h2" | eval "The n"=n | table "The n" | rename "The n" as m', ("m",), [("9",)]),
        (
            'host=* | head 1 | table n gone user | transpose 1 column_name="Field" | rename "row 1" AS Value',
            ("Field", "Value"),
            [("n", "10"), ("gone", None), ("user", "anna")],
        ),
    ],
)
def test_a_search_gives_this_table(search: str, columns: tuple[str, ...], rows: list[tuple[str | None, ...]]) -> None:
    given = [{name: [value] for name, value in zip(columns, row, strict=True) if value is not None} for row in rows]
    assert run(search) == Table(given, columns)


def test_a_chain_goes_on_from_its_base() -> None:
    base = read_search("host=* | table n user", {}, FIELDS)
    chain = read_chain("| where n>5 | stats count", base, {})
    assert chain.continued(base.run(EVENTS, WHEN), WHEN).rows == [{"count": ["2"]}]
    with pytest.raises(UnknownFieldError):
        read_chain("| stats count by host", base, {})


def test_tstats_sees_indexed_fields_alone() -> None:
    events = [{"_time": str(NOW - 1), "_raw": "", "index": "i", "source": source} for source in ("a:1", "a:1", "b:1")]
    search = '| tstats count where (index=*) source="a:*" by source'
    table = read_search(search, {}, ()).run(events, WHEN)
    assert table.rows == [{"source": ["a:1"], "count": ["2"]}]
    search = "| tstats max(_time) AS last where index=i by source | table last"
    assert read_search(search, {}, ()).run(events, WHEN).rows == [{"last": [str(int(NOW) - 1)]}] * 2
    with pytest.raises(NotModelledError):
        read_search("| tstats count where index=* by user", {}, FIELDS)


@pytest.mark.parametrize(
    "search",
    [
        "host=* | stats mode(n)",
        "host=* | stats sum",
        "host=* | sort n",
        "host=* | timechart span=1h count",
        "host=* | rename n",
        "host=* | rename n AS user",
        "host=* | fillnull n",
        "host=* | eval a=n+user.n",
        'host=* | search user=""',
        "| inputlookup x",
        "word",
    ],
)
def test_what_is_not_known_is_refused(search: str) -> None:
    with pytest.raises(NotModelledError):
        run(search)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2+3*4", 14),
        ("(now()-n)/2", 20),
        ("n/0", None),
        ('strptime("2026-03-31T12:00:00+0000","%Y-%m-%dT%H:%M:%S%z")', 1_774_958_400),
        ('strptime("yesterday","%Y-%m-%dT%H:%M:%S%z")', None),
        ('strftime(0,"%Y-%m-%d %H:%M:%S")', "1970-01-01 00:00:00"),
        ('relative_time(90061,"-1d@h")', 3600),
        ("round(2.345,2)", 2.35),
        ("round(0-1.5)", -2),
        ("max(1,n,missing)", None),
        ("max(1,n)", 10),
        ("mvcount(missing)", None),
        ("mvrange(0,0)", None),
        # Search Reference, mvrange: "an ending number (which is excluded from the field)"
        ("mvrange(1, 4)", ["1", "2", "3"]),
        ('split("a:b",":")', ["a", "b"]),
        ('tonumber("x")', None),
        ("missing>=1", None),
        ("n>=9", True),
        ("if(missing>=1,1,0)", 0),
    ],
)
def test_expressions(expression: str, value: object) -> None:
    computed = parse_expression(expression).compute({"n": "10", "now()": 50.0})
    assert computed == value
    assert isinstance(computed, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("specification", "time"),
    [("now", NOW), ("-1d", NOW - 86400), ("-7d@d", NOW - 7 * 86400 - 43200), ("@m", NOW), ("-30m@h", NOW - 3600)],
)
def test_relative_times(specification: str, time: float) -> None:
    assert moment(specification, NOW) == time


@pytest.mark.parametrize("specification", ["", "-1mon", "@w1", "yesterday"])
def test_other_relative_times_are_refused(specification: str) -> None:
    with pytest.raises(NotModelledError):
        moment(specification, NOW)
