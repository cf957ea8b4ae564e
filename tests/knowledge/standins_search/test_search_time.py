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


EACH = props(
    "EXTRACT-1 = src:(?<e>.) in source\nREPORT-1 = r\nFIELDALIAS-1 = a AS f\n"
    "EVAL-v = e.r.a.f\nLOOKUP-1 = l v OUTPUT found AS looked_up\n"
) | {
    "default/transforms.conf": "[r]\nSOURCE_KEY = e\nREGEX = (?<r>.)\n[l]\nfilename = l.csv\n",
    "lookups/l.csv": "v,found\nxx11,yes\n",
    "default/eventtypes.conf": "[t]\nsearch = looked_up=yes\n",
    "default/tags.conf": "[eventtype=t]\ngood = enabled\nbad = disabled\n",
}
SEVERAL = props("") | {
    "default/eventtypes.conf": "[t]\nsearch = a=1\n[s]\nsearch = b=2\n",
    "default/tags.conf": "[eventtype=t]\ny = enabled\nz = enabled\n[sourcetype=%73t]\nx = enabled\n[a=2]\nw = enabled\n",
}
BEYOND = "EXTRACT-1 = (?<x>a(?:b|c)*d)\nEXTRACT-2 = (?<y>^.)\n"
LONG = "a" + "bc" * 2_000 + "d"
LISTED = props("EXTRACT-1 = (?<list>\\[.*\\])\nREPORT-1 = r\n", mode="none")
ELEMENTS = "[r]\nSOURCE_KEY = list\nREGEX = (?:[[,](?<x>\\w)|](?<y>\\w)?)\n"
BOTH = {"a": "1", "b": "2"}
RAW = '{"a":"1","b":"2"}'


def lookup(table: str, settings: str = "", wanted: str = "l a OUTPUT x AS b") -> dict[str, str]:
    transforms = f"[l]\nfilename = l.csv\n{settings}"
    return props(f"LOOKUP-1 = {wanted}\n") | {"default/transforms.conf": transforms, "lookups/l.csv": table}


NEW = "l k AS a OUTPUTNEW x AS new x AS b"


@pytest.mark.parametrize(
    ("files", "raw", "fields"),
    [
        # Each operation sees the results of the ones before it.
        (
            EACH,
            RAW,
            BOTH | {"e": "x", "r": "x", "f": "1", "v": "xx11", "looked_up": "yes", "eventtype": "t", "tag": "good"},
        ),
        # The spec's example of calculated fields, which run in parallel: x is computed from the original y.
        (props('EVAL-x = b.""\nEVAL-b = "100"\n'), RAW, {"a": "1", "b": "100", "x": "2"}),
        # A calculated null clears the field.
        (props("EVAL-a = null()\n"), RAW, {"b": "2"}),
        # Extractions run in multi-line mode, and a group that took no part is no field.
        (props("EXTRACT-1 = ^two(?<x>.)(?<y>Y)?\n", mode="none"), "one\ntwo\nthree", {"x": "\n"}),
        # Beyond a limit they find nothing, and say nothing.
        (props(BEYOND, mode="none"), LONG, {"y": "a"}),
        (
            props(f"MATCH_LIMIT = 1000000\nDEPTH_LIMIT = 1000000\n{BEYOND}", mode="none"),
            LONG,
            {"x": LONG, "y": "a"},
        ),
        # A transform that adds values looks again from where it found something.
        (
            LISTED | {"default/transforms.conf": f"{ELEMENTS}MV_ADD = true\n"},
            "[a,b,[c]]",
            {"list": "[a,b,[c]]", "x": ["a", "b", "c"]},
        ),
        (LISTED | {"default/transforms.conf": ELEMENTS}, "[a,b,[c]]", {"list": "[a,b,[c]]", "x": "a"}),
        # A later extraction reads the field of an earlier one.
        (props("EXTRACT-b = (?<y>.)$ in x\nEXTRACT-a = (?<x>..)\n", mode="none"), "ab", {"x": "ab", "y": "b"}),
        # An alias replaces and removes, but ASNEW does neither.
        (props("FIELDALIAS-1 = a AS b\n"), RAW, {"a": "1", "b": "1"}),
        (props("FIELDALIAS-1 = none AS b\n"), RAW, {"a": "1"}),
        (props('FIELDALIAS-1 = a ASNEW b none ASNEW a b AS "c d"\n'), RAW, BOTH | {"c d": "2"}),
        # A lookup adds the first match, or clears.
        (lookup("a,x\n1,one\n"), RAW, {"a": "1", "b": "one"}),
        (lookup("a,x\n2,two\n"), RAW, {"a": "1"}),
        (lookup("a,x\n2,two\n", "min_matches = 1\ndefault_match = none\n"), RAW, {"a": "1", "b": "none"}),
        (lookup("a,x\n1,first\n1,second\n"), RAW, {"a": "1", "b": "first"}),
        # It minds case unless told not to, and OUTPUTNEW keeps what is there.
        (lookup("k,x\nX,one\n", wanted=NEW), '{"a":"x","b":"2"}', {"a": "x", "b": "2"}),
        (
            lookup("k,x\nX,one\n", "case_sensitive_match = false\n", NEW),
            '{"a":"x","b":"2"}',
            {"a": "x", "b": "2", "new": "one"},
        ),
        # Several event types and tags are several values.
        (SEVERAL, RAW, BOTH | {"eventtype": ["s", "t"], "tag": ["x", "y", "z"]}),
        # A setting may go on in the next line, and hold quotes and equals signs.
        (
            props('EVAL-x = coalesce(none, \\\n  if(a=="1", "=\\"", "no"))\n# EVAL-y = "commented"\n'),
            RAW,
            BOTH | {"x": '="'},
        ),
    ],
)
def test_an_event_has_these_fields(make_app: MakeApp, files: dict[str, str], raw: str, fields: Fields) -> None:
    assert fields_of(make_app(files), raw) == fields


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
