"""The questions to a Splunk, and what answers them: a table of pure functions of what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge import cim

from acceptance import observed
from acceptance.checks import Answer, Check, Verdict, yes_if
from acceptance.container import KILLS
from acceptance.observed import Difference, Huge, Row, Seen, Spoilt, Stopped

BATCH = 1_000
"""The most that may come twice after an incident (docs/reliability.md)."""
_TIME_SLACK = 0.0015
"""Seconds: `<time>` has milliseconds, and a version time has more digits."""
OUR_STANZAS = re.compile(r"\[(?:wdatp:alerts|ms:defender:|ms365:defender:|source::\(?defender_)")


@dataclass(frozen=True)
class Asked:
    """A check of a Splunk.

    Attributes:
        check: the question.
        needs: the attributes of what was seen without which it can't be answered.
        judge: answers it by what is wrong, a few words each, and by what was seen where nothing is.
    """

    check: Check
    needs: tuple[str, ...]
    judge: Callable[[Seen], tuple[list[str], str]]

    def answer(self, seen: Seen) -> Answer:
        """Answer the question, or say why it was not asked."""
        for name in self.needs:
            if name in seen.failed:
                return Answer(self.check, Verdict.UNANSWERED, seen.failed[name])
            if getattr(seen, name) is None:
                why = seen.why.get(name, "The run ended before.")
                return Answer(self.check, Verdict.NOT_ASKED, why)
        wrong, good = self.judge(seen)
        return yes_if(self.check, wrong, seen=good)


def _version(seen: Seen) -> tuple[list[str], str]:
    there, here = seen.version or ("", "")
    return ([] if there == here else [f"{there or 'no version'} is installed, this checkout is {here}"]), there


def _saved(*which: str) -> Callable[[Seen], tuple[list[str], str]]:
    def judge(seen: Seen) -> tuple[list[str], str]:
        said = {name: text for name, text in (seen.saved or {}).items() if name.startswith(which)}
        wrong = [f"{name}: {text}" for name, text in said.items() if text]
        return wrong or ([] if said else ["nothing was saved"]), f"{len(said)} saved"

    return judge


def _confirmed(number: int) -> Callable[[Seen], tuple[list[str], str]]:
    def judge(seen: Seen) -> tuple[list[str], str]:
        (one,) = [each for each in seen.confirmations or () if each.number == number]
        wrong = [] if one.found == one.expected else [f"it gives {one.found!r:.120}, not {one.expected!r}"]
        return wrong, f"it gives {one.found!r}"

    return judge


def _once(seen: Seen) -> tuple[list[str], str]:
    counts = observed.unlike(seen.shown or (), seen.found or ())
    return [
        f"{count} {what}" for what, count in counts.items() if count
    ], f"{len(seen.shown or ())} versions, each once"


def _time(seen: Seen) -> tuple[list[str], str]:
    pairs = [*observed.by_version(seen.shown or (), seen.found or ())]
    off = [abs(event.time - float(shown.event.time or 0)) for shown, event in pairs]
    late = [each for each in off if each > _TIME_SLACK]
    wrong = [f"{len(late)} of {len(off)} events are off by up to {max(late):.3f} s"] if late else []
    return wrong or ([] if off else ["there is no event"]), f"{len(off)} events, none off by more than a millisecond"


def _newest(seen: Seen) -> tuple[list[str], str]:
    first = [*(seen.first or ())]
    newest = sorted((event.time for event in seen.found or ()), reverse=True)[: len(first)]
    wrong = [f"{sum(one != other for one, other in zip(first, newest, strict=False))} of {len(first)} are others"]
    return ([] if first == newest else wrong) if first else ["there is no event"], f"{len(first)} events"


def _placed(seen: Seen) -> tuple[list[str], str]:
    pairs = [*observed.by_version(seen.shown or (), seen.found or ())]
    wrong = [
        f"{name} of {shown.sample}"
        for shown, event in pairs
        for name in ("host", "source", "sourcetype", "index")
        if getattr(event, name) != getattr(shown.event, name)
    ]
    return wrong or ([] if pairs else ["there is no event"]), f"{len(pairs)} events"


def _fields(select: Callable[[Difference], bool], wanted: frozenset[str]) -> Callable[[Seen], tuple[list[str], str]]:
    """Compare those fields, and of what differs count what is selected."""

    def judge(seen: Seen) -> tuple[list[str], str]:
        rows: Sequence[Row] = seen.rows or ()
        wrong = [str(one) for one in observed.differences(rows, lambda _, name: name in wanted) if select(one)]
        compared = sum(1 for row in rows for name in row.shown.fields if name in wanted)
        return wrong or (
            [] if compared else ["there was nothing to compare"]
        ), f"{compared} values of {len(rows)} events"

    return judge


def _null(seen: Seen) -> tuple[list[str], str]:
    rows = seen.rows or ()
    wrong = observed.differences(rows, lambda _, name: name in observed.made_fields())
    return [str(one) for one in wrong if one.is_null and not one.expected], f"{len(rows)} events"


def _automatic(seen: Seen) -> tuple[list[str], str]:
    rows = seen.rows or ()
    compared = sum(observed.is_automatic(row.shown, name) for row in rows for name in row.shown.fields)
    wrong = [str(one) for one in observed.differences(rows, observed.is_automatic)]
    return wrong or ([] if compared else ["there was nothing to compare"]), f"{compared} values"


def _cim(seen: Seen) -> tuple[list[str], str]:
    wrong, rows = [], seen.rows or ()
    for row in rows:
        # Of what a record has nothing for nobody can make a field: those are faults of the expected fields as well.
        expected = {str(fault) for fault in cim.load().faults(row.shown.fields)}
        faults = [fault for fault in cim.load().faults(observed.without_others(row)) if str(fault) not in expected]
        wrong += [f"{name} of {row.shown.sample}" for name in dict.fromkeys(name for name, _ in faults)]
    return wrong, f"{len(rows)} events"


def _counts(name: str) -> Callable[[Seen], tuple[list[str], str]]:
    def judge(seen: Seen) -> tuple[list[str], str]:
        found, expected = getattr(seen, name)
        wrong = [
            f"{found.get(key, 0)} of {key}, not {expected.get(key, 0)}"
            for key in sorted(found.keys() | expected.keys())
            if found.get(key, 0) != expected.get(key, 0)
        ]
        return wrong or ([] if expected else ["there was nothing to count"]), f"{sum(expected.values())} in all"

    return judge


def _updated(seen: Seen) -> tuple[list[str], str]:
    versions, found = seen.updated or ((), ())
    raws = {event.raw for event in found}
    missing = [one for one in versions if one.event.raw not in raws]
    return [f"{one.sample} has not come" for one in missing], f"{len(versions)} new versions came in the next poll"


def _huge(huge: Huge) -> tuple[list[str], str]:
    size = len(huge.shown.event.raw)
    wrong = [] if huge.events == 1 else [f"it became {huge.events} events"]
    if huge.characters != size:
        wrong.append(f"of {size} characters {huge.characters} are there")
    return wrong, f"one event of {size} characters"


def _fields_of_huge(huge: Huge) -> tuple[list[str], str]:
    names = observed.made_fields() | observed.CLASSES
    rows = [Row(huge.shown, huge.fields)]
    # The description is its size: it is not fetched.
    wrong = observed.differences(rows, lambda _, name: name in names and name not in {"description", "Description"})
    return [f"{one.field}" for one in wrong], f"{len(names & huge.shown.fields.keys())} fields"


def _stopped(stopped: Stopped) -> tuple[list[str], str]:
    first = next(iter(stopped.outcomes), "")
    wrong = [] if first == "stopped" else [f"its log says {first or 'nothing'} of the run's end, not stopped"]
    return wrong, f"after {stopped.delivered} of {len(stopped.shown)} events"


def _goes_on(stopped: Stopped) -> tuple[list[str], str]:
    if stopped.delivered >= len(stopped.shown):
        return ["it had collected everything before it was interrupted"], ""
    counts = observed.unlike(stopped.shown, stopped.found)
    again = counts.pop("there again")
    wrong = [f"{count} {what}" for what, count in counts.items() if count]
    if again > BATCH:
        wrong.append(f"{again} there again, more than a batch of {BATCH}")
    return wrong, f"{len(stopped.shown)} versions, {again} of them twice"


def _killed(name: str) -> Callable[[Seen], tuple[list[str], str]]:
    def judge(seen: Seen) -> tuple[list[str], str]:
        stopped = (seen.killed or {}).get(name)
        return _goes_on(stopped) if stopped else (["the run ended before it went on"], "")

    return judge


def _python(seen: Seen) -> tuple[list[str], str]:
    _, openssl = seen.openssl or ("", "")
    return ([] if openssl else ["it can't be started"]), openssl


def _openssl(seen: Seen) -> tuple[list[str], str]:
    splunk, openssl = seen.openssl or ("", "")
    wanted = "OpenSSL 1.0.2" if splunk.startswith("9.") else "OpenSSL 3."
    return ([] if openssl.startswith(wanted) else [f"Splunk {splunk} has {openssl or 'none'}"]), openssl


def _no_shell(seen: Seen) -> tuple[list[str], str]:
    lines = seen.above_inputs or ()
    wrong = sorted({line for line in lines if not _SHELLS.isdisjoint(line.split())})
    return wrong or ([] if lines else ["no process of an input was there"]), "; ".join(sorted({*lines}))


_SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox"})


def _spoilt(spoilt: Spoilt) -> tuple[list[str], str]:
    wrong = [f"splunkd gives {shape}" for shape in spoilt.given if shape == "JSON"]
    if not spoilt.is_said:
        wrong.append("the input's log does not say so")
    return wrong or ([] if spoilt.given else ["splunkd has no such secret"]), f"splunkd gives {', '.join(spoilt.given)}"


def _handler_errors(seen: Seen) -> tuple[list[str], str]:
    lines = [*(seen.handler_errors or ())]
    wrong = [line for line in lines if not _OF_HANDLERS.search(line)]
    wrong = [f"{len(wrong)} of {len(lines)} lines are no errors of PersistentScript"] if wrong else []
    return wrong or ([] if lines else ["splunkd.log does not have it"]), f"{len(lines)} lines"


_OF_HANDLERS = re.compile(r" (?:ERROR|WARN|FATAL) +PersistentScript .*defender_alerts_status")
"""As --self looks for them (package/bin/defender_alerts/splunk/installation/logs.py)."""


def _wants_certificates(seen: Seen) -> tuple[list[str], str]:
    return (
        [] if seen.wants_certificates else ["the input's log does not name the setting"]
    ), "its log names the setting"


def _default_index(seen: Seen) -> tuple[list[str], str]:
    counts = dict(seen.default_index or {})
    in_main = counts.pop("main", 0)
    wrong = [f"{sum(counts.values())} events are in another index"] if counts else []
    return wrong or ([] if in_main else ["there is no event"]), f"{in_main} events are in main"


def _done(seen: Seen) -> tuple[list[str], str]:
    outcomes = seen.outcomes or ()
    wrong = sorted({outcome for outcome in outcomes if outcome not in {"done", "stopped"}})
    return [f"outcome={each}" for each in wrong] or ([] if outcomes else ["no log of an input was found"]), (
        f"{len(outcomes)} runs"
    )


def _hosts(seen: Seen) -> tuple[list[str], str]:
    many = [f"{kind} on {count} hosts" for kind, count in (seen.hosts or {}).items() if count != 1]
    return many or ([] if seen.hosts else ["no log of an input was found"]), f"{len(seen.hosts or {})} inputs"


def _lines(name: str, what: str) -> Callable[[Seen], tuple[list[str], str]]:
    def judge(seen: Seen) -> tuple[list[str], str]:
        lines = getattr(seen, name)
        return ([f"{len(lines)} {what}"] if lines else []), "none"

    return judge


def _expressions(seen: Seen) -> tuple[list[str], str]:
    ours = [line for line in seen.refused_expressions or () if OUR_STANZAS.search(line)]
    names = sorted({name for line in ours for name in re.findall(r"'(EVAL-\w+)'", line)})
    return names or [f"{len(ours)} lines"] * bool(ours), "none"


def _tls(seen: Seen) -> tuple[list[str], str]:
    old = [version for version in seen.tls or () if version not in {"TLSv1.2", "TLSv1.3"}]
    return old, ", ".join(seen.tls or ())


def _long(seen: Seen) -> tuple[list[str], str]:
    seconds, outcome = seen.long_run or (0.0, "")
    return ([] if outcome == "done" else [f"outcome={outcome or 'none'}"]), f"it lasted {seconds / 60:.0f} minutes"


def _there(thing: Any) -> Any:
    """What `Asked.needs` has made sure of."""
    return thing


_REST = observed.made_fields() - observed.of_evidence() - observed.WHERE_FROM - observed.aliases()

CHECKS = (
    Asked(
        Check("version", "Is the add-on installed in the version of this checkout?", "apps/local is asked."),
        ("version",),
        _version,
    ),
    Asked(
        Check(
            "account",
            "Do the pages save an account with a client secret, after its check against the stand-in cloud?",
            "The proxy, the CA certificates and an account are saved through the handlers of the Configuration page.",
        ),
        ("saved",),
        _saved("the CA", "the proxy", "the account with a secret"),
    ),
    Asked(
        Check(
            "certificate",
            "Does Splunk's Python sign in with a certificate?",
            "An account with a certificate is saved, which has Entra ID's stand-in check the signature.",
            ("R2", "R3", "R5"),
        ),
        ("saved",),
        _saved("the account with a certificate"),
    ),
    Asked(
        Check("inputs", "Do the pages save an input of each kind?", "Inputs are saved through the page's handlers."),
        ("saved",),
        _saved("an input"),
    ),
    Asked(
        Check("json-sees-all", "Do the JSON functions of eval see the whole of an event?", "Search 1.", ("S1",)),
        ("confirmations",),
        _confirmed(1),
    ),
    Asked(
        Check("mvmap-loops", "Does mvmap loop over evidence as the fields of evidence have it?", "Search 2.", ("S2",)),
        ("confirmations",),
        _confirmed(2),
    ),
    Asked(
        Check("path-into-text", "Is a path that leads into a text null, and not the text?", "Search 3.", ("S3",)),
        ("confirmations",),
        _confirmed(3),
    ),
    Asked(
        Check("backslash", r"Is \x5c in a regular expression of eval a backslash?", "Search 4.", ("S4",)),
        ("confirmations",),
        _confirmed(4),
    ),
    Asked(
        Check(
            "lists-paired",
            "Does mvzip end with the shorter of its lists, and is it null if one of them is?",
            "Search 5.",
            ("S11",),
        ),
        ("confirmations",),
        _confirmed(5),
    ),
    Asked(
        Check(
            "rows-without-a-group",
            "Does eventstats give nothing to rows that lack a field of its by?",
            "Search 6.",
            ("S14",),
        ),
        ("confirmations",),
        _confirmed(6),
    ),
    Asked(
        Check(
            "newest-first",
            "Does head behind streaming commands take the newest events?",
            "The first 20 events of the inputs.",
            ("S10",),
        ),
        ("found", "first"),
        _newest,
    ),
    Asked(
        Check(
            "every-version-once",
            "Is every version in the index once, byte for byte?",
            "Inputs of each kind collect the samples of the search-time tests from the stand-in cloud.",
            ("I1", "R4"),
        ),
        ("shown", "found"),
        _once,
    ),
    Asked(
        Check("time", "Is _time the version time?", "The events of all inputs.", ("I1", "I2")),
        ("shown", "found"),
        _time,
    ),
    Asked(
        Check("host-source-sourcetype", "Are host, source, sourcetype and index right?", "The events of all inputs."),
        ("shown", "found"),
        _placed,
    ),
    Asked(
        Check(
            "fields-of-evidence",
            "Are the fields of evidence those that the search-time tests expect?",
            "All fields of the samples are compared.",
            ("S2", "S2a", "S2b", "S2c"),
        ),
        ("rows",),
        _fields(lambda one: not one.is_null, observed.of_evidence()),
    ),
    Asked(
        Check(
            "fields",
            "Are all other fields that the add-on makes those that the search-time tests expect?",
            "All fields of the samples are compared.",
            ("S1", "S2b", "S3", "S4"),
        ),
        ("rows",),
        _fields(lambda one: not one.is_null, _REST),
    ),
    Asked(
        Check(
            "null-is-no-field",
            "Does an EVAL- that is null take away what automatic extraction has found?",
            "Records with members that are null.",
            ("S5",),
        ),
        ("rows",),
        _null,
    ),
    Asked(
        Check(
            "stanza-by-source",
            "Does the stanza by source hold: are vendor_account and vendor_region there?",
            "The events of all inputs.",
            ("S6",),
        ),
        ("rows",),
        _fields(lambda _: True, observed.WHERE_FROM),
    ),
    Asked(
        Check(
            "aliases",
            "Does an alias with ASNEW leave a field alone that an extraction has found?",
            "A record that has both, and all others.",
            ("S7",),
        ),
        ("rows",),
        _fields(lambda one: not one.is_null, observed.aliases()),
    ),
    Asked(
        Check(
            "automatic-fields",
            "Does automatic extraction find what the tests expect, JSON's null as the text null?",
            "All members of records of less than 5,000 bytes.",
            ("S8",),
        ),
        ("rows",),
        _automatic,
    ),
    Asked(
        Check("event-types-and-tags", "Has every event its event type and its tags?", "The fields eventtype and tag."),
        ("rows",),
        _fields(lambda _: True, observed.CLASSES),
    ),
    Asked(
        Check(
            "cim",
            "Does every event satisfy its CIM model, by the rules of Splunk's own checker?",
            "The fields that the Splunk has made are held against the definitions of pytest-splunk-addon.",
        ),
        ("rows",),
        _cim,
    ),
    Asked(
        Check(
            "data-models",
            "Do CIM's data models Alerts and Ticket Management have every event?",
            "tstats over the data models of Splunk_SA_CIM, if it is installed.",
        ),
        ("models",),
        _counts("models"),
    ),
    Asked(
        Check(
            "latest",
            "Does the macro defender_alerts_latest show each alert once?",
            "Its events are counted by source.",
        ),
        ("latest",),
        _counts("latest"),
    ),
    Asked(
        Check("updates", "Does an alert's next version come in the next poll?", "Three alerts are updated."),
        ("updated",),
        _updated,
    ),
    Asked(
        Check("huge-event", "Does an alert of 8 MB become one event, whole?", "One is collected.", ("I3",)),
        ("huge",),
        lambda seen: _huge(_there(seen.huge)),
    ),
    Asked(
        Check(
            "fields-of-huge-event",
            "Has an alert of 8 MB all its fields?",
            "Those of the one that was collected, with its evidence behind the 8 MB.",
            ("S1", "S2b"),
        ),
        ("huge",),
        lambda seen: _fields_of_huge(_there(seen.huge)),
    ),
    Asked(
        Check(
            "disabled-in-backlog",
            "Does splunkd ask an input that is disabled to stop, before it kills it?",
            "An input is disabled in the middle of its backlog: its log has outcome=stopped.",
            ("R10", "R4"),
        ),
        ("stopped",),
        lambda seen: _stopped(_there(seen.stopped)),
    ),
    Asked(
        Check(
            "goes-on-after-it",
            "Does an input that was disabled in the middle go on where it was, and lose nothing?",
            "It is enabled again; a batch of 1,000 may come twice.",
        ),
        ("stopped",),
        lambda seen: _goes_on(_there(seen.stopped)),
    ),
    Asked(
        Check(
            "default-index",
            "Do the events of an input whose index is default go into the index main?",
            "--disruptive: an input is given that index. Its events stay there.",
            ("I4",),
        ),
        ("default_index",),
        _default_index,
    ),
    Asked(
        Check(
            "goes-on-after-restart",
            "Does an input that was at work when Splunk was restarted go on where it was, and lose nothing?",
            "--disruptive: Splunk is restarted in the middle of a backlog; a batch of 1,000 may come twice.",
        ),
        ("restarted",),
        lambda seen: _goes_on(_there(seen.restarted)),
    ),
    *(
        Asked(
            Check(
                f"goes-on-after-{kill.name}",
                f"Does an input go on where it was, and lose nothing, when {kill.what} was killed?",
                "--disruptive: it is killed in the middle of a backlog; a batch of 1,000 may come twice.",
            ),
            ("killed",),
            _killed(kill.name),
        )
        for kill in KILLS
    ),
    Asked(
        Check(
            "python39",
            "Does splunk cmd python3.9 exist?",
            "--disruptive: it is started in the container.",
            ("R6",),
        ),
        ("openssl",),
        _python,
    ),
    Asked(
        Check(
            "openssl",
            "Is Splunk's Python linked with OpenSSL 1.0.2 up to 9.4, and with OpenSSL 3 from 10.0 on?",
            "--disruptive: it is asked in the container.",
            ("R1",),
            informs=True,
        ),
        ("openssl",),
        _openssl,
    ),
    Asked(
        Check(
            "no-shell",
            "Is there no shell above a running input?",
            "--disruptive: the container's processes, in the middle of a backlog.",
            ("R8",),
        ),
        ("above_inputs",),
        _no_shell,
    ),
    Asked(
        Check(
            "spoilt-secret",
            "Does an input say so if splunkd can't decrypt its secret?",
            "--disruptive: the stored secret of an account of its own is changed, and Splunk is restarted.",
            ("R15",),
        ),
        ("spoilt",),
        lambda seen: _spoilt(_there(seen.spoilt)),
    ),
    Asked(
        Check(
            "errors-of-handlers",
            "Does splunkd.log have what a persistent handler writes to standard error?",
            "--disruptive: a handler's script is given a line that writes, and Splunk is restarted.",
            ("R12",),
        ),
        ("handler_errors",),
        _handler_errors,
    ),
    Asked(
        Check(
            "client-certificates",
            "Does an input name requireClientCert where splunkd demands client certificates?",
            "--disruptive: Splunk is restarted with that setting, and without it again.",
            ("R16",),
        ),
        ("wants_certificates",),
        _wants_certificates,
    ),
    Asked(
        Check("runs-end-well", "Did all runs of the inputs end well?", "action=run_done in their logs in _internal."),
        ("outcomes",),
        _done,
    ),
    Asked(
        Check(
            "one-host",
            "Has each input run on one host alone?",
            "The hosts of its log in _internal.",
            ("R11",),
        ),
        ("hosts",),
        _hosts,
    ),
    Asked(
        Check(
            "no-refused-expressions",
            "Does Splunk take every expression of the add-on's calculated fields?",
            "splunkd.log is searched for invalid eval expressions.",
            ("S2", "S3"),
        ),
        ("refused_expressions",),
        _expressions,
    ),
    Asked(
        Check(
            "no-errors",
            "Is splunkd.log free of errors of the add-on's scripts?",
            "splunkd.log is searched for lines at the level ERROR that name one of them, since the run began.",
        ),
        ("errors",),
        _lines("errors", "lines at the level ERROR"),
    ),
    Asked(
        Check(
            "python-version",
            "Does python.version take effect, so that nothing of the add-on runs on a Python too old?",
            'splunkd.log is searched for "needs Python 3.9", since the run began.',
            ("R7",),
        ),
        ("python_complaints",),
        _lines("python_complaints", "complaints of a Python too old"),
    ),
    Asked(
        Check(
            "tls",
            "Does Splunk's Python speak TLS 1.2 or 1.3?",
            "The stand-in cloud looks. TLS 1.3 means an OpenSSL from 1.1.1 on; 1.0.2 has none.",
            ("R1", "R2"),
        ),
        ("tls",),
        _tls,
    ),
    Asked(
        Check(
            "long-run",
            "Does a session key live as long as a run of more than an hour?",
            "--long: the stand-in cloud takes its time with a backlog.",
            ("R9",),
        ),
        ("long_run",),
        _long,
    ),
)
