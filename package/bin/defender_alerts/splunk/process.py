"""Makes a poll's process start and end quickly: a quiet poll spends most of its time importing and unloading libraries.

docs/performance.md has the figures. The setup pages don't use this: their processes load other libraries first.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import warnings

# ``requests`` uses either of them to guess the encoding of an answer, and works without. The add-on reads answers as
# bytes, so nothing has to be guessed. Splunk's own site-packages may contain them.
_NEEDLESS = ("chardet", "charset_normalizer")


def make_imports_cheap() -> None:
    """Skip libraries that no poll uses, and collect garbage less often during imports."""
    gc.set_threshold(10_000)
    # None tells Python that a module does not exist.
    sys.modules.update(dict.fromkeys(_NEEDLESS))  # type: ignore[arg-type]
    # splunkd would log requests' warning about both as an error with every poll.
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


def end_by(seconds: float, status: int) -> None:
    """End the process with a status after this many seconds at the latest, even if it hangs."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()


def end(status: int) -> None:
    """End the process with a status, at once.

    Python would unload some 400 modules object by object, for nothing. Everything has been written by then: the log
    files are closed here, the event stream is flushed by its writer, standard error after each line. Flushing them here
    might wait for a Splunk that does not read.
    """
    logging.shutdown()
    os._exit(status)
