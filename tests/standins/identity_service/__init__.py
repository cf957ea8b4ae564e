"""A Python whose connections to an Azure VM's metadata service arrive at the stand-in of one, as on a VM of Azure."""

from __future__ import annotations

from pathlib import Path


def environment(address: tuple[str, int], splunk_home: Path) -> dict[str, str]:
    """What splunk-launch.conf has to say, so that sitecustomize.py comes before the scripts and is told the address."""
    modules = splunk_home / "lib" / "python3" / "site-packages"
    return {"PYTHONPATH": f"{Path(__file__).parent}:{modules}", "STANDIN_OF_IMDS": f"{address[0]}:{address[1]}"}
