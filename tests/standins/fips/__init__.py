"""A Python whose digests are blocked as on a host in FIPS mode, whichever of Splunk's it is.

How they are blocked is on record: RHEL's Python, in two generations (pypa/twine#706, #857), one with OpenSSL's provider
for FIPS (streamlit/streamlit#15148), and one from which they were taken out (pypa/twine#1088). What a FIPS module does
to TLS and to signatures, this one can't show.
"""

from __future__ import annotations

from pathlib import Path

WAYS = ("disabled", "OpenSSL's own", "gone")


def environment(way: str, splunk_home: Path) -> dict[str, str]:
    """What splunk-launch.conf has to say, so that sitecustomize.py comes before the scripts and is told the way."""
    modules = splunk_home / "lib" / "python3" / "site-packages"
    return {"PYTHONPATH": f"{Path(__file__).parent}:{modules}", "BLOCKED_DIGESTS": way}
