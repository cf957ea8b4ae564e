"""HTTP to Microsoft: TLS, proxy, retries, throttling, rate limits and the server's clock.

The only package that connects to Microsoft.
"""
