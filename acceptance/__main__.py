"""`./build.sh accept --splunk ...` and `./build.sh accept --tenant ...`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

USAGE = """Usage: ./build.sh accept --splunk URL --user NAME   let a Splunk run the add-on, and ask it what came of it
       ./build.sh accept --tenant ...               ask a real tenant, reading only

"./build.sh accept --splunk --help" and "./build.sh accept --tenant --help" list the options."""

MODULES = {"--splunk": "acceptance.splunk", "--tenant": "acceptance.tenant"}
"""By the option that says what is asked, the module whose `main` is given all arguments."""


def main(arguments: Sequence[str]) -> int:
    """Hand over to what is asked for.

    Returns:
        The exit status: 0 all well, 1 something is wrong, 2 it could not be asked.
    """
    asked = [module for option, module in MODULES.items() if any(a.partition("=")[0] == option for a in arguments)]
    if len(asked) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    run: Callable[[Sequence[str]], int] = importlib.import_module(asked[0]).main
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
