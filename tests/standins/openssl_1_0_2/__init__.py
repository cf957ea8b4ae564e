"""A Python whose ssl module is what one linked with OpenSSL 1.0.2 has, as Splunk 9.3 and 9.4 ship it.

Which OpenSSL: server.conf.spec 10.0.2, `python.not_compatible` ("the Python 3.9 interpreter linked to OpenSSL1"), and
public reports of Splunk's Python with "OpenSSL 1.0.2zk-fips". No such Python can be had here; what this one can't show
is how 1.0.2 itself behaves: its certificate checks, its ciphers, its libcrypto.
"""

from __future__ import annotations

import shlex
from pathlib import Path

_HERE = Path(__file__).parent


def program(python: Path, folder: Path) -> Path:
    """Write a program that starts a Python of CPython 3.9 in that likeness, whatever PYTHONPATH it is given."""
    starter = folder / "python3.9-openssl-1.0.2"
    starter.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_HERE))}:"$PYTHONPATH" exec {shlex.quote(str(python))} "$@"\n',
        encoding="utf-8",
    )
    starter.chmod(0o755)
    return starter
