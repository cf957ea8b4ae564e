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
FIELDS = frozenset({"n", "user", "t", "gone"})


def run(search: str) -> Table:
    return read_search(search, {}, FIELDS).run(EVENTS, WHEN)


def column(table: Table, name: str) -> list[str]:
    return [",".join(row.get(name, [])) for row in table.rows]


def test_events_outside_the_range_of_the_search_are_left_out() -> None:
    assert column(run('host="h*" | table n'), "n") == ["10", "9", "2"]
    assert column(run('_index_earliest=-15s _index_latest=now host="h*" | table n'), "n") == ["10"]


def test_a_phrase_is_found_between_characters_that_are_no_words() -> None:
    assert column(run('"ab_1" host="h*" | table n'), "n") == ["10"]


def test_rows_are_sorted_by_numbers_where_values_are_numbers_and_by_text_where_that_is_asked_for() -> None:
    assert column(run("host=* | sort 0 n | table n"), "n") == ["2", "9", "10"]
    assert column(run("host=* | sort 0 -n | table n"), "n") == ["10", "9", "2"]
    assert column(run("host=* | sort 0 -str(n) | table n"), "n") == ["9", "2", "10"]
    assert column(run("host=* | sort 2 -host n | table n"), "n") == ["9", "2"]
    assert column(run("host=* | sort 0 -user | table n"), "n") == ["9", "10", "2"]


def test_stats_count_each_value_of_a_multivalue_field_and_leave_rows_without_the_field_out() -> None:
    table = run("host=* | stats count AS events by t")
    assert table == Table([{"t": ["T1"], "events": ["2"]}, {"t": ["T2"], "events": ["1"]}], ("t", "events"))


def test_stats_of_nothing_is_one_row_with_a_count_and_no_sum() -> None:
    assert run('host="none" | stats count sum(n) AS total').rows == [{"count": ["0"]}]


def test_statistics_are_over_what_reads_as_a_number() -> None:
    (row,) = run("host=* | stats avg(n) AS a median(n) AS m max(n) AS x sum(n) AS s dc(host) AS d avg(user) AS u").rows
    assert row == {"a": ["7"], "m": ["9"], "x": ["10"], "s": ["21"], "d": ["2"]}


def test_a_timechart_has_a_row_for_each_span_of_the_range_and_zeros() -> None:
    rows = run("host=* | timechart bins=30 limit=0 count by host").rows
    assert len(rows) == 24
    assert rows[-1] == {"_time": [str(int(NOW) - 3600)], "h1": ["2"], "h2": ["1"]}
    assert rows[0] == {"_time": [str(int(NOW) - 86400)], "h1": ["0"], "h2": ["0"]}


def test_a_timechart_without_a_field_has_one_column_and_nothing_where_there_is_nothing_to_sum() -> None:
    table = run('host=* | timechart bins=30 sum(n) as "All of n"')
    assert table.columns == ("_time", "All of n")
    assert [row["All of n"] for row in table.rows if len(row) > 1] == [["21"]]


def test_a_timechart_has_a_column_for_rows_without_the_field() -> None:
    (row,) = (row for row in run("host=* | timechart bins=30 count by user").rows if row["NULL"] != ["0"])
    assert {name: row[name] for name in ("anna", "björn", "NULL")} == {"anna": ["1"], "björn": ["1"], "NULL": ["1"]}


def test_the_latest_value_is_that_of_the_latest_row_that_has_one() -> None:
    table = run("host=* | sort 0 n | stats latest(n) AS n latest(user) AS user min(n) AS least by host")
    assert table.rows == [
        {"host": ["h1"], "n": ["10"], "user": ["anna"], "least": ["2"]},
        {"host": ["h2"], "n": ["9"], "user": ["björn"], "least": ["9"]},
    ]


def test_one_of_several_values_is_enough() -> None:
    assert column(run('host=* user IN ("ANNA", bj*) | table n'), "n") == ["10", "9"]


def test_a_field_whose_name_has_a_space_is_made_and_renamed() -> None:
    table = run('host="h2" | eval "The n"=n | table "The n" | rename "The n" as m')
    assert table == Table([{"m": ["9"]}], ("m",))


def test_a_list_becomes_rows_by_position() -> None:
    search = "host=* | head 1 | eval p=mvrange(0,mvcount(t)) | mvexpand p | eval v=mvindex(t,p) | table v"
    assert column(run(search), "v") == ["T1", "T2"]


def test_transpose_makes_a_column_of_the_first_row() -> None:
    table = run('host=* | head 1 | table n gone user | transpose 1 column_name="Field" | rename "row 1" AS Value')
    assert table.columns == ("Field", "Value")
    assert table.rows == [
        {"Field": ["n"], "Value": ["10"]}, {"Field": ["gone"]}, {"Field": ["user"], "Value": ["anna"]},
    ]  # fmt: skip


def test_fillnull_fills_and_dedup_keeps_the_first() -> None:
    assert column(run('host=* | fillnull value="not said" user | table user'), "user") == ["anna", "björn", "not said"]
    assert column(run("host=* | dedup host | table n"), "n") == ["10", "9"]
    assert column(run("host=* | dedup user | table n"), "n") == ["10", "9"]
    assert column(run("host=* | dedup user keepempty=true | table n"), "n") == ["10", "9", "2"]


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
    search = "| tstats max(_time) AS last where index=i by source"
    assert column(read_search(search, {}, ()).run(events, WHEN), "last") == [str(int(NOW) - 1)] * 2
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
        "host=* | fillnull n",
        "host=* | eval a=n+user.n",
        'host=* | search user=""',
        "| inputlookup x",
        "word",
    ],
)
def test_what_is_not_known_is_refused(search: str) -> None:
    with pytest.raises(NotModelledError):
        read_search(search, {}, FIELDS)


def test_a_rename_to_a_field_that_is_there_is_refused() -> None:
    with pytest.raises(NotModelledError):
        run("host=* | rename n AS user")


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
