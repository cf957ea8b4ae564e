"""The Configuration page's other tabs: what is saved is stored, and shown again."""

from __future__ import annotations

from playwright.sync_api import expect
from ui.form import Form
from ui.workplace import Workplace

SETTINGS_CONF = "ta_defender_alerts_settings"
PASSWORD = 'a "proxy" p&ssword+%20'
USER = "DOMAIN\\jo"


def test_the_proxy_logging_and_network_tabs_refuse_what_would_not_work_save_what_is_corrected_and_show_it_again(
    workplace: Workplace,
) -> None:
    workplace.write_settings("network", ca_bundle="", request_timeout="60")
    way = workplace.cloud.socks_proxy
    workplace.cloud.proxy_credentials = (USER, PASSWORD)
    texts = {"proxy_url": way.host, "proxy_port": str(way.port), "proxy_username": USER}
    proxy = workplace.open_tab("Proxy")
    workplace.picture("configuration-proxy")
    proxy.choose("proxy_type", "socks5")
    proxy.type(**texts, proxy_password="x")
    proxy.tick("proxy_rdns")
    before = workplace.conf(SETTINGS_CONF)["proxy"]
    assert "The proxy refuses this user name and password." in refusal(workplace, proxy)
    assert workplace.conf(SETTINGS_CONF)["proxy"] == before
    proxy.type(proxy_password=PASSWORD)
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

    assert workplace.splunkd.leaks_of(PASSWORD) == []


def refusal(workplace: Workplace, form: Form) -> str:
    """Press the open tab's button, and give the sentence with which the server refuses."""
    with workplace.page.expect_response(lambda response: response.request.method == "POST"):
        workplace.page.get_by_role("button", name="Save", exact=True).click()
    return form.refusal()


def save(workplace: Workplace, tab: str) -> None:
    """Press the open tab's button, and wait until the page says that it has been saved."""
    workplace.page.get_by_role("button", name="Save", exact=True).click()
    expect(workplace.page.get_by_text(f'Updated "{tab}"')).to_be_visible()
