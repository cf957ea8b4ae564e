"""How a poll's process begins and ends: most of a quiet poll is Python importing libraries and taking them down again.

What it saves is in docs/performance.md. The setup pages do without: their processes load other libraries first.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import warnings

# ``requests`` looks for either, to guess the encoding of an answer that names none, and runs without them. Answers are
# read as bytes here, and nothing is guessed; Splunk's own site-packages may hold either, too.
_NEEDLESS = ("chardet", "charset_normalizer")


def make_imports_cheap() -> None:
    """Let libraries be imported without what no poll uses, and with few looks for garbage among them."""
    gc.set_threshold(10_000)
    # None is Python's own way to say that a module is not there.
    sys.modules.update(dict.fromkeys(_NEEDLESS))  # type: ignore[arg-type]
    # splunkd would log that requests misses both as an error, with every poll.
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


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
