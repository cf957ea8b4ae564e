from __future__ import annotations

from standins.search import format_table


def test_a_table_has_a_title_a_rule_and_a_line_for_each_row() -> None:
    table = format_table([{"dest": "ws-1", "severity": "high"}, {"dest": "ws-22"}], ["dest", "severity"])
    assert table.splitlines() == ["dest   severity", "-----  --------", "ws-1   high", "ws-22"]


def test_long_values_are_shortened_to_the_width_of_the_table() -> None:
    rows = [{"a": "x" * 1_000_000, "b": "y" * 30}]
    lines = format_table(rows, ["a", "b", "title"], width=50, widest=40).splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert lines[2].count("…") == 2


def test_no_column_is_narrower_than_its_title() -> None:
    lines = format_table([{"a_long_title": "x"}], ["a_long_title", "another_title"], width=5).splitlines()
    assert lines[0] == "a_long_title  another_title"


def test_a_cell_is_one_line_and_several_values_are_joined() -> None:
    table = format_table([{"a": ["x\ny", "z\ud800\u202e"]}], ["a"])
    assert table.splitlines()[2] == "x y; z"


def test_wide_and_combining_letters_take_the_columns_that_a_terminal_gives_them() -> None:
    lines = format_table([{"a": "日本", "b": "1"}, {"a": "e\u0301", "b": "2"}], ["a", "b"]).splitlines()
    assert lines[1:] == ["----  -", "日本  1", "e\u0301     2"]
