from __future__ import annotations

import pytest
from standins.microsoft import odata_filter, ticks
from standins.microsoft.odata_filter import Dates, Property, RefusedQueryError

PROPERTIES = (
    Property("changed", "date"),
    Property("made", "date"),
    Property("number", "number"),
    Property("owner", "text"),
    Property("severity", "enum", ("low", "medium", "high")),
)
NOON = ticks.parse("2026-03-01T12:00:00Z")


def holds(text: str, dates: Dates = Dates(), **values: int | str | None) -> bool:  # noqa: B008 - frozen
    return odata_filter.read(text, PROPERTIES, dates).holds({"changed": NOON, "severity": "high", **values})


@pytest.mark.parametrize(("text", "passes"), [
    ("changed ge 2026-03-01T12:00:00Z", True),
    ("changed ge 2026-03-01T12:00:00.0000001Z", False),
    ("changed gt 2026-03-01T12:00:00Z", False),
    ("changed gt 2026-03-01T11:59:59.9999999Z", True),
    ("changed le 2026-03-01T12:00:00.0000000Z", True),
    ("changed le 2026-03-01T11:59:59.9999999Z", False),
    ("changed lt 2026-03-01T12:00:00.0000001Z", True),
    ("changed lt 2026-03-01T12:00:00Z", False),
    ("changed eq 2026-03-01T13:00:00+01:00", True),
    ("changed eq 2026-03-01T12:00:00.1Z", False),
    ("severity eq 'high'", True),
    ("severity eq 'low'", False),
    ("(severity eq 'high')", True),
    ("((severity eq 'low') or (severity eq 'high'))", True),
    ("owner eq null", True),
    ("made ge 2026-03-01T12:00:00Z", False),
    ("made lt 2026-03-01T12:00:00Z", False),
    ("number eq 4711", False),
])  # fmt: skip
def test_a_comparison_holds_or_not_to_the_tick(text: str, *, passes: bool) -> None:
    assert holds(text) is passes


def test_and_binds_stronger_than_or_and_brackets_stronger_still() -> None:
    assert holds("severity eq 'high' or severity eq 'low' and owner eq 'x'")
    assert not holds("(severity eq 'high' or severity eq 'low') and owner eq 'x'")


def test_a_quote_in_a_string_is_doubled_and_numbers_stay_bare() -> None:
    assert holds("owner eq 'O''Neill (x) and y' and number eq 12", owner="O'Neill (x) and y", number=12)
    assert holds("number ge 12 and number lt 13", number=12)


@pytest.mark.parametrize("text", [
    "",
    "changed",
    "changed ge",
    "changed ge '2026-03-01T12:00:00Z'",
    "changed ge 2026-03-01",
    "changed ge 2026-03-01T12:00:00",
    "changed ge 2026-03-01 12:00:00Z",
    "changed ge 2026-03-01t12:00:00z",
    "changed ge 2026-03-01T12:00:00 01:00",
    "changed ge 2026-02-31T12:00:00Z",
    "changed ge 2026-03-01T12:00:00.12345678Z",
    "changed ge datetime'2026-03-01T12:00:00Z'",
    "changed ge null",
    "Changed ge 2026-03-01T12:00:00Z",
    "changed GE 2026-03-01T12:00:00Z",
    "changed ne 2026-03-01T12:00:00Z",
    "changed ge 2026-03-01T12:00:00Z AND severity eq 'high'",
    "changed ge 2026-03-01T12:00:00Z and",
    "changed ge 2026-03-01T12:00:00Z severity eq 'high'",
    "state eq 'x'",
    "owner eq x",
    'owner eq "x"',
    "owner eq 'x",
    "owner eq 'x'and severity eq 'high'",
    "owner eq'x'",
    "owner gt 'x'",
    "severity eq high",
    "severity eq 'High'",
    "severity eq 'unheard-of'",
    "severity gt 'low'",
    "severity in ('low','high')",
    "not severity eq 'low'",
    "startswith(owner,'x')",
    "number eq '12'",
    "number eq 1.5",
    "(severity eq 'high'",
    "severity eq 'high')",
    "()",
])  # fmt: skip
def test_whatever_isnt_documented_is_refused(text: str) -> None:
    with pytest.raises(RefusedQueryError):
        odata_filter.read(text, PROPERTIES, Dates())


def test_dates_may_be_rounded_down_and_their_digits_limited() -> None:
    assert holds("changed ge 2026-03-01T12:00:00.0009999Z", Dates(unit=ticks.PER_MILLISECOND))
    assert not holds("changed ge 2026-03-01T12:00:00.0010000Z", Dates(unit=ticks.PER_MILLISECOND))
    assert not holds("changed gt 2026-03-01T12:00:00.123Z", Dates(most_digits=3))
    with pytest.raises(RefusedQueryError, match="fraction digits"):
        holds("changed gt 2026-03-01T12:00:00.1234Z", Dates(most_digits=3))


@pytest.mark.parametrize(("text", "since", "until", "rest"), [
    ("changed ge 2026-03-01T12:00:00Z and changed lt 2026-03-01T12:00:01Z", NOON, NOON + ticks.PER_SECOND, False),
    ("changed gt 2026-03-01T12:00:00Z and changed le 2026-03-01T12:00:01Z", NOON + 1, NOON + ticks.PER_SECOND + 1, False),
    ("changed eq 2026-03-01T12:00:00Z", NOON, NOON + 1, False),
    ("(changed ge 2026-03-01T12:00:00Z and (changed ge 2026-01-01T12:00:00Z)) and severity eq 'low'", NOON, None, True),
    ("changed ge 2026-03-01T12:00:00Z or severity eq 'low'", None, None, True),
    ("made ge 2026-03-01T12:00:00Z", None, None, True),
])  # fmt: skip
def test_bounds_are_taken_out_only_where_they_hold_for_all(
    text: str, since: int | None, until: int | None, *, rest: bool
) -> None:
    taken = odata_filter.within(odata_filter.read(text, PROPERTIES, Dates()), "changed")
    assert (taken.since, taken.until, taken.rest is not None) == (since, until, rest)
