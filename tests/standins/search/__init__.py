"""What Splunk would make of events: an app's props, transforms, event types, tags and macros, applied offline.

It covers what the add-on uses and refuses the rest (:class:`~standins.search.refusal.NotModelledError`), so that a
test never passes on a guess. Where a behaviour is documented, the code names the page of Splunk's documentation or
the ``*.conf.spec`` file; where it is assumed, it says so.
"""

from standins.search.indexing import IndexedEvent
from standins.search.internal_log import events_of_log
from standins.search.knowledge import Fields, SearchKnowledge
from standins.search.limits import SearchLimits
from standins.search.refusal import NotModelledError
from standins.search.table import format_table

__all__ = [
    "Fields",
    "IndexedEvent",
    "NotModelledError",
    "SearchKnowledge",
    "SearchLimits",
    "events_of_log",
    "format_table",
]
