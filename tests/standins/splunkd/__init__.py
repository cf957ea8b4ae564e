"""A stand-in for splunkd: conf files, passwords, KV store, REST, REST handlers, modular inputs."""

from standins.splunkd.faults import Call, Fault
from standins.splunkd.inputrun import InputProcess, InputRun
from standins.splunkd.kvstore import KVStoreState, Limits
from standins.splunkd.modular import SchemeError
from standins.splunkd.splunkd import Splunkd
from standins.splunkd.stream import IndexedEvent
from standins.splunkd.web import WebError

__all__ = [
    "Call",
    "Fault",
    "IndexedEvent",
    "InputProcess",
    "InputRun",
    "KVStoreState",
    "Limits",
    "SchemeError",
    "Splunkd",
    "WebError",
]
