"""What each question to a Splunk makes of what was seen: yes where all is as it is to be, and no where one thing is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from knowledge.current_events import GRAPH
from standins.microsoft.cloud import MicrosoftCloud

from acceptance.asked_of_runs import BATCH
from acceptance.checks import Verdict
from acceptance.container import KILLS
from acceptance.judging import CHECKS
from acceptance.observed import Confirmation, Found, Huge, Row, Seen, Spoilt, Stopped, values
from acceptance.scene import Scene, Shown

HANDLER_ERROR = (
    "11-27-2026 02:18:51.123 +0000 ERROR PersistentScript [12 PersistentScriptIo] - From "
    "{/opt/splunk/bin/python3.9 /opt/splunk/etc/apps/TA_defender_alerts/bin/defender_alerts_rest.py}: accept-wrote-this"
)
ASKED = {asked.check.name: asked for asked in CHECKS}


def found(shown: Shown, **other: Any) -> Found:
    """The event of a version, as a search finds it."""
    event = shown.event
    time = float(event.time or 0)
    return replace(Found(event.raw, time, event.host, event.source, event.sourcetype, event.index), **other)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Give a few samples of each sourcetype."""
    with MicrosoftCloud() as cloud:
        scene = Scene(cloud, "accept", every=60)
        scene.fill()
        yield scene


@pytest.fixture(scope="module")
def good(scene: Scene) -> Seen:
    """Give what a run sees of a Splunk on which all is as it is to be."""
    shown = [*scene.shown]
    updated = [replace(shown[0], sample="updated")]
    huge = next(one for one in shown if one.event.sourcetype == GRAPH.sourcetype)
    seen = Seen(
        version=("0.1.0", "0.1.0"),
        saved=dict.fromkeys(("the CA certificates", "the proxy", "the account with a secret", "an input of Graph"), ""),
        confirmations=[Confirmation(number, "end", "end") for number in range(1, 7)],
        shown=shown,
        found=[found(one) for one in shown],
        first=sorted((found(one).time for one in shown), reverse=True)[:5],
        rows=[Row(one, dict(one.fields)) for one in shown],
        latest=({"graph": 3}, {"graph": 3}),
        models=({"wdatp:alerts": 3}, {"wdatp:alerts": 3}),
        updated=(updated, [found(one) for one in updated]),
        huge=Huge(huge, 1, len(huge.event.raw), dict(huge.fields)),
        stopped=Stopped(shown[:9], 4, ("stopped", "done"), [found(one) for one in shown[:9]]),
        restarted=Stopped(shown[:9], 4, ("done",), [found(one) for one in shown[:9]]),
        killed={one.name: Stopped(shown[:9], 4, (), [found(each) for each in shown[:9]]) for one in KILLS},
        default_index={"main": 2},
        openssl=("9.4.3", "OpenSSL 1.0.2zk-fips  3 Sep 2024"),
        above_inputs=("python3.9 under splunkd",),
        spoilt=Spoilt(("no text",), is_said=True),
        handler_errors=(HANDLER_ERROR,),
        wants_certificates=True,
        outcomes=("done", "stopped"),
        hosts={"graph": 1},
        refused_expressions=(),
        errors=(),
        python_complaints=(),
        tls=("TLSv1.2",),
        long_run=(4_200.0, "done"),
    )
    seen.saved = {**(seen.saved or {}), "the account with a certificate": ""}
    return seen


def first_row(seen: Seen, wanted: Callable[[Row], bool], **fields: Any) -> Seen:
    """Let the first row that is wanted have other fields; None takes one away."""
    rows = list(seen.rows or ())
    at = next(number for number, row in enumerate(rows) if wanted(row))
    changed = {name: value for name, value in {**rows[at].fields, **fields}.items() if value is not None}
    rows[at] = Row(rows[at].shown, changed)
    return replace(seen, rows=rows)


def having(name: str) -> Callable[[Row], bool]:
    """Whether a row has a field."""
    return lambda row: name in row.fields


def without(name: str) -> Callable[[Seen], Seen]:
    """Take a field away from the first row that has it."""
    return lambda seen: first_row(seen, having(name), **{name: None})


def changed(name: str, value: Any) -> Callable[[Seen], Seen]:
    """See something else of that name."""
    return lambda seen: replace(seen, **{name: value})


def with_saved(name: str) -> Callable[[Seen], Seen]:
    """Let one thing be refused."""
    return lambda seen: replace(seen, saved={**(seen.saved or {}), name: "refused"})


def with_confirmation(number: int) -> Callable[[Seen], Seen]:
    """Let a search give something else."""
    others = [Confirmation(other, "end", "end" if other != number else "") for other in range(1, 7)]
    return changed("confirmations", others)


def with_first_found(**other: Any) -> Callable[[Seen], Seen]:
    """Find the first event otherwise."""

    def change(seen: Seen) -> Seen:
        first, *rest = seen.found or ()
        return replace(seen, found=[replace(first, **other), *rest])

    return change


def with_stopped(**other: Any) -> Callable[[Seen], Seen]:
    """See something else of the input that was disabled."""
    return lambda seen: replace(seen, stopped=replace(there(seen.stopped), **other))


def with_lost_after(name: str) -> Callable[[Seen], Seen]:
    """Let everything be lost after something was killed."""

    def change(seen: Seen) -> Seen:
        return replace(seen, killed={**there(seen.killed), name: replace(there(seen.stopped), found=[])})

    return change


def with_huge(**other: Any) -> Callable[[Seen], Seen]:
    """See something else of the huge alert."""
    return lambda seen: replace(seen, huge=replace(there(seen.huge), **other))


def there(thing: Any) -> Any:
    assert thing is not None
    return thing


def null_as_text(seen: Seen) -> Seen:
    """Let a field stay that an EVAL- takes away where the record's member is null."""

    def is_null(row: Row) -> bool:
        return json.loads(row.shown.event.raw).get("status", "") is None and "status" not in row.fields

    return first_row(seen, is_null, status="null")


def automatic(seen: Seen) -> Seen:
    """Let automatic extraction miss a member."""
    from acceptance.observed import is_automatic

    rows = seen.rows or ()
    row, name = next((row, name) for row in rows for name in row.fields if is_automatic(row.shown, name))
    return first_row(seen, lambda one: one is row, **{name: None})


OTHERWISE: Mapping[str, Sequence[Callable[[Seen], Seen]]] = {
    "version": [changed("version", ("0.0.9", "0.1.0"))],
    "account": [with_saved("the account with a secret"), with_saved("the proxy"), changed("saved", {})],
    "certificate": [with_saved("the account with a certificate")],
    "inputs": [with_saved("an input of Graph")],
    "json-sees-all": [with_confirmation(1)],
    "mvmap-loops": [with_confirmation(2)],
    "path-into-text": [with_confirmation(3)],
    "backslash": [with_confirmation(4)],
    "lists-paired": [with_confirmation(5)],
    "rows-without-a-group": [with_confirmation(6)],
    "newest-first": [lambda seen: replace(seen, first=[*there(seen.first)][::-1]), changed("first", [])],
    "every-version-once": [
        lambda seen: replace(seen, found=there(seen.found)[1:]),
        lambda seen: replace(seen, found=[*there(seen.found), there(seen.found)[0]]),
        with_first_found(raw="{}"),
    ],
    "time": [lambda seen: with_first_found(time=there(seen.found)[0].time + 0.01)(seen), changed("found", [])],
    "host-source-sourcetype": [
        *(with_first_found(**{name: "other"}) for name in ("host", "source", "sourcetype", "index")),
        changed("found", []),
    ],
    "fields-of-evidence": [without("file_name"), changed("rows", [])],
    "fields": [without("signature"), lambda seen: first_row(seen, having("signature"), signature="other")],
    "null-is-no-field": [null_as_text],
    "stanza-by-source": [without("vendor_region"), without("vendor_account")],
    "aliases": [without("Severity")],
    "automatic-fields": [automatic, changed("rows", [])],
    "event-types-and-tags": [without("eventtype"), without("tag")],
    "cim": [without("app")],
    "data-models": [changed("models", ({"wdatp:alerts": 2}, {"wdatp:alerts": 3})), changed("models", ({}, {}))],
    "latest": [changed("latest", ({"graph": 4}, {"graph": 3})), changed("latest", ({"graph": 3}, {}))],
    "updates": [lambda seen: replace(seen, updated=(there(seen.updated)[0], []))],
    "huge-event": [with_huge(events=2), with_huge(characters=5)],
    "fields-of-huge-event": [lambda seen: with_huge(fields={**there(seen.huge).fields, "signature": "other"})(seen)],
    "disabled-in-backlog": [with_stopped(outcomes=("done",)), with_stopped(outcomes=())],
    "goes-on-after-it": [
        lambda seen: with_stopped(found=there(seen.stopped).found[1:])(seen),
        lambda seen: with_stopped(found=[*there(seen.stopped).found * 200])(seen),
        with_stopped(delivered=9),
    ],
    "default-index": [changed("default_index", {}), changed("default_index", {"main": 2, "default": 1})],
    "goes-on-after-restart": [
        lambda seen: replace(seen, restarted=replace(there(seen.restarted), found=there(seen.restarted).found[1:])),
        lambda seen: replace(seen, restarted=replace(there(seen.restarted), delivered=9)),
    ],
    **{f"goes-on-after-{one.name}": [changed("killed", {}), with_lost_after(one.name)] for one in KILLS},
    "python39": [changed("openssl", ("9.4.3", ""))],
    "openssl": [changed("openssl", ("9.4.3", "OpenSSL 3.0.7")), changed("openssl", ("10.0.2", "OpenSSL 1.0.2zk"))],
    "no-shell": [changed("above_inputs", ["sh under splunkd", "python3.9 under sh"]), changed("above_inputs", [])],
    "spoilt-secret": [
        changed("spoilt", Spoilt(("no text",), is_said=False)),
        changed("spoilt", Spoilt(("JSON",), is_said=True)),
        changed("spoilt", Spoilt((), is_said=True)),
    ],
    "errors-of-handlers": [
        changed("handler_errors", []),
        changed("handler_errors", [HANDLER_ERROR, HANDLER_ERROR.replace("ERROR", "INFO")]),
        changed("handler_errors", [HANDLER_ERROR.replace("PersistentScript", "HttpListener")]),
    ],
    "client-certificates": [lambda seen: replace(seen, wants_certificates=False)],
    "runs-end-well": [changed("outcomes", ("done", "failed")), changed("outcomes", ())],
    "one-host": [changed("hosts", {"graph": 2}), changed("hosts", {})],
    "no-refused-expressions": [
        changed(
            "refused_expressions", ["Invalid eval expression for 'EVAL-dest' in stanza [ms:defender:atp:alerts]: x"]
        )
    ],
    "no-errors": [changed("errors", ["ERROR"])],
    "python-version": [changed("python_complaints", ["needs Python 3.9"])],
    "tls": [changed("tls", ("TLSv1.1", "TLSv1.2"))],
    "long-run": [changed("long_run", (4_200.0, "failed"))],
}


def test_each_question_is_answered_yes_where_all_is_as_it_is_to_be(good: Seen) -> None:
    answers = [asked.answer(good) for asked in CHECKS]
    assert [answer for answer in answers if answer.verdict is not Verdict.YES] == []


def test_there_is_something_that_answers_each_question_with_no() -> None:
    assert OTHERWISE.keys() == ASKED.keys()


@pytest.mark.parametrize(
    ("name", "number"), [(name, at) for name, ways in OTHERWISE.items() for at in range(len(ways))]
)
def test_what_is_not_as_it_is_to_be_is_answered_no(good: Seen, name: str, number: int) -> None:
    answer = ASKED[name].answer(OTHERWISE[name][number](good))
    assert answer.verdict is Verdict.NO, answer.seen


def test_a_rival_s_expression_that_splunk_refuses_is_nobody_s_fault_here(good: Seen) -> None:
    theirs = ["Invalid eval expression for 'EVAL-dest' in stanza [cisco:asa]: x"]
    answer = ASKED["no-refused-expressions"].answer(replace(good, refused_expressions=theirs))
    assert answer.verdict is Verdict.YES


@pytest.mark.parametrize("name", ASKED)
def test_what_was_not_seen_is_not_asked_and_says_why(name: str) -> None:
    missing = ASKED[name].needs[0]
    answer = ASKED[name].answer(Seen(why={missing: "It takes something."}))
    assert (answer.verdict, answer.seen) == (Verdict.NOT_ASKED, "It takes something.")


def test_no_answer_holds_the_content_of_an_event(good: Seen) -> None:
    texts = {event.raw for event in good.found or ()}
    values = {
        str(value)
        for row in good.rows or ()
        for name in ("title", "description", "user", "dest", "file_name")
        for value in [row.fields.get(name)]
        if isinstance(value, str) and len(value) > 8
    }
    bad = [ASKED[name].answer(way(good)).seen for name, ways in OTHERWISE.items() for way in ways]
    assert [seen for seen in bad for text in texts | values if text in seen] == []


def test_event_types_and_tags_of_other_apps_are_nobody_s_fault_here(good: Seen) -> None:
    rows = [
        Row(
            row.shown,
            {
                **row.fields,
                "eventtype": [*values(row.fields, "eventtype"), "nix-all"],
                "tag": [*tags, "malware", "attack"],
            },
        )
        for row in good.rows or ()
        for tags in [values(row.fields, "tag")]
    ]
    for name in ("event-types-and-tags", "cim"):
        assert ASKED[name].answer(replace(good, rows=rows)).verdict is Verdict.YES


def test_a_batch_that_comes_twice_after_an_interruption_is_no_fault(good: Seen) -> None:
    stopped = there(good.stopped)
    (first, *_), most = stopped.found, BATCH
    for again, verdict in ((most, Verdict.YES), (most + 1, Verdict.NO)):
        seen = with_stopped(found=[*stopped.found, *[first] * again])(good)
        assert ASKED["goes-on-after-it"].answer(seen).verdict is verdict
