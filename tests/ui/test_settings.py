"""The Configuration page's other tabs: what is saved is stored, and shown again."""

from __future__ import annotations

from playwright.sync_api import expect
from ui.workplace import Workplace

SETTINGS_CONF = "ta_defender_alerts_settings"
PASSWORD = 'a "proxy" p&ssword+%20'
TEXTS = {"proxy_url": "2001:db8::10", "proxy_port": "1080", "proxy_username": "DOMAIN\\jo"}


def test_the_proxy_logging_and_network_tabs_save_and_show_their_values_again(workplace: Workplace) -> None:
    workplace.write_settings("network", ca_bundle="", request_timeout="60")
    proxy = workplace.open_tab("Proxy")
    workplace.picture("configuration-proxy")
    proxy.choose("proxy_type", "socks5")
    proxy.type(**TEXTS, proxy_password=PASSWORD)
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
    assert {name: proxy.value(name) for name in TEXTS} == TEXTS
    assert proxy.value("proxy_password") == "******"
    assert proxy.chosen("proxy_type") == "socks5"
    assert (proxy.ticked("proxy_enabled"), proxy.ticked("proxy_rdns")) == (True, True)
    assert workplace.open_tab("Logging").chosen("loglevel") == "DEBUG"
    network = workplace.open_tab("Network")
    workplace.picture("configuration-network-filled")
    assert network.value("ca_bundle").split() == workplace.cloud.ca_pem.split()
    assert network.value("request_timeout") == "45"

    stored = workplace.conf(SETTINGS_CONF)
    assert stored["proxy"]["proxy_password"] == "******"
    assert stored["logging"]["loglevel"] == "DEBUG"
    assert workplace.splunkd.places_of(PASSWORD) == []


def test_an_account_is_checked_through_the_proxy_and_with_the_ca_that_the_tabs_have_saved(workplace: Workplace) -> None:
    way = workplace.cloud.socks_proxy
    workplace.write_settings("network", ca_bundle="", request_timeout="5")
    workplace.write_settings("proxy", proxy_enabled="0", proxy_url="", proxy_port="")
    proxy = workplace.open_tab("Proxy")
    proxy.tick("proxy_enabled")
    proxy.choose("proxy_type", "socks5")
    proxy.type(proxy_url=way.host, proxy_port=str(way.port))
    proxy.tick("proxy_rdns")
    save(workplace, "proxy")
    workplace.open_tab("Network").type(ca_bundle=workplace.cloud.ca_pem)
    save(workplace, "network")
    workplace.page.get_by_role("tab", name="Accounts").click()
    workplace.page.get_by_role("button", name="Add", exact=True).click()
    dialog = workplace.dialog()
    dialog.type(**workplace.account_fields())
    dialog.save("Add")
    expect(workplace.row("corp")).to_be_visible()
    # A token for each of the four resources that the inputs want, and nothing else.
    assert [call.host for call in workplace.cloud.journal] == ["login.microsoftonline.com"] * 4


def save(workplace: Workplace, tab: str) -> None:
    """Press the open tab's button, and wait until the page says that it has been saved."""
    workplace.page.get_by_role("button", name="Save", exact=True).click()
    expect(workplace.page.get_by_text(f'Updated "{tab}"')).to_be_visible()
