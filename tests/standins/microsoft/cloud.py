"""The stand-in Microsoft cloud as a test or the demo holds it."""

from __future__ import annotations

from types import TracebackType

from typing_extensions import Self

from standins.microsoft import hosts
from standins.microsoft.certificates import authority
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Directory
from standins.microsoft.endpoint import EndpointApi, EndpointService
from standins.microsoft.entra import EntraService
from standins.microsoft.faults import Faults
from standins.microsoft.graph import GraphApi, GraphService
from standins.microsoft.journal import Journal
from standins.microsoft.origin import Origins, Service
from standins.microsoft.proxy import Credentials, HttpProxy, ProxyAddress, Ruleset, SocksProxy
from standins.microsoft.siem import SiemRegion, SiemService
from standins.microsoft.workers import Workers


class MicrosoftCloud:
    """Entra ID, the SIEM API and today's APIs under Microsoft's own names, behind three proxies on 127.0.0.1.

    A context manager: it serves from ``__enter__`` on, and after ``__exit__`` no thread and no socket is left.

    Args:
        clock: what it takes for now; this machine's unless told otherwise.
        proxy_credentials: what the proxies want to hear.
        listen: where the HTTP proxy listens, if it has to be reached from another machine; the others are on 127.0.0.1.
    """

    def __init__(
        self,
        clock: CloudClock | None = None,
        *,
        proxy_credentials: Credentials | None = None,
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.clock = clock or CloudClock()
        self.journal = Journal()
        self.faults = Faults()
        self.entra = Directory(self.clock)
        self.siem_regions = tuple(SiemRegion(checkpoint) for checkpoint in hosts.SIEM)
        self.endpoint_apis = tuple(EndpointApi(checkpoint, self.clock) for checkpoint in hosts.ENDPOINT)
        self.graph_apis = tuple(GraphApi(checkpoint, self.clock) for checkpoint in hosts.GRAPH)
        self._workers = Workers()
        self._authority = authority()
        services: dict[str, Service] = {
            login.host: EntraService(login, self.entra, self.clock) for login in hosts.LOGIN
        }
        for region in self.siem_regions:
            for host in region.hosts:
                services[host] = SiemService(region, self.entra, self.clock)
        for endpoint in self.endpoint_apis:
            for host in endpoint.checkpoint.hosts:
                services[host] = EndpointService(endpoint, self.entra)
        for graph in self.graph_apis:
            for host in graph.checkpoint.hosts:
                services[host] = GraphService(graph, self.entra, self.clock)
        origins = Origins(services, self._authority, self.clock, self.journal, self.faults, self._workers)
        self._rules = Ruleset(origins, proxy_credentials)
        self._addresses: dict[str, ProxyAddress] = {}
        self._listen = listen

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority behind every host, and behind the proxy that speaks TLS."""
        return self._authority.pem

    @property
    def intermediate_pem(self) -> str:
        """The certificate of the authority below that one; hosts show one of its own by ``FROM_INTERMEDIATE``."""
        return self._authority.intermediate_pem

    @property
    def proxy(self) -> ProxyAddress:
        """The HTTP proxy."""
        return self._addresses["http"]

    @property
    def https_proxy(self) -> ProxyAddress:
        """The HTTP proxy to which the client speaks TLS."""
        return self._addresses["https"]

    @property
    def socks_proxy(self) -> ProxyAddress:
        """The SOCKS5 proxy, which resolves names itself."""
        return self._addresses["socks5"]

    @property
    def proxy_credentials(self) -> Credentials | None:
        """What the proxies want to hear; None lets everybody through. May be changed at any time."""
        return self._rules.credentials

    @proxy_credentials.setter
    def proxy_credentials(self, credentials: Credentials | None) -> None:
        self._rules.credentials = credentials

    def challenge(self, *schemes: str) -> None:
        """Let the HTTP proxies name these ways to log in, such as ``Negotiate``, in place of Basic."""
        self._rules.challenges = schemes

    def siem(self, name: str) -> SiemRegion:
        """Return a region of the SIEM API by one of its hosts, or by ``us``, ``eu``, ``uk``, ``us.gcc``, ``us.gov``.

        Raises:
            StopIteration: There is none.
        """
        return next(region for region in self.siem_regions if name.lower() in (region.name, *region.hosts))

    def endpoint(self, cloud: str) -> EndpointApi:
        """Return Defender for Endpoint's API for the tenants of a national cloud.

        Raises:
            StopIteration: There is none.
        """
        return next(api for api in self.endpoint_apis if cloud in api.checkpoint.clouds)

    def graph(self, cloud: str) -> GraphApi:
        """Return Microsoft Graph's security part for the tenants of a national cloud.

        Raises:
            StopIteration: There is none.
        """
        return next(api for api in self.graph_apis if cloud in api.checkpoint.clouds)

    def forget_host(self, host: str) -> None:
        """Let a name resolve no more, as when Microsoft takes a retired API away."""
        self._rules.forgotten.add(host.lower())

    def remember_host(self, host: str) -> None:
        """Let a forgotten name resolve again."""
        self._rules.forgotten.discard(host.lower())

    def __enter__(self) -> Self:
        http = HttpProxy(self._rules)
        for scheme, serve in (
            ("http", http.serve),
            ("https", http.serve_tls),
            ("socks5", SocksProxy(self._rules).serve),
        ):
            where = self._listen if scheme == "http" else ("127.0.0.1", 0)
            address = self._workers.listen(f"{scheme}-proxy", serve, where)
            self._addresses[scheme] = ProxyAddress(scheme, *address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._workers.close()
