"""How a poll's process begins and ends: most of a quiet poll is Python importing libraries and taking them down again.

What it saves is in docs/performance.md. The setup pages do without: their processes load other libraries first.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator

# ``requests`` looks for either, to guess the encoding of an answer that names none, and runs without them. Answers are
# read as bytes here, and nothing is guessed; Splunk's own site-packages may hold either, too.
_NEEDLESS = ("chardet", "charset_normalizer")


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """While inside, libraries are imported without what no poll uses, and without looking for garbage among them."""
    gc.disable()
    for name in _NEEDLESS:
        # Python's own way to say that a module is not there.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings():
            # splunkd would log that requests misses both as an error, with every poll.
            warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
            yield
    finally:
        # They stay to the end: no later look for garbage needs to visit them.
        gc.freeze()
        gc.enable()


def end_by(seconds: float, status: int) -> None:
    """End the process with a status after so many seconds at the latest, whatever it hangs in by then."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()


def end(status: int) -> None:
    """End the process with a status, at once.

    Python would take down some 400 modules one object after the other, for nothing. What is to be kept by then is
    written: the log's files are closed, the stream of events is flushed by whoever writes it, standard error at the end
    of each line. Neither is flushed here: that would wait for a Splunk that does not read.
    """
    logging.shutdown()
    os._exit(status)
