"""The questions to a Splunk about runs of inputs, their interruptions and their logs, each row with what answers it."""

from __future__ import annotations

import re

from acceptance import observed
from acceptance.asked import Asked, Judge, there
from acceptance.checks import Check
from acceptance.container import HANDLERS, KILLS
from acceptance.observed import Seen, Spoilt, Stopped

BATCH = 1_000
"""The most that may come twice after an incident (docs/reliability.md)."""
OUR_STANZAS = re.compile(r"\[(?:wdatp:alerts|ms:defender:|ms365:defender:|source::\(?defender_)")


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


def _killed(name: str) -> Judge:
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


_OF_HANDLERS = re.compile(rf" (?:ERROR|WARN|FATAL) +PersistentScript .*{re.escape(HANDLERS)}")
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


def _lines(name: str, what: str) -> Judge:
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


OF_RUNS = (
    Asked(
        Check(
            "disabled-in-backlog",
            "Does splunkd ask an input that is disabled to stop, before it kills it?",
            "An input is disabled in the middle of its backlog: its log has outcome=stopped.",
            ("R10", "R4"),
        ),
        ("stopped",),
        lambda seen: _stopped(there(seen.stopped)),
    ),
    Asked(
        Check(
            "goes-on-after-it",
            "Does an input that was disabled in the middle go on where it was, and lose nothing?",
            "It is enabled again; a batch of 1,000 may come twice.",
        ),
        ("stopped",),
        lambda seen: _goes_on(there(seen.stopped)),
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
        lambda seen: _goes_on(there(seen.restarted)),
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
        lambda seen: _spoilt(there(seen.spoilt)),
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
