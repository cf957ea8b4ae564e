"""What the list of known vulnerabilities says of framing: a chunk's size is never read into memory without a bound."""

from __future__ import annotations

import tracemalloc

import pytest
from defender_alerts.errors import ConnectionFailedError
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport.body import arriving
from defender_alerts.microsoft.transport.session import open_session, trust
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.origin import Exchange
from standins.microsoft.wire import ClientGoneError
from standins.polling import http_proxy

EU = "wdatp-alertexporter-eu.windows.com"
LONG = 30_000_000


class EndlessChunkSize(faults.RequestFault):
    """An answer in chunks, of which the first one's size does not end."""

    def play(self, exchange: Exchange) -> None:
        exchange.connection.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
        )
        try:
            for _ in range(LONG // 60_000):
                exchange.connection.send(b"0" * 60_000)
        except ClientGoneError:
            return
        exchange.connection.finish()


def test_a_chunks_size_that_does_not_end_is_refused_before_it_fills_the_memory() -> None:
    with MicrosoftCloud() as cloud:
        cloud.faults.add(EU, EndlessChunkSize())
        network = Network(proxy=http_proxy(cloud.proxy), ca_pem=cloud.ca_pem)
        with (
            open_session(network, trust(network.ca_pem), EU) as session,
            session.get(f"https://{EU}/", stream=True, timeout=5) as response,
        ):
            tracemalloc.start()
            try:
                with pytest.raises(ConnectionFailedError, match="The answer was cut off"):
                    list(arriving(response.raw))
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert peak < LONG / 5
