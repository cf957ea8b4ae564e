"""Eval, by the examples of Splunk's own documentation.

Pages: Search Reference 9.4/10.0, "Evaluation functions": [CC] Comparison and Conditional functions, [J] JSON functions,
[M] Multivalue eval functions, [T] Text functions, [I] Informational functions; [S] Search Manual, "SPL and regular expressions" and the escaping rules
of [T] replace.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from standins.search import NotModelledError
from standins.search.arithmetic import parse_expression
from standins.search.eval_expressions import as_field, parse_eval
from standins.search.eval_functions import FUNCTIONS

LONDON = {
    "name": "London",
    "Bridges": [{"name": "Tower Bridge", "length": 801}, {"name": "Millennium Bridge", "length": 1066}],
}
VENICE = {"name": "Venice", "Bridges": [{"name": "Rialto Bridge", "length": 157}, {"name": "Ponte della Paglia"}]}
SAN_FRANCISCO = {"name": "San Francisco", "Bridges": [{"name": "Golden Gate Bridge", "length": 8981}]}
# The page shows {"cities": [...]} and paths that begin at the list; the list is what its results are computed from.
CITIES = json.dumps([LONDON, VENICE, SAN_FRANCISCO])

STATUS = 'case(status==200, "OK", status==404, "Not found", status==500, "Internal Server Error")'
STATUS_OR_OTHER = 'case(status==200,"OK", status==404, "Not found", true(), "Other")'
PONIES = ["buttercup", "dash", "flutter", "honey", "ivory", "minty", "pinky", "rarity"]
NAMES = ["alex", "celestino", "claudia", "david", "ikraam", "nyah", "rutherford", "wei"]
MAIL = ["a@b.net", "c@d.com", "e@f.org"]
ADDRESS = r'if(match(field, "^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"), 1, 0)'

DOCUMENTED: list[tuple[str, dict[str, Any], Any]] = [
    # [CC] case, and true as its default
    (STATUS, {"status": "200"}, "OK"),
    (STATUS, {"status": "404"}, "Not found"),
    (STATUS, {"status": "408"}, None),
    (STATUS_OR_OTHER, {"status": "404"}, "Not found"),
    (STATUS_OR_OTHER, {"status": "406"}, "Other"),
    # [CC] coalesce
    ("coalesce(clientip,ipaddress)", {"ipaddress": "10.0.0.1"}, "10.0.0.1"),
    ("coalesce(clientip,ipaddress)", {"clientip": "10.0.0.2", "ipaddress": "10.0.0.1"}, "10.0.0.2"),
    ("coalesce(clientip,ipaddress)", {}, None),
    # [CC] if
    ('if(error == 200, "OK", "Error")', {"error": "200"}, "OK"),
    ('if(error == 200, "OK", "Error")', {"error": "500"}, "Error"),
    ('if(error == 200, "OK", "Error")', {}, "Error"),
    ('if(names="buttercup", "mistmane", names)', {"names": "buttercup"}, "mistmane"),
    ('if(names="buttercup", "mistmane", names)', {"names": "dash"}, "dash"),
    # [CC] match
    (ADDRESS, {"field": "10.0.0.1"}, 1),
    (ADDRESS, {"field": "10.0.0.1x"}, 0),
    (r'if(match(test, "\"yes\""), 1, 0)', {"test": '"yes"'}, 1),
    # [CC] null and nullif
    ("null()", {}, None),
    ("nullif(names, ponies)", {"names": "buttercup", "ponies": "mistmane"}, "buttercup"),
    ("nullif(names, ponies)", {"names": "rarity", "ponies": "rarity"}, None),
    # [I] isnull and isnotnull
    ('if(isnull(field),"YES","NO")', {}, "YES"),
    ('if(isnull(field),"YES","NO")', {"field": "x"}, "NO"),
    ('if(isnotnull(field),"YES","NO")', {"field": "x"}, "YES"),
    # [T] lower, also of several values
    ("len(field)", {"field": "ButterCup"}, 9),
    ("lower(username)", {"username": "ButterCup"}, "buttercup"),
    ("lower(username)", {"username": ["A", "b"]}, ["a", "b"]),
    # [T] replace
    (r'replace(date, "^(\d{1,2})/(\d{1,2})/", "\2/\1/")', {"date": "1/14/2023"}, "14/1/2023"),
    ('replace(dst,":.*","")', {"dst": "54.81.233.206:443:X1"}, "54.81.233.206"),
    (r'replace(path, "\\\\", "/")', {"path": r"C:\a\b"}, "C:/a/b"),  # a backslash is escaped twice
    (r'replace(path, "\x5c", "/")', {"path": r"C:\a\b"}, "C:/a/b"),
    # [T] substr: from 1, or from the end
    ('substr("string", 1, 3) . substr("string", -3)', {}, "string"),
    ('substr("string", 4)', {}, "ing"),
    # [J] json_extract_exact: a key that holds periods
    (
        'json_extract_exact(splunk_path, "system.splunk.path")',
        {"splunk_path": '{"system.splunk.path":"/opt/splunk/"}'},
        "/opt/splunk/",
    ),
    # [M] mvappend and mvjoin
    (
        'mvappend("initial value", middle, "last value")',
        {"middle": ["a", "b"]},
        ["initial value", "a", "b", "last value"],
    ),
    ('mvjoin(base, " OR ")', {"base": ["a", "b", "c"]}, "a OR b OR c"),
    # [T] spath
    (
        'spath(_raw, "vendorProductSet.product.desc.locDesc")',
        {"_raw": '{"vendorProductSet":{"product":{"desc":{"locDesc":"x"}}}}'},
        "x",
    ),
    # [M] mvdedup, mvfilter, mvindex, mvmap
    ("mvdedup(mvfield)", {"mvfield": ["b", "a", "b"]}, ["b", "a"]),
    (r'mvfilter(match(email, "\.net$") OR match(email, "\.org$"))', {"email": MAIL}, ["a@b.net", "e@f.org"]),
    ("mvindex(names,2)", {"names": NAMES}, "claudia"),
    ("mvindex(names,0,3)", {"names": NAMES}, NAMES[:4]),
    ("mvindex(ponies,-1)", {"ponies": PONIES}, "rarity"),
    ("mvindex(ponies,-3)", {"ponies": PONIES}, "minty"),
    ("mvindex(ponies, -3, -1)", {"ponies": PONIES}, ["minty", "pinky", "rarity"]),
    ("mvindex(names,8)", {"names": NAMES}, None),
    ("mvindex(names,3,2)", {"names": NAMES}, None),
    ('mvmap(results, results."0")', {"results": ["1", "2"]}, ["10", "20"]),
    ("mvmap(results, results.threshold)", {"results": ["1", "2"], "threshold": "3"}, ["13", "23"]),
    ("mvmap(mvindex(results, 1,2), results.threshold)", {"results": ["1", "2", "3"], "threshold": "3"}, ["23", "33"]),
    # [J] json_array_to_mv
    (
        "json_array_to_mv(ponies)",
        {"ponies": '["Buttercup","Fluttershy","Rarity"]'},
        ["Buttercup", "Fluttershy", "Rarity"],
    ),
    ("json_array_to_mv(ponies)", {"ponies": '{"a":1}'}, None),
    # [J] json_extract
    ('json_extract(cities,"{}")', {"cities": CITIES}, [LONDON, VENICE, SAN_FRANCISCO]),
    ('json_extract(cities,"{0}")', {"cities": CITIES}, LONDON),
    ('json_extract(cities,"{2}")', {"cities": CITIES}, SAN_FRANCISCO),
    ('json_extract(cities,"{}.name")', {"cities": CITIES}, ["London", "Venice", "San Francisco"]),
    ('json_extract(cities,"{}.Bridges{}.length")', {"cities": CITIES}, [801, 1066, 157, 8981]),
    ('json_extract(cities,"{2}.Bridges{0}")', {"cities": CITIES}, SAN_FRANCISCO["Bridges"][0]),
    ('json_extract(cities,"{2}.Bridges{0}.length")', {"cities": CITIES}, 8981),
    ('json_extract(_raw,"Actor")', {"_raw": '{"Actor":null}'}, None),  # "Converts a JSON null to a null"
    ('json_extract(_raw,"system.splunk.path")', {"_raw": '{"system.splunk.path":"/opt/splunk/"}'}, None),
]
ASSUMED: list[tuple[str, dict[str, Any], Any]] = [
    ('lower(x)."a"', {}, None),
    ('replace(x,"a","b")', {}, None),
    ("substr(x,1,2)", {}, None),
    ('nullif(x,"")', {}, None),
    ('if(match(x,"a") OR x!="a", 1, 0)', {}, 0),
    ('json_extract(_raw,"a")', {"_raw": '{"b":1}'}, None),
    ('json_extract(_raw,"a")', {"_raw": '{"a":1'}, None),
    ('json_extract(_raw,"a")', {}, None),
    ('json_array_to_mv("[]")', {}, None),
    ("json_array_to_mv(x)", {}, None),
    ("mvindex(x,0)", {"x": "one"}, "one"),
    ("mvindex(x,0)", {}, None),
    ("mvdedup(x)", {"x": ["a", "a"]}, "a"),
    ('mvmap(x, if(x=="a", null(), x."!"))', {"x": ["a", "b", "c"]}, ["b!", "c!"]),
    ('mvmap(x, if(x=="a", "", x))', {"x": ["a", "b"]}, ["", "b"]),
    ('mvmap(x, x."!")', {"x": "a"}, "a!"),
    ('mvmap(x, x."!")', {}, None),
    ("mvmap(x, null())", {"x": ["a", "b"]}, None),
    # The field that is looped over is one element in the second argument.
    (
        'mvmap(json_array_to_mv(e), json_extract(e,"n"))',
        {"e": '[{"n":1},{"m":2},{"n":"x"}]'},
        ["1", "x"],
    ),
    ('mvmap(mvindex(x,1), x."!")', {"x": ["a", "b"]}, "b!"),
    ("mvmap('a.b', 'a.b'.\"!\")", {"a.b": ["a", "b"]}, ["a!", "b!"]),
    ('mvfilter(x!="a")', {"x": "a"}, None),
    ('spath(x,"a")', {"x": '{"a":null}'}, "null"),
    ('spath(x,"a")', {"x": '{"b":1}'}, None),
    ('spath(x,"a")', {"x": "{"}, None),
    # Operators, literals and quoted fields.
    ('"a"."b".1', {}, "ab1"),
    ("'a{}.b'", {"a{}.b": "1"}, "1"),
    (r'"\"\\\d"', {}, r'"\\d'),
    ('NOT (a="1") AND b!="2"', {"a": "2", "b": "1"}, True),
    ('(a="1" OR a="2") AND b="1"', {"a": "2", "b": "1"}, True),
    ('a!="1"', {}, None),
    ('1 == "1.0"', {}, True),
    ('"1" == "1.0"', {}, False),
    ('1 == "x"', {}, False),
    # Extracted JSON has no spaces, and the end of a text is not the end of its lines.
    ('json_extract(a,"b")', {"a": '{"b": {"c": [1, "é"]}}'}, '{"c":[1,"é"]}'),
    (r'replace(a,"\A\s*\z","x")', {"a": "b\n"}, "b\n"),
    (r'replace(a,"b\z","x")', {"a": "b\nb"}, "b\nx"),
    (r'replace(a,"b\z","x")', {"a": "b\n"}, "b\n"),
]


@pytest.mark.parametrize(("expression", "fields", "result"), [*DOCUMENTED, *ASSUMED])
def test_an_expression_gives_what_the_documentation_says(expression: str, fields: dict[str, Any], result: Any) -> None:
    value = parse_eval(expression)(fields)
    if isinstance(value, str) and isinstance(result, (dict, list)):
        value = json.loads(value)
    assert value == result


def test_every_function_has_a_documented_example() -> None:
    shown = " ".join(expression for expression, _, _ in DOCUMENTED)
    assert [name for name in FUNCTIONS if f"{name}(" not in shown] == []


@pytest.mark.parametrize(
    "expression",
    [
        "mvzip(a,b)", "mvmap(a)", "mvmap(1,a)", "mvmap(a.b,a)", "mvfilter(a==b)", "mvfilter(1==1)", "mvfilter(a,b)",
        "json_array_to_mv(a,true())", "lower()", "lower(a,b)", "json_extract(a)", 'json_extract(a,"b","c")', "a - 1", 'a . "b" + "c"',
        'a="1" AND b="2" OR c="3"', "a ==", '"open', "a and b", "1 < 2", "{}", "coalesce(a,,b)", "", "`macro`",
    ],
)  # fmt: skip
def test_what_is_not_modelled_is_refused_before_any_event(expression: str) -> None:
    with pytest.raises(NotModelledError):
        parse_eval(expression)


NOT_ON_RECORD = (
    "mvmap(_raw, _raw)",
    'mvmap(json_array_to_mv(json_extract(_raw,"e")), json_extract(_raw,"x"))',
    'mvmap(json_array_to_mv(json_extract(e,"e")), json_extract(e,"x"))',
    "mvmap(json_array_to_mv(coalesce(e)), e)",
    "mvmap(coalesce(e), e)",
    "mvmap(mvindex(e,n), e)",
    "mvmap(mvindex(json_array_to_mv(e),0), e)",
    "mvmap(mvdedup(e), e)",
    'mvmap(mvfilter(match(e,"x")), e)',
    'mvmap("e", "e")',
    "mvmap(e, coalesce(e, 1))",
    'mvmap(e, if(isnull(coalesce(e)), "x", e))',
    'mvmap(e, mvindex(mvmap(e, e."x"),0))',
)


@pytest.mark.parametrize("parse", [parse_eval, parse_expression])
@pytest.mark.parametrize("expression", NOT_ON_RECORD)
def test_a_form_of_mvmap_that_nobody_shows_at_work_is_refused(expression: str, parse: Callable[[str], object]) -> None:
    with pytest.raises(NotModelledError, match="mvmap"):
        parse(expression)


@pytest.mark.parametrize(
    "expression",
    [
        'replace(many,"a","b")', "substr(many,1)", 'many."a"', 'match(many,"a")', 'many=="a"', 'json_extract(many,"a")',
        "if(one,1,2)", 'case("a",1)', "case(true())", "one AND one", "NOT one", 'true()."a"', 'json_extract(one,"a}b")',
        'json_array_to_mv("[null]")', 'json_array_to_mv("[true]")', r'json_array_to_mv("[\"a\\\\b\"]")',
        'spath("[1]","{}")', r'spath("{\"a\":[]}","a")', "mvindex(many,one)", "mvmap(many,many==one)", "mvmap(one,many)",
        "mvfilter(many)", "substr(one,0,1)", "substr(one,1,-1)", r'replace(one,"x","\\")', r'replace(one,"x","\0")', 'replace(one,"(?R)","")',
        r'match(one,"\Kx")', 'match(one,"(")', "true() == 1",
    ],
)  # fmt: skip
def test_values_that_are_not_modelled_are_refused(expression: str) -> None:
    with pytest.raises(NotModelledError):
        parse_eval(expression)({"one": "[1]", "many": ["a", "b"]})


def test_a_boolean_is_no_field_and_a_whole_number_has_no_point() -> None:
    with pytest.raises(NotModelledError):
        as_field(value=True, name="x")
    assert [as_field(value, "x") for value in (None, 8981, 1.5, ["a", "b"])] == [[], ["8981"], ["1.5"], ["a", "b"]]
