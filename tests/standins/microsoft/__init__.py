"""A stand-in for Microsoft's cloud: Entra ID, the SIEM API, Defender for Endpoint, and Graph security.

It speaks the real protocols to unmodified clients: TLS with certificates of a throw-away authority, Microsoft's own host
names, HTTP/1.1 with keep-alive and gzip, JWTs signed in RS256. It lives in the threads of one process; a host has no
address, so the only way in is one of three proxies on 127.0.0.1 (`cloud.MicrosoftCloud.proxy`, ``https_proxy``, ``socks_proxy``).

    with MicrosoftCloud(CloudClock()) as cloud:
        tenant = cloud.entra.add_tenant()
        application = tenant.add_application(secret="...")
        cloud.siem("eu").add(tenant, siem_alert(1, cloud.clock.now()))
        cloud.graph("commercial").alerts.put(tenant, graph_alert(1, cloud.clock.now()))
        cloud.faults.add(cloud.siem("us").host, throttled(30))
        ...  # run the add-on with cloud.proxy.url() and cloud.ca_pem
        assert cloud.journal.calls(cloud.siem("eu").host)

It is strict: what the real service refuses, it refuses.

Documented by Microsoft, and done as documented:

- Entra ID (v2-oauth2-client-creds-grant-flow, reference-error-codes, authentication-national-cloud): the endpoint, its
  parameters, ``/.default`` with the audience kept byte for byte, the error body and its codes, which cloud signs in where.
- SIEM API (pull-alerts-using-rest-api, 2017 to 2022; gov.md): hosts, path, parameters, "the last two hours", newest first
  under ``limit``, a bare array, both resources as audience, 401, 403 for a deleted tenant, the three shapes of an alert.
- Defender for Endpoint and Microsoft Graph: what `endpoint`, `graph`, `odata_filter` and `odata_query` say at their heads,
  also of what is assumed; limits of calls in `call_limits`.
- RFC 9110 and 9112 (HTTP, CONNECT, Retry-After), 7617 (Basic), 1928 and 1929 (SOCKS5), 7519 (JWT).

Assumed, because no document says it (each module repeats its own):

- Entra ID: the order of its checks; HTTP 400 for everything but ``invalid_client`` (401) and throttling (429).
- SIEM API: error bodies; 400 for unknown, repeated, empty or unreadable parameters; 403 for a tenant of another cloud;
  404 for other paths, 405 for other methods. Real .NET services would rather ignore an unknown parameter: the
  stand-in is stricter, so that a misspelt one is noticed.
- Which bounds are inclusive, the order, a silent cap, and what a tenant of another region gets are not documented and not
  assumed: `siem.SiemBehaviour` has them each way.

Stricter or simpler than life: a request needs the right Host header; a proxy opens tunnels to port 443 only; the SIEM
API has no rate limits of its own (none is documented for it; `faults.throttled` plays them).
"""
