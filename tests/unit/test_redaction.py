"""One rule of what is taken out: of the log, of reports, of standard error."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from defender_alerts.microsoft.network import Proxy
from defender_alerts.splunk.log import Redaction
from hypothesis import assume, given
from hypothesis import strategies as st

# A mask among the secrets could not be told from a secret that was taken out.
SECRETS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1)
FORMS = (
    str,
    quote,
    quote_plus,
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(secret, safe="").replace("%C3", "%c3").replace("%2F", "%2f"),
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: Proxy("http", "proxy.example", 3128, "user", secret).url,
)


@given(st.lists(SECRETS, min_size=1), st.lists(st.one_of(st.text(), st.integers(0, len(FORMS) - 1))))
def test_no_secret_is_left_in_any_form_wherever_it_stands(secrets: list[str], parts: list[str | int]) -> None:
    redaction = Redaction()
    for secret in secrets:
        redaction.hide(secret)
    text = "".join(
        part if isinstance(part, str) else FORMS[part](secrets[position % len(secrets)])
        for position, part in enumerate(parts)
    )
    assume("*" not in text)
    cleaned = redaction.clean(text)
    assert [secret for secret in secrets for form in FORMS[:-1] if form(secret) in cleaned] == []


@given(SECRETS, st.text())
def test_what_is_no_secret_stays_as_it_is(secret: str, text: str) -> None:
    assume(all(form(secret) not in text for form in FORMS[:-1]))
    assume("%" not in text)
    redaction = Redaction()
    redaction.hide(secret, "")
    assert redaction.clean(text) == text


def test_what_was_hidden_once_stays_hidden() -> None:
    redaction = Redaction()
    redaction.hide("session")
    redaction.hide("secret")
    assert redaction.clean("session, secret") == "******, ******"


def test_the_login_of_a_proxy_is_taken_out_as_HTTP_writes_it() -> None:
    redaction = Redaction()
    redaction.hide(*Proxy("http", "proxy.example", 3128, "user", "pä ss").secrets)
    assert redaction.clean("Basic dXNlcjpww6Qgc3M=, Basic dXNlcjpw5CBzcw==") == "Basic ******, Basic ******"


def test_the_login_of_the_environments_proxy_is_taken_out_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://splunk:p%40ss%2Fword@proxy.example:3128")
    clean = Redaction().clean
    assert clean("http://splunk:p%40ss%2Fword@proxy.example:3128") == "http://******@proxy.example:3128"
    assert clean("p%40ss%2Fword, p@ss/word") == "******, ******"


def test_a_proxy_without_a_login_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert Redaction().clean("http://proxy.example:3128") == "http://proxy.example:3128"


def test_a_secret_that_holds_another_one_is_taken_out_whole() -> None:
    redaction = Redaction()
    redaction.hide("word", "", "pass-word-long")
    assert redaction.clean("pass-word-long and word") == "****** and ******"
