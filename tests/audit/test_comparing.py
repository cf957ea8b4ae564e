"""What an audit says of the index: complete, missing, repeated, and what it can't tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from audit.audited import FAR_PAST, Audited
from defender_alerts.times import iso, parse_iso
from integration.installation import DAY
from standins.microsoft import ticks
from standins.microsoft.samples import siem_alert
from standins.polling import NoWaiting
from standins.splunkd.faults import Fault


class Indexing(NoWaiting):
    """A wait in which something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens = happens

    def wait(self, timeout: float | None = None) -> bool:
        self._happens()
        return super().wait(timeout)


def test_an_index_that_holds_everything_once_is_complete(audited: Audited) -> None:
    audited.collected({"us": 5, "eu": 7, "uk": 3})
    done = audited.audit()
    assert done.status == 0, done.err
    assert re.findall(r"^(\w\w) +(\d+) +(\d+) +0 +0 +0 +complete$", done.out, re.MULTILINE) == [
        ("us", "5", "5"),
        ("eu", "7", "7"),
        ("uk", "3", "3"),
    ]
    assert audited.installation.secret not in done.out + done.err


def test_a_program_gets_one_json_object_for_each_region(audited: Audited) -> None:
    audited.collected({"eu": 4})
    done = audited.audit("--json")
    assert [(one["region"], one["result"], one["existing"], one["indexed"]) for one in done.lines] == [
        ("us", "complete", 0, 0),
        ("eu", "complete", 4, 4),
        ("uk", "complete", 0, 0),
    ]


def test_a_missing_alert_is_named_with_its_version_time(audited: Audited) -> None:
    (lost,) = audited.collected({"eu": 6}, lost=[2])
    done = audited.audit("--json")
    assert done.status == 1
    (finding,) = done.findings
    alert = json.loads(lost.raw)
    assert (finding["finding"], finding["region"]) == ("missing", "eu")
    assert finding["id"] == f"{alert['FullId']}|{alert.get('AlertPart')}"
    assert parse_iso(finding["version_time"]) == parse_iso(alert["LastProcessedTimeUtc"])
    assert (done.regions["eu"]["missing"], done.regions["eu"]["indexed"]) == (1, 5)


def test_a_repeated_alert_is_named_with_how_often_it_is_there(audited: Audited) -> None:
    audited.collected({"eu": 4, "us": 2})
    again = next(event for event in audited.indexed if ":eu:" in event.source)
    audited.indexed.extend([again, again])
    done = audited.audit("--json")
    assert done.status == 1
    assert [(one["finding"], one["region"], one["count"]) for one in done.findings] == [("repeated", "eu", 3)]
    assert done.regions["eu"]["result"] == "repeated"
    assert done.regions["us"]["result"] == "complete"
    assert "repeated  eu" in audited.audit().out
    assert "3 times" in audited.audit().out


def test_the_same_alert_of_another_input_or_region_is_no_repetition_and_no_substitute(audited: Audited) -> None:
    (lost,) = audited.collected({"eu": 3}, lost=[1])
    for source in (lost.source.upper(), lost.source + "2", lost.source.replace(":eu:", ":uk:")):
        audited.indexed.append(type(lost)(lost.raw, lost.time, source, lost.sourcetype, lost.host, lost.index))
    done = audited.audit("--json")
    assert (done.regions["eu"]["missing"], done.regions["eu"]["repeated"]) == (1, 0)
    assert done.regions["uk"]["gone"] == 1


def test_an_alert_in_another_index_is_not_missing(audited: Audited) -> None:
    """The input's index may have been changed since."""
    (moved,) = audited.collected({"eu": 3}, lost=[1])
    audited.indexed.append(type(moved)(moved.raw, moved.time, moved.source, moved.sourcetype, moved.host, "security"))
    assert audited.audit().status == 0


def test_alerts_of_any_size_are_found(audited: Audited) -> None:
    start = audited.installation.cloud.clock.now() - DAY
    bulk = '"' + "x" * 300_000 + '"'
    alerts = []
    for number in range(3):
        small = siem_alert(number, start + number).decode()
        alerts.append(('{"Bulk": ' + bulk + ", " + small.lstrip()[1:]).encode())
    audited.installation.publish("eu", alerts)
    audited.run()
    assert min(len(event.raw) for event in audited.indexed) > 300_000
    assert audited.audit().status == 0
    audited.lose([0])
    assert audited.audit("--json").regions["eu"]["missing"] == 1


@pytest.mark.parametrize("digits", range(8))
def test_versions_are_told_apart_to_the_last_digit(audited: Audited, digits: int) -> None:
    start = audited.installation.cloud.clock.now() - DAY
    start -= start % ticks.PER_SECOND
    step = 10 ** (7 - digits)
    audited.installation.publish("eu", [siem_alert(7, start + number * step) for number in range(3)])
    audited.run()
    audited.lose([1])
    (finding,) = audited.audit("--json").findings
    assert parse_iso(finding["version_time"]) == start + step


def test_a_time_that_splunk_rounds_up_is_still_of_its_range(audited: Audited) -> None:
    start = audited.installation.cloud.clock.now() - DAY
    end = start - start % ticks.PER_SECOND
    audited.installation.publish("eu", [siem_alert(7, end - 1)])
    audited.run()
    assert audited.audit("--json", end=iso(end)).regions["eu"]["indexed"] == 1


def test_more_alerts_than_splunk_returns_by_itself_are_compared(audited: Audited) -> None:
    audited.collected({"eu": 150})
    assert audited.audit().status == 0


def test_only_the_range_is_compared(audited: Audited) -> None:
    audited.collected({"eu": 10})
    first = min(int(Decimal(event.time or "") * ticks.PER_SECOND) for event in audited.indexed)
    audited.lose([0, 5, 9])
    start, end = (iso(first + offset * ticks.PER_SECOND) for offset in (5, 9))
    region = audited.audit("--json", start=start, end=end).regions["eu"]
    assert (region["existing"], region["missing"]) == (4, 1)


def test_a_region_that_fails_leaves_the_others_audited(audited: Audited) -> None:
    audited.collected({"us": 2, "eu": 2, "uk": 2})
    audited.installation.cloud.siem("eu").retired = "404"
    try:
        done = audited.audit("--json")
    finally:
        audited.installation.cloud.siem("eu").retired = None
    assert done.status == 1
    assert [(name, one["result"]) for name, one in done.regions.items()] == [
        ("us", "complete"),
        ("eu", "failed"),
        ("uk", "complete"),
    ]
    assert "no longer serves alerts" in done.regions["eu"]["error"]


def test_what_is_not_due_yet_is_not_missing(audited: Audited) -> None:
    audited.collected({"eu": 2})
    audited.publish({"eu": 5}, ago=60 * ticks.PER_SECOND)
    done = audited.audit("--json")
    assert done.status == 0
    assert done.regions["eu"]["existing"] == 2
    assert parse_iso(done.regions["eu"]["audited_to"]) < audited.installation.cloud.clock.now()


def test_what_splunk_is_still_indexing_is_waited_for(audited: Audited) -> None:
    late = audited.collected({"eu": 4}, lost=[3])
    stop = Indexing(lambda: audited.indexed.extend(late))
    audited.stop = stop
    assert audited.audit("--collect").status == 0
    assert audited.orders() == []
    assert len(stop.waits) == 1
    assert 0 < stop.waits[0] <= 60


def test_an_event_that_tells_no_identity_makes_what_is_missing_doubtful(audited: Audited) -> None:
    (lost,) = audited.collected({"eu": 3}, lost=[1])
    broken = lost.raw[:-20]
    audited.indexed.append(type(lost)(broken, lost.time, lost.source, lost.sourcetype, lost.host, lost.index))
    done = audited.audit("--collect")
    assert done.status == 1
    assert "don't tell which alert they are" in done.out
    assert "Nothing was ordered" in done.out
    assert audited.orders() == []


def test_a_user_who_sees_no_event_is_told_so_and_nothing_is_ordered(audited: Audited) -> None:
    audited.collected({"eu": 3})
    audited.installation.splunkd.searches.hidden["admin"] = {"main"}
    done = audited.audit("--collect")
    assert done.status == 3
    assert "shows this user no event at all" in done.out
    # It is not that they are missing: nothing can be known of them.
    assert "missing   eu" not in done.out
    assert audited.orders() == []


def test_a_long_list_is_cut_and_says_how_to_have_all(audited: Audited) -> None:
    audited.collected({"eu": 70}, lost=range(1, 61))
    done = audited.audit("--grace", "0")
    assert done.status == 1
    assert done.out.count("missing   eu") == 50
    assert "... and 10 more. With --all, each of them is listed." in done.out
    assert "Run it again with --collect" in done.out
    assert audited.audit("--grace", "0", "--all").out.count("missing   eu") == 60
    assert "Run it again with --collect" not in audited.audit("--grace", "0", "--collect").out


def test_a_wait_for_splunk_is_announced(audited: Audited) -> None:
    audited.collected({"eu": 3}, lost=[1])
    # No wait lasts here, and there is one left however slow the machine is.
    done = audited.audit("--grace", "600")
    assert "Waiting " in done.err
    assert "Region eu: asking Microsoft" in done.err


def test_a_warning_of_splunks_is_passed_on_and_nothing_is_ordered(audited: Audited) -> None:
    audited.collected({"eu": 3}, lost=[1])
    audited.installation.splunkd.searches.messages = [("INFO", "all is well"), ("WARN", "indexer 3 is down")]
    done = audited.audit("--collect")
    assert done.status == 1
    assert "Splunk remarks: indexer 3 is down" in done.out
    assert "all is well" not in done.out
    assert audited.orders() == []


def test_a_search_that_splunk_refuses_ends_with_3(audited: Audited) -> None:
    audited.collected({"eu": 3})
    text = "Search not executed: The maximum number of concurrent historical searches has been reached."
    audited.installation.splunkd.faults.add(Fault("/search/v2/jobs", status=503, text=text))
    done = audited.audit("--json")
    assert done.status == 3
    assert "HTTP 503: Search not executed" in done.regions["eu"]["error"]


def test_a_search_that_fails_while_it_runs_ends_with_3(audited: Audited) -> None:
    audited.collected({"eu": 3})
    audited.installation.splunkd.searches.messages = [("FATAL", "the search process died")]
    done = audited.audit("--json")
    assert done.status == 3
    assert "the search process died" in done.regions["eu"]["error"]


def test_a_search_without_an_answer_ends_with_3(audited: Audited) -> None:
    audited.collected({"eu": 3})
    audited.installation.splunkd.faults.add(Fault("/search/v2/jobs", dropped=True))
    assert audited.audit("--json").regions["eu"]["error"].startswith("Splunk gave the search no usable answer")


def test_a_kv_store_that_is_down_ends_with_3(audited: Audited) -> None:
    audited.run()
    audited.installation.splunkd.kvstore.fail_writes()
    audited.installation.splunkd.kvstore.refuse_next(99)
    done = audited.audit()
    assert done.status == 3
    assert "KV store" in done.err


def test_the_audit_writes_nothing_unless_it_is_asked_to(audited: Audited) -> None:
    audited.collected({"eu": 3}, lost=[0])
    before = audited.installation.checkpoints()
    calls = len(audited.installation.splunkd.journal)
    assert audited.audit(start=FAR_PAST).status == 1
    assert audited.installation.checkpoints() == before
    written = [call.path for call in audited.installation.splunkd.journal[calls:] if call.method != "GET"]
    assert set(written) == {"/services/auth/login", "/servicesNS/nobody/TA_defender_alerts/search/v2/jobs/"}
