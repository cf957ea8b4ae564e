"""What the doctor takes out of its report: what it was told, and the logins of proxies that the environment names."""

from __future__ import annotations

import pytest
from defender_alerts.splunk.log import Redaction


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
