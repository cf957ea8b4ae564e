"""The questions to a Splunk about what it saves, searches and has indexed, each row with what answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from knowledge import cim

from acceptance import observed
from acceptance.asked import Asked, Judge, there
from acceptance.checks import Check
from acceptance.observed import Difference, Huge, Row, Seen

_TIME_SLACK = 0.0015
"""Seconds: `<time>` has milliseconds, and a version time has more digits."""


def _version(seen: Seen) -> tuple[list[str], str]:
    there, here = seen.version or ("", "")
    return ([] if there == here else [f"{there or 'no version'} is installed, this checkout is {here}"]), there


def _saved(*which: str) -> Judge:
    def judge(seen: Seen) -> tuple[list[str], str]:
        said = {name: text for name, text in (seen.saved or {}).items() if name.startswith(which)}
        wrong = [f"{name}: {text}" for name, text in said.items() if text]
        return wrong or ([] if said else ["nothing was saved"]), f"{len(said)} saved"

    return judge


def _confirmed(number: int) -> Judge:
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


def _fields(select: Callable[[Difference], bool], wanted: frozenset[str]) -> Judge:
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


def _counts(name: str) -> Judge:
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


_REST = observed.made_fields() - observed.of_evidence() - observed.WHERE_FROM - observed.aliases()

OF_EVENTS = (
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
        lambda seen: _huge(there(seen.huge)),
    ),
    Asked(
        Check(
            "fields-of-huge-event",
            "Has an alert of 8 MB all its fields?",
            "Those of the one that was collected, with its evidence behind the 8 MB.",
            ("S1", "S2b"),
        ),
        ("huge",),
        lambda seen: _fields_of_huge(there(seen.huge)),
    ),
)
