"""The REST handler of Configuration > Proxy and Network: tries the proxy and the certificates before they are saved.

UCC (6.6) supports ``restHandlerModule`` only for tabs with a table. ``additional_packaging.py`` puts this handler into
the module that UCC generates for the other tabs.
"""

from __future__ import annotations

from typing import Any

from defender_alerts.diagnostics.network import check_ca_bundle, check_proxy
from defender_alerts.microsoft.network import read_ca_bundle, read_proxy
from defender_alerts.settings import cleaned, is_true, without_invisible
from defender_alerts.splunk.inputs import texts
from defender_alerts.splunk.names import ACCOUNT_CONF, SETTINGS_CONF
from defender_alerts.splunk.stored_settings import MASKS, proxy_secrets

from .page import PageHandler, answering

_PASSWORD = "proxy_password"  # noqa: S105 - a name


class SettingsHandler(PageHandler):
    """Adds to UCC's handler a check of the proxy and of the CA certificates.

    A proxy is not checked while Use a proxy is not ticked, so that it can be saved before the network is open.
    """

    @answering()
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then save."""
        for field, value in self.payload.items():
            self.payload[field] = without_invisible(value) if field == _PASSWORD else cleaned(value)
        left_out = ""
        if self.callerArgs.id == "proxy":
            self._check_proxy()
        elif self.callerArgs.id == "network":
            left_out = check_ca_bundle(self.payload.get("ca_bundle", ""))
        super().handleEdit(confInfo)
        if left_out:
            confInfo.addWarnMsg(f"Of the CA certificates, some are not used: {left_out}.")

    def _check_proxy(self) -> None:
        splunkd = self.splunkd()
        fields = {**texts(splunkd.stanza(SETTINGS_CONF, "proxy") or {}), **self.payload}
        if not is_true(fields.get("proxy_enabled")):
            return
        given = self.payload.get(_PASSWORD)
        is_kept = given is None or given in MASKS
        proxy = read_proxy(fields, proxy_secrets(splunkd) if is_kept else {_PASSWORD: given or ""})
        network = texts(splunkd.stanza(SETTINGS_CONF, "network") or {})
        accounts = splunkd.stanzas(ACCOUNT_CONF).values()
        check_proxy(
            proxy,
            (account.get("cloud") or "" for account in accounts),
            # The certificates are only needed for TLS with the proxy itself.
            read_ca_bundle(network.get("ca_bundle", "")) if proxy.kind == "https" else "",
        )
