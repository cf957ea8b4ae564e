"""The floor: what it takes to read the same answers and write them, in a few plain lines, with the same libraries.

No windows, no memory of what has been written, no checkpoint, no retry, no events: whatever an add-on is, in Python and
with `requests`, it does this much. Runs on Splunk's Pythons; what to read comes as JSON on stdin.
"""

import json
import sys
from xml.sax.saxutils import escape

import requests


def main() -> None:
    """Get a token, read each answer, parse it, write it."""
    way = json.load(sys.stdin)
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"https": way["proxy"]}
    session.verify = way["ca"]
    token = session.post(way["token_url"], data=way["form"], timeout=60).json()["access_token"]
    headers = {"Authorization": "Bearer " + token, "Accept": "application/json", **way["headers"]}
    for first in way["urls"]:
        url = first
        while url:
            text = session.get(url, headers=headers, timeout=60).text
            answer = json.loads(text)
            sys.stdout.write(escape(text))
            url = answer.get("@odata.nextLink") if isinstance(answer, dict) else None


main()
