"""A stand-in for Splunk Web: the add-on's own pages in a browser, and their way to splunkd.

    with Splunkd(home, app, python) as splunkd, Web(splunkd) as web:
        ...  # let a browser open web.page("configuration")

It serves the built app's page template and appserver/static unmodified, plain HTTP on 127.0.0.1, and logs whoever opens a
page in as `user` (no password: "login implied"). What the pages ask of splunkd passes only with the session's cookie, for
writing also with the CSRF token as cookie and header, and only where a web.conf exposes it.
"""

from standins.splunkweb.passage import Exchange
from standins.splunkweb.web import Web

__all__ = ["Exchange", "Web"]
