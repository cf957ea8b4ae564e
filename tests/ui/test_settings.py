"""The Configuration page's other tabs: what is saved is stored, and shown again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from standins.microsoft.faults import RefuseTunnel
from ui.form import Form
from ui.workplace import Workplace

SETTINGS_CONF = "ta_defender_alerts_settings"
PASSWORD = 'a "proxy" p&ssword+%20'
USER = "DOMAIN\\jo"
LOGIN_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us")


def test_the_proxy_logging_and_network_tabs_save_and_show_their_values_again_and_an_account_is_checked_with_them(
    workplace: Workplace,
) -> None:
    workplace.write_settings("network", ca_bundle="", request_timeout="60")
    way = workplace.cloud.socks_proxy
    workplace.cloud.proxy_credentials = (USER, PASSWORD)
    texts = {"proxy_url": way.host, "proxy_port": str(way.port), "proxy_username": USER}
    proxy = workplace.open_tab("Proxy")
    workplace.picture("configuration-proxy")
    proxy.choose("proxy_type", "socks5")
    proxy.type(**texts, proxy_password=PASSWORD)
    proxy.tick("proxy_rdns")
    save(workplace, "proxy")
    logging = workplace.open_tab("Logging")
    workplace.picture("configuration-logging")
    assert logging.chosen("loglevel") == "INFO"
    logging.choose("loglevel", "DEBUG")
    save(workplace, "logging")
    network = workplace.open_tab("Network")
    workplace.picture("configuration-network")
    assert (network.value("ca_bundle"), network.value("request_timeout")) == ("", "60")
    network.type(ca_bundle=workplace.cloud.ca_pem, request_timeout="45")
    save(workplace, "network")

    workplace.open("configuration")
    proxy = workplace.open_tab("Proxy")
    assert {name: proxy.value(name) for name in texts} == texts
    assert proxy.value("proxy_password") == "******"
    assert proxy.chosen("proxy_type") == "socks5"
    assert (proxy.ticked("proxy_enabled"), proxy.ticked("proxy_rdns")) == (True, True)
    assert workplace.open_tab("Logging").chosen("loglevel") == "DEBUG"
    network = workplace.open_tab("Network")
    assert network.value("ca_bundle").split() == workplace.cloud.ca_pem.split()
    assert network.value("request_timeout") == "45"

    stored = workplace.conf(SETTINGS_CONF)
    assert stored["proxy"]["proxy_password"] == "******"
    assert stored["logging"]["loglevel"] == "DEBUG"

    workplace.page.get_by_role("tab", name="Accounts").click()
    workplace.page.get_by_role("button", name="Add", exact=True).click()
    dialog = workplace.dialog()
    dialog.type(**workplace.account_fields())
    dialog.save("Add")
    expect(workplace.row("corp")).to_be_visible()
    # A token for each of the four resources that the inputs want.
    assert [call.host for call in workplace.cloud.journal].count("login.microsoftonline.com") == 4
    assert workplace.splunkd.leaks_of(PASSWORD) == []


WRONG_PROXIES: tuple[tuple[dict[str, str], str], ...] = (
    ({"proxy_url": "proxy.invalid"}, "proxy.invalid:"),
    ({"proxy_port": "1"}, "127.0.0.1:1 ("),
    ({"proxy_username": "", "proxy_password": ""}, "The proxy asks for a user name and password."),
    ({"proxy_password": "x"}, "The proxy refuses this user name and password."),
)
"""What is typed over a proxy that works, and what the page says to it."""


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_would_not_work_is_refused_and_saved_when_it_is_corrected(workplace: Workplace, kind: str) -> None:
    way = {"http": workplace.cloud.proxy, "socks5": workplace.cloud.socks_proxy}[kind]
    workplace.cloud.proxy_credentials = (USER, PASSWORD)
    right = {
        "proxy_url": way.host,
        "proxy_port": str(way.port),
        "proxy_username": USER,
        "proxy_password": PASSWORD,
    }
    before = workplace.conf(SETTINGS_CONF)["proxy"]
    form = workplace.open_tab("Proxy")
    form.choose("proxy_type", kind)
    if kind == "socks5":
        form.tick("proxy_rdns")
    for wrong, words in WRONG_PROXIES:
        form.type(**{**right, **wrong})
        assert words in refusal(workplace, form)
        assert workplace.conf(SETTINGS_CONF)["proxy"] == before
    # Before there is an account, a way to the login of any cloud is enough.
    for host in LOGIN_HOSTS:
        workplace.cloud.faults.add(host, RefuseTunnel(403), times=1)
    form.type(**right)
    assert "opens no tunnel to login.microsoftonline.com:443" in refusal(workplace, form)
    save(workplace, "proxy")
    assert workplace.conf(SETTINGS_CONF)["proxy"]["proxy_username"] == USER


def refusal(workplace: Workplace, form: Form) -> str:
    """Press the open tab's button, and give the sentence with which the server refuses."""
    with workplace.page.expect_response(lambda response: response.request.method == "POST"):
        workplace.page.get_by_role("button", name="Save", exact=True).click()
    return form.refusal()


def save(workplace: Workplace, tab: str) -> None:
    """Press the open tab's button, and wait until the page says that it has been saved."""
    workplace.page.get_by_role("button", name="Save", exact=True).click()
    expect(workplace.page.get_by_text(f'Updated "{tab}"')).to_be_visible()
