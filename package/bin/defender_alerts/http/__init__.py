"""The way to Microsoft: verified TLS, the proxy, retries, throttling, and the server's clock."""
