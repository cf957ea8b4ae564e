"""The order of search-time operations, and each of them, on apps made for one test (props.conf.spec, tags.conf.spec)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from standins.search import Fields, IndexedEvent, NotModelledError, SearchKnowledge

MakeApp = Callable[[Mapping[str, str]], Path]
DEFAULT_FIELDS = {"_raw", "_time", "host", "source", "sourcetype", "index"}


def fields_of(app: Path, raw: str = '{"a":"1","b":"2"}') -> Fields:
    event = IndexedEvent(raw=raw, time="1", source="src:x", sourcetype="st", host="h", index="main")
    fields = SearchKnowledge.load(app).search_fields(event)
    return {name: value for name, value in fields.items() if name not in DEFAULT_FIELDS}


def props(text: str, mode: str = "json") -> dict[str, str]:
    return {"default/props.conf": f"[st]\nKV_MODE = {mode}\n{text}"}


def test_each_operation_sees_the_results_of_the_ones_before_it(make_app: MakeApp) -> None:
    app = make_app(
        props(
            "EXTRACT-1 = src:(?<e>.) in source\nREPORT-1 = r\nFIELDALIAS-1 = a AS f\n"
            "EVAL-v = e.r.a.f\nLOOKUP-1 = l v OUTPUT found AS looked_up\n"
        )
        | {
            "default/transforms.conf": "[r]\nSOURCE_KEY = e\nREGEX = (.)\nFORMAT = r::$1\n[l]\nfilename = l.csv\n",
            "lookups/l.csv": "v,found\nxx11,yes\n",
            "default/eventtypes.conf": "[t]\nsearch = looked_up=yes\n",
            "default/tags.conf": "[eventtype=t]\ngood = enabled\nbad = disabled\n",
        }
    )
    found = {"e": "x", "r": "x", "a": "1", "b": "2", "f": "1", "v": "xx11", "looked_up": "yes"}
    assert fields_of(app) == found | {"eventtype": "t", "tag": "good"}


def test_calculated_fields_run_in_parallel(make_app: MakeApp) -> None:
    """The spec's example: x is computed from the original y."""
    assert fields_of(make_app(props('EVAL-x = b.""\nEVAL-b = "100"\n')))["x"] == "2"


def test_a_calculated_null_clears_the_field(make_app: MakeApp) -> None:
    assert "a" not in fields_of(make_app(props("EVAL-a = null()\n")))


def test_extractions_run_in_multi_line_mode_and_a_group_that_took_no_part_is_no_field(make_app: MakeApp) -> None:
    app = make_app(props("EXTRACT-1 = ^two(?<x>.)(?<y>Y)?\n", mode="none"))
    assert fields_of(app, "one\ntwo\nthree") == {"x": "\n"}


def test_an_extraction_beyond_a_limit_finds_nothing_and_says_nothing(make_app: MakeApp) -> None:
    text = "EXTRACT-1 = (?<x>a(?:b|c)*d)\nEXTRACT-2 = (?<y>^.)\n"
    raw = "a" + "bc" * 2_000 + "d"
    assert fields_of(make_app(props(text, mode="none")), raw) == {"y": "a"}
    raised = props(f"MATCH_LIMIT = 1000000\nDEPTH_LIMIT = 1000000\n{text}", mode="none")
    assert fields_of(make_app(raised), raw) == {"x": raw, "y": "a"}


def test_a_transform_that_adds_values_looks_again_from_where_it_found_something(make_app: MakeApp) -> None:
    app = props("EXTRACT-1 = (?<list>\\[.*\\])\nREPORT-1 = r\n", mode="none")
    stanza = "[r]\nSOURCE_KEY = list\nREGEX = (?:[[,](?<x>\\w)|](?<y>\\w)?)\n"
    several, one = (app | {"default/transforms.conf": stanza + more} for more in ("MV_ADD = true\n", ""))
    assert fields_of(make_app(several), "[a,b,[c]]") == {"list": "[a,b,[c]]", "x": ["a", "b", "c"]}
    assert fields_of(make_app(one), "[a,b,[c]]")["x"] == "a"


def test_a_later_extraction_reads_the_field_of_an_earlier_one(make_app: MakeApp) -> None:
    app = make_app(props("EXTRACT-b = (?<y>.)$ in x\nEXTRACT-a = (?<x>..)\n", mode="none"))
    assert fields_of(app, "ab") == {"x": "ab", "y": "b"}


def test_an_alias_replaces_and_removes_but_asnew_does_neither(make_app: MakeApp) -> None:
    assert fields_of(make_app(props("FIELDALIAS-1 = a AS b\n"))) == {"a": "1", "b": "1"}
    assert fields_of(make_app(props("FIELDALIAS-1 = none AS b\n"))) == {"a": "1"}
    assert fields_of(make_app(props('FIELDALIAS-1 = a ASNEW b none ASNEW a b AS "c d"\n'))) == {
        "a": "1",
        "b": "2",
        "c d": "2",
    }


@pytest.mark.parametrize(
    ("settings", "table", "found"),
    [
        ("", "a,x\n1,one\n", "one"),
        ("", "a,x\n2,two\n", None),
        ("min_matches = 1\ndefault_match = none\n", "a,x\n2,two\n", "none"),
        ("", "a,x\n1,first\n1,second\n", "first"),
    ],
)
def test_a_lookup_adds_the_first_match_or_clears(
    make_app: MakeApp, settings: str, table: str, found: str | None
) -> None:
    transforms = f"[l]\nfilename = l.csv\n{settings}"
    app = make_app(
        props("LOOKUP-1 = l a OUTPUT x AS b\n") | {"default/transforms.conf": transforms, "lookups/l.csv": table}
    )
    assert fields_of(app).get("b") == found


def test_a_lookup_minds_case_unless_told_not_to_and_outputnew_keeps_what_is_there(make_app: MakeApp) -> None:
    for setting, found in (("", None), ("case_sensitive_match = false\n", "one")):
        app = make_app(
            props("LOOKUP-1 = l k AS a OUTPUTNEW x AS new x AS b\n")
            | {"default/transforms.conf": f"[l]\nfilename = l.csv\n{setting}", "lookups/l.csv": "k,x\nX,one\n"}
        )
        fields = fields_of(app, '{"a":"x","b":"2"}')
        assert (fields.get("new"), fields["b"]) == (found, "2")


@pytest.mark.parametrize(
    ("search", "matches"),
    [
        ("a=1", True), ('a="1" b=2', True), ("a=1 AND b=3", False), ("a=3 OR b=2", True), ("NOT a=2", True),
        ("a=1 (b=3 OR b=2)", True), ("a!=1", False), ("a!=2", True), ("c!=1", False), ("c=*", False), ("a=*", True),
        ("sourcetype=S*", True), ("index=*", True), ("`m`", True), ("a=[1]", False), ("a=?", False),
    ],
)  # fmt: skip
def test_event_types_are_search_terms(make_app: MakeApp, search: str, matches: bool) -> None:  # noqa: FBT001 - a column
    app = make_app(
        props("")
        | {"default/eventtypes.conf": f"[t]\nsearch = {search}\n", "default/macros.conf": "[m]\ndefinition = a=1\n"}
    )
    assert ("eventtype" in fields_of(app)) is matches


def test_several_event_types_and_tags_are_several_values(make_app: MakeApp) -> None:
    app = make_app(
        props("")
        | {
            "default/eventtypes.conf": "[t]\nsearch = a=1\n[s]\nsearch = b=2\n",
            "default/tags.conf": "[eventtype=t]\ny = enabled\nz = enabled\n[sourcetype=%73t]\nx = enabled\n[a=2]\nw = enabled\n",
        }
    )
    fields = fields_of(app)
    assert (fields["eventtype"], fields["tag"]) == (["s", "t"], ["x", "y", "z"])


@pytest.mark.parametrize(
    "files",
    [
        props("", mode="auto"),
        props("EXTRACT-1 = (?<a>.)\n"),
        props("EXTRACT-1 = no group\n"),
        props("EXTRACT-1 = (?<x>.)\nEXTRACT-2 = (?<x>.)\n"),
        props("REPORT-1 = missing\n"),
        props("REPORT-1 = r\n") | {"default/transforms.conf": "[r]\nDELIMS = ,\n"},
        props("REPORT-1 = r\n") | {"default/transforms.conf": "[r]\nREGEX = (.)\nFORMAT = $1::$1\n"},
        props("FIELDALIAS-1 = a b\n"),
        props("LOOKUP-1 = l a\n") | {"default/transforms.conf": "[l]\nfilename = l.csv\n"},
        props("LOOKUP-1 = l a OUTPUT b\n") | {"default/transforms.conf": "[l]\ncollection = c\n"},
        props("") | {"default/eventtypes.conf": "[t]\nsearch = word\n"},
        props("") | {"default/eventtypes.conf": "[t]\nsearch = a=1 OR b=2 c=3\n"},
        props("") | {"default/eventtypes.conf": "[t]\nsearch = a=1 | head 1\n"},
        props("") | {"default/eventtypes.conf": "[t]\nsearch = `missing`\n"},
        props("") | {"default/eventtypes.conf": "[t]\nsearch = `loop`\n", "default/macros.conf": "[loop]\ndefinition = `loop`\n"},
        props("") | {"default/eventtypes.conf": "[t]\ndisabled = 1\nsearch = a=1\n"},
        props("") | {"default/tags.conf": "[t]\nalert = enabled\n"},
        props("") | {"default/tags.conf": "[a=1]\nalert = on\n"},
    ],
)  # fmt: skip
def test_what_is_not_modelled_is_refused(make_app: MakeApp, files: dict[str, str]) -> None:
    app = make_app(files)
    with pytest.raises(NotModelledError):
        fields_of(app)


def test_a_lookup_without_its_file_is_an_error(make_app: MakeApp) -> None:
    app = make_app(props("LOOKUP-1 = l a OUTPUT b\n") | {"default/transforms.conf": "[l]\nfilename = l.csv\n"})
    with pytest.raises(FileNotFoundError, match=r"l\.csv"):
        fields_of(app)


def test_a_setting_may_go_on_in_the_next_line_and_hold_quotes_and_equals_signs(make_app: MakeApp) -> None:
    app = make_app(props('EVAL-x = coalesce(none, \\\n  if(a=="1", "=\\"", "no"))\n# EVAL-y = "commented"\n'))
    assert fields_of(app) == {"a": "1", "b": "2", "x": '="'}


@pytest.mark.parametrize(
    "search",
    ["a=1 | stats list(a)", "a=1 | sort a", "a=1 | dedup a consecutive=true", "a=1 | fields a*", "`m(1)`", "word"],
)
def test_searches_that_are_not_modelled_are_refused(make_app: MakeApp, search: str) -> None:
    with pytest.raises(NotModelledError):
        SearchKnowledge.load(make_app(props(""))).search(search, [])


def test_a_pipe_in_a_string_is_none(make_app: MakeApp) -> None:
    event = IndexedEvent(raw="{}", time=None, source="s", sourcetype="st", host="h", index="main")
    (row,) = SearchKnowledge.load(make_app(props(""))).search('index=main | eval x="a|b"', [event])
    assert row["x"] == "a|b"


def test_what_is_read_of_events_makes_no_difference_to_what_a_search_finds(make_app: MakeApp) -> None:
    """Of events that are left out nothing is read, nor where only indexed fields are kept: by search and by where it is the same."""
    knowledge = SearchKnowledge.load(make_app(props("EVAL-c = a.b\n")))
    events = [
        IndexedEvent('{"a":"1","b":"2"}', str(time), "s", "st", "h", index) for time, index in ((1, "x"), (2, "y"))
    ]
    (all_fields,) = knowledge.search("index=x | fields *", events)
    assert (all_fields["c"], all_fields["_raw"]) == ("12", '{"a":"1","b":"2"}')
    kept = {name: all_fields[name] for name in ("index", "_raw", "_time")}
    assert knowledge.search("index=x | fields index", events) == [kept]
    assert knowledge.search("c=12 index=x | fields index", events) == [kept]
    assert knowledge.search("index=x | fields c", events) == [{"c": "12", "_raw": kept["_raw"], "_time": "1"}]


def test_makeresults_makes_one_row_and_nothing_else_begins_a_search(make_app: MakeApp) -> None:
    knowledge = SearchKnowledge.load(make_app(props("")))
    (row,) = knowledge.search('| makeresults | eval a="x" | eval b=a."y"', [])
    assert {**row, "_time": ""} == {"_time": "", "a": "x", "b": "xy"}
    with pytest.raises(NotModelledError):
        knowledge.search("| tstats count", [])
