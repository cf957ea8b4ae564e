"""What `./build.sh chaos` runs after the build: the crash campaign, with its numbers.

python -m chaos [--kills N] [--seed N] [--inputs NAME,NAME] [--app APP]; without arguments CHAOS_KILLS, CHAOS_SEED and
CHAOS_INPUTS count. The exit status is 0 only if nothing was lost and no kill cost more than a batch.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from chaos.campaign import History, Paced, campaign, measure
from chaos.report import line, table
from chaos.targets import TARGETS, Target
from integration.installation import Installation, set_up
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd

from tooling import paths
from tooling.splunk_pythons import SPLUNK_PYTHONS

KILLS = 300


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its numbers."""
    parser = argparse.ArgumentParser(prog="build.sh chaos", description="Kill the add-on at random moments.")
    environ = os.environ
    parser.add_argument("--kills", type=int, default=int(environ.get("CHAOS_KILLS") or KILLS), help="how many times")
    parser.add_argument("--seed", type=int, default=int(environ.get("CHAOS_SEED") or random.randrange(10**6)))
    parser.add_argument(
        "--inputs",
        type=_targets,
        default=environ.get("CHAOS_INPUTS") or ",".join(target.name for target in TARGETS),
        help="which ones, separated by commas (all: %(default)s)",
    )
    parser.add_argument("--app", type=Path, default=paths.BUILT_APP, help="a built add-on other than output/'s")
    options = parser.parse_args(arguments)
    began = time.monotonic()

    _say(f"Killing {options.app.name} {options.kills} times in drains of 10,000 events per region, seed {options.seed}")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        installations: list[tuple[str, Installation]] = []
        for python in SPLUNK_PYTHONS:
            cloud = stack.enter_context(MicrosoftCloud())
            splunkd = stack.enter_context(Splunkd(home / python.version, options.app, python.program))
            stack.enter_context(splunkd.starting_anew())
            installations.append((python.version, set_up(Installation(splunkd, cloud))))
        paced: list[Paced] = []
        for target in options.inputs:
            for version, installation in installations:
                one = measure(installation, target, options.seed)
                paced.append(one)
                _say(
                    f"  Splunk's Python {version}, {target.name}: a drain that nobody kills takes {one.pace.whole:.1f} "
                    f"s, {one.pace.started:.1f} s of it to start"
                )
        histories = campaign(paced, seed=options.seed, kills=options.kills, tell=lambda history: _say(line(history)))
    _say(f"\n{table(histories, options.seed, time.monotonic() - began)}\n")
    return verdict(histories)


def _targets(names: str) -> list[Target]:
    by_name = {target.name: target for target in TARGETS}
    return [by_name[name.strip()] for name in names.split(",")]


def verdict(histories: Sequence[History]) -> int:
    """Say whether the promise was kept, and give the exit status."""
    broken = sum(len(history.breaches) for history in histories)
    _say("FAILED: see BROKEN above" if broken else "Nothing lost, and no kill cost more than a batch per region.")
    return 1 if broken else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is for a terminal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
