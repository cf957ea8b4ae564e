"""Starts a program and writes down what it took: `launcher.py FOLDER PROGRAM ARGUMENT...`, in place of a Python.

A process of its own between splunkd and what is measured. It is small, because Linux counts what stood in memory before
a program was executed towards the program's peak: started from a stand-in, it would have the stand-in's.
"""

import ctypes
import json
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def main(folder: str, command: "list[str]") -> int:
    """Start the command, and leave FOLDER/<own process id>.json when it has ended; <...>.pid says the id it has.

    Returns:
        its exit status.
    """
    prctl = ctypes.CDLL(None).prctl
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execv(command[0], command)  # noqa: S606 - no shell is meant
    own = os.path.join(folder, str(os.getpid()))  # noqa: PTH118 - pathlib is a megabyte
    _write(own + ".pid", str(process))
    _, status, usage = os.wait4(process, 0)
    taken = {
        "began": began,
        "wall_seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss / 1024,
    }
    _write(own + ".json", json.dumps(taken))
    return os.waitstatus_to_exitcode(status)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - see above
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
