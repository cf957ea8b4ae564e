"""Rows: what goes wrong on the way to Microsoft."""

from __future__ import annotations

from defender_alerts.collect.poll import Plan
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.apis.siem_alerts import SiemApi
from defender_alerts.microsoft.network import Proxy
from faults.polls import LOGIN, Polls, at_api, settings
from faults.row import EVERYTHING, GOES_ON, NOTHING, OTHER_REGIONS, WHEN_OVER, Group, Row
from faults.subjects import CODE_PATHS, SIEM_ALERTS
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate
from standins.polling import ChangedSettings, http_proxy

_CORRECT_THE_LOGIN = "Correct User name and Password under Configuration > Proxy."
_CHECK_THE_PROXY = "Check host, port and type under Configuration > Proxy, and that the proxy lets {host}:443 pass."
_NO_WAY = (
    "The proxy opens no tunnel to {{host}}:443 (…{status}…). Check that the proxy lets {{host}}:443 pass and that it can resolve "
    "that name.{{retirement}}"
)
_NOWHERE = "nowhere.windows.invalid"
"""A name that no resolver knows (RFC 6761, 6.4)."""


def _wrong_password(stage: Polls) -> None:
    stage.cloud.proxy_credentials = ("splunk", "right")
    stage.polled.proxy = http_proxy(stage.cloud.proxy)._replace(username="splunk", password="wrong")


def _unresolved(stage: Polls) -> None:
    """The API's host has a name that nobody knows, and is to be reached without the proxy."""

    def plan(usual: Plan) -> Plan:
        def elsewhere(api: Api) -> Api:
            assert isinstance(api, (SiemApi, ODataApi))
            return api._replace(host=_NOWHERE) if api.region == stage.subject.region else api

        return usual._replace(own=ChangedSettings(usual.own, elsewhere))

    stage.patch.setenv("HTTPS_PROXY", stage.cloud.proxy.url())
    stage.patch.setenv("NO_PROXY", ".invalid")
    stage.network = lambda network: network._replace(proxy=None)
    stage.plan = plan


def _distrusted(name: str, provoked: str, certificate: Certificate, says: str) -> Row[Polls]:
    return Row(
        name,
        provoked,
        at_api(faults.ShowCertificate(certificate)),
        OTHER_REGIONS,
        1,
        (f"The certificate that answers for {{host}} is not trusted {says}",),
        WHEN_OVER,
    )


NETWORK: Group[Polls] = Group(
    "Network",
    (
        Row(
            "proxy refuses connections",
            "nothing listens where the proxy should be",
            settings(proxy=Proxy(kind="http", host="127.0.0.1", port=9)),
            NOTHING,
            1,
            (
                "wait=… reason=proxy",
                f"The proxy could not be used to reach {LOGIN} (…refused). {_CHECK_THE_PROXY.format(host=LOGIN)}",
            ),
            WHEN_OVER,
        ),
        Row(
            "proxy forbids the host",
            "the proxy answers CONNECT to the API's host with 403",
            at_api(faults.RefuseTunnel(403)),
            OTHER_REGIONS,
            1,
            ("wait=… reason=refused tunnel", _NO_WAY.format(status=403)),
            WHEN_OVER,
        ),
        Row(
            "proxy drops a connection",
            "the proxy resets one CONNECT",
            at_api(faults.DropTunnel(), times=1),
            EVERYTHING,
            0,
            ("wait=… reason=…",),
            GOES_ON,
        ),
        Row(
            "proxy 407",
            "the proxy's password is wrong",
            _wrong_password,
            NOTHING,
            2,
            (f"The proxy refuses this user name and password. {_CORRECT_THE_LOGIN}",),
            WHEN_OVER,
        ),
        Row(
            "DNS fails at the proxy",
            "the proxy can't resolve the API's host",
            lambda stage: stage.cloud.forget_host(stage.subject.host),
            OTHER_REGIONS,
            1,
            ("wait=… reason=refused tunnel", _NO_WAY.format(status=503)),
            WHEN_OVER,
        ),
        Row(
            "DNS fails here",
            "there is no proxy, and the API's host has no address",
            _unresolved,
            OTHER_REGIONS,
            1,
            (
                "wait=… reason=unknown host",
                (
                    "The name … could not be resolved. Check this host's DNS, or set the proxy under Configuration > "
                    "Proxy.{retirement}"
                ),
            ),
            WHEN_OVER,
            # A resolver that is not there takes its time.
            (SIEM_ALERTS,),
        ),
        _distrusted(
            "certificate expired",
            "the API's host shows a certificate of yesterday",
            Certificate.EXPIRED,
            "(certificate has expired). Check this machine's clock; if it is right, the owner of the proxy in between has to renew it.",
        ),
        _distrusted(
            "certificate of another host",
            "the API's host shows the certificate of another one",
            Certificate.OTHER_HOST,
            "(Hostname mismatch, …). Something else answers in its place: look for a proxy, portal or filter in between, "
            "and check DNS.",
        ),
        _distrusted(
            "certificate of an unknown authority",
            "the API's host shows a certificate that no trusted authority has signed",
            Certificate.UNKNOWN_AUTHORITY,
            "(…). None of the certificates under Configuration > Network > Additional CA certificates has issued it. "
            "Check this input on the Inputs page to see who did, and paste the certificate of that CA.",
        ),
    ),
    CODE_PATHS,
)
