"""How splunkd is set up, and how it is while it starts: what that costs a run and the pages, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.installation import APP, KIND, NARROW, Installation, raws, texts
from integration.log import errors
from integration.saving import refusal_of, row
from standins.splunkd import Fault


def test_a_run_waits_for_a_splunkd_that_starts_and_says_so(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(3))
    fault = installed.splunkd.faults.add(Fault("conf-ta_defender_alerts_settings", status=503, times=2))
    run = installed.run(NARROW)
    assert fault.hits == 2
    assert (run.status, len(run.events)) == (0, 3)
    [line] = [line for line in installed.log(NARROW) if "splunkd is busy or starting" in line.text]
    assert "up to 120 s" in line.text


def test_a_run_that_waits_for_splunkd_ends_when_it_is_asked_to(installed: Installation) -> None:
    installed.splunkd.faults.add(Fault("conf-ta_defender_alerts_settings", status=503))
    process = installed.start(NARROW)
    while not [line for line in installed.log(NARROW) if "splunkd is busy or starting" in line.text]:
        assert process.running()
    process.terminate()
    assert process.wait(20).status == 0


def test_a_splunkd_that_wants_certificates_of_its_callers_is_said_to(installed_on_each: Installation) -> None:
    installed = installed_on_each
    with installed.splunkd.requiring_certificates():
        run = installed.run(NARROW)
    assert (run.status, run.stdout_bytes) == (2, 0), run.stderr
    [error] = errors(installed.log(NARROW))
    assert error.category == "Configuration Error"
    assert "splunkd ends the connection before it answers (" in error.text
    assert "If server.conf has requireClientCert = true under [sslConfig], set it to false" in error.text
    assert installed.run(NARROW).status == 0


def _each_page(installed: Installation) -> dict[str, Callable[[], object]]:
    """Give what the pages ask of splunkd: listed, shown, saved, changed and deleted."""
    web = installed.splunkd.web
    return {
        "accounts": lambda: web.get(f"{APP}_account", count="-1"),
        "account": lambda: web.get(f"{APP}_account/corp"),
        "new account": lambda: installed.save_account("another", skip_check="1"),
        "changed account": lambda: installed.edit_account(client_secret=installed.secret),
        "deleted account": lambda: web.delete(f"{APP}_account/corp"),
        "inputs": lambda: web.get(f"{APP}_{KIND}", count="-1"),
        "new input": lambda: installed.save_input("another", regions="eu"),
        "changed input": lambda: web.post(f"{APP}_{KIND}/{NARROW}", {"interval": "600"}),
        "disabled input": lambda: web.post(f"{APP}_{KIND}/{NARROW}", {"disabled": "true"}),
        "deleted input": lambda: web.delete(f"{APP}_{KIND}/{NARROW}"),
        "logging": lambda: web.get(f"{APP}_settings/logging"),
        "new log level": lambda: installed.save_settings("logging", loglevel="INFO"),
        "proxy": lambda: installed.save_proxy(installed.cloud.proxy),
        "certificates": lambda: installed.save_network(installed.cloud.ca_pem),
        "status": lambda: web.get("defender_alerts_status"),
        "doctor": lambda: web.get("defender_alerts_doctor", kind=KIND, input=NARROW),
    }


def _refusals(installed: Installation) -> dict[str, str]:
    return {page: refusal_of(ask) for page, ask in _each_page(installed).items()}


def test_each_page_says_so_too(installed_on_each: Installation) -> None:
    with installed_on_each.splunkd.requiring_certificates():
        refusals = _refusals(installed_on_each)
    for page, refusal in refusals.items():
        assert "splunkd ends the connection before it answers (" in refusal, page
        assert "If server.conf has requireClientCert = true under [sslConfig], set it to false" in refusal, page
        assert "Unexpected error" not in refusal or "RestError" in refusal, page


def test_each_page_says_that_splunkd_does_not_answer(installed: Installation) -> None:
    installed.splunkd.faults.add(Fault("/(configs|data|storage|authentication)/", dropped=True))
    for page, refusal in _refusals(installed).items():
        assert "splunkd gives this page no usable answer (RemoteDisconnected: " in refusal, page


@pytest.mark.parametrize("path", ["configs/conf-", "storage/passwords", "storage/collections/data"])
def test_a_run_that_splunkd_answers_in_another_shape_says_so_and_loses_nothing(
    installed: Installation, path: str
) -> None:
    published = installed.alerts(3)
    installed.publish("eu", published)
    fault = installed.splunkd.faults.add(Fault(path, methods=frozenset({"GET"}), status=200))
    run = installed.run(NARROW)
    assert run.status != 0
    assert run.events == []
    (error,) = errors(installed.log(NARROW))
    assert "JSON of another shape" in error.text
    installed.splunkd.faults.remove(fault)
    assert raws(installed.run(NARROW), "eu") == texts(published)


@pytest.mark.parametrize("page", ["status", "doctor"])
def test_our_own_endpoints_say_that_splunkd_answers_in_another_shape(installed: Installation, page: str) -> None:
    installed.splunkd.faults.add(Fault("/(data|authentication)/", methods=frozenset({"GET"}), status=200))
    assert "JSON of another shape" in refusal_of(_each_page(installed)[page])


# An entry without content, a list, and a page of whatever stands in front of splunkd.
ODD_ANSWERS = (b'{"entry":[{"name":"corp","content":[]}]}', b"[]", b"<html><body>Sign in</body></html>")
READS_OF_PAGES = ("/(configs|data|storage|authentication|server)/", "conf-ta_defender_alerts_|data/(inputs|ta_)")


@pytest.mark.parametrize(
    ("path", "content"),
    [(READS_OF_PAGES[0], ODD_ANSWERS[0]), *((READS_OF_PAGES[1], content) for content in ODD_ANSWERS[1:])],
)
def test_each_page_says_that_splunkd_answers_in_another_shape_and_shows_no_traceback(
    installed: Installation, path: str, content: bytes
) -> None:
    fault = installed.splunkd.faults.add(Fault(path, status=200, content=content))
    refusals = _refusals(installed)
    installed.splunkd.faults.remove(fault)
    said = {page: refusal for page, refusal in refusals.items() if "gives this page no usable answer (" not in refusal}
    assert said == {}
    assert [page for page, refusal in refusals.items() if "Traceback" in refusal or "Unexpected" in refusal] == []


def test_a_secret_store_that_answers_in_another_shape_is_not_taken_for_an_account_that_is_not_there(
    installed: Installation,
) -> None:
    installed.splunkd.faults.add(Fault("storage/passwords", frozenset({"GET"}), status=200, content=b"[]"))
    assert "gives this page no usable answer (" in refusal_of(_each_page(installed)["changed account"])


@pytest.mark.parametrize("bind_ip", ["::1", "[::1]:8089"])
def test_pages_and_inputs_work_where_splunkd_is_bound_to_an_IPv6_address(installed: Installation, bind_ip: str) -> None:
    with installed.splunkd.listening_on_ipv6(bind_ip):
        assert row(installed, "corp")["tenant_id"] == installed.tenant.guid
        assert row(installed, NARROW, KIND)["account"] == "corp"
        installed.edit_account(client_secret=installed.secret)
        assert installed.run(NARROW).status == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            "Request exceeds API limits - see limits.conf for details. (max_size_per_batch_save_mb=1)",
            "raise max_size_per_batch_save_mb there",
        ),
        (
            "Too many documents for a single batch save, max_documents_per_batch_save=1",
            "raise max_documents_per_batch_save there",
        ),
        ("Request exceeds API limits - see limits.conf for details.", "raise what was lowered there"),
    ],
)
def test_where_splunkd_names_a_limit_the_advice_is_limits_conf(installed: Installation, words: str, named: str) -> None:
    installed.publish("eu", installed.alerts(3))
    installed.splunkd.faults.add(Fault("batch_save", status=400, text=words))
    run = installed.run(NARROW)
    assert run.status == 3
    error = errors(installed.log(NARROW))[0]
    assert f"The limit is set in limits.conf, [kvstore]: {named}" in error.text
    assert "mongod.log" not in error.text
