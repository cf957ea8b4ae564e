"""What UCC calls, by this file's name, once the add-on's tree stands in the output folder."""

from __future__ import annotations

import shutil
from pathlib import Path

NOT_SHIPPED = (
    "lib/bin",  # command-line programs of the libraries
    "lib/certifi/tests",
    "lib/solnlib/observability.py",  # needs grpcio and opentelemetry, which are compiled
    "lib/solnlib/_observability_flush.py",
    "**/__pycache__",
)


def cleanup_output_files(output_path: str, app_name: str) -> None:
    """Remove from the built tree what an add-on has no use for.

    Args:
        output_path: the folder UCC builds in.
        app_name: the add-on's folder in it.
    """
    app = Path(output_path) / app_name
    for pattern in NOT_SHIPPED:
        for path in list(app.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
